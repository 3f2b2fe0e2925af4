"""Claims that are asked of photographs: what is set against what."""

import pandas as pd
import pytest
import torch

from course_lib.claims import on_photographs
from course_lib.claims.trials.forgetting import PLAIN
from course_lib.data.split import Split


def rows(draw):
    """(method, rate, setting, validation, selection, test, source), in a draw."""
    settings = [
        (PLAIN, 1e-5, None, 0.90, 0.80, 0.91, 0.81),  # at matched accuracy, keeps most
        (PLAIN, 3e-5, None, 0.905, 0.70, 0.93, 0.71),  # best on the new task
        (PLAIN, 1e-4, None, 0.85, 0.95, 0.84, 0.96),  # keeps more, but is too bad
        ("replay", 3e-5, 0.3, 0.80, 0.99, 0.80, 0.99),
        ("replay", 1e-4, 1.0, 0.896, 0.85, 0.90, 0.87),
    ]
    names = ("method", "rate", "setting", "validation", "selection", "test", "source")
    return [dict(zip(names, one, strict=True), seed=draw) for one in settings]


def test_each_method_takes_in_each_draw_what_keeps_most_at_matched_accuracy(monkeypatch):
    grids = {name: on_photographs.KEEPING[name] for name in (PLAIN, "replay")}
    monkeypatch.setattr(on_photographs, "KEEPING", grids)
    other = rows(1)
    other[0]["validation"] = 0.80  # in this draw the smallest rate is no rival
    found = on_photographs.at_matched_accuracy(pd.DataFrame(rows(0) + other)).set_index(
        ["seed", "method"]
    )
    assert found["rate"].to_dict() == {
        (0, PLAIN): 1e-5, (0, "replay"): 1e-4, (1, PLAIN): 3e-5, (1, "replay"): 1e-4,
    }  # fmt: skip
    assert found["saved"].to_dict() == pytest.approx(
        {(0, PLAIN): 0, (0, "replay"): 0.06, (1, PLAIN): 0, (1, "replay"): 0.16}
    )
    assert found.loc[(1, "replay"), "change"] == pytest.approx(-0.03)


def test_every_setting_of_every_method_is_tried_in_every_draw():
    claim = on_photographs.MEASURED["C19"]
    trials = claim.trials(claim.full)
    assert len(trials) == 3 * (3 + 5 * 4)
    assert len({str(sorted(trial.items())) for trial in trials}) == len(trials)


def test_what_chooses_and_what_is_reported_share_no_picture():
    labels = torch.arange(11)
    one, other = on_photographs.halves(Split(labels.reshape(11, 1, 1, 1), labels), seed=3)
    assert sorted(torch.cat([one.labels, other.labels]).tolist()) == list(range(11))
    assert torch.equal(one.pictures[:, 0, 0, 0], one.labels)
    assert not torch.equal(on_photographs.halves(Split(labels, labels), 4)[0].labels, one.labels)
