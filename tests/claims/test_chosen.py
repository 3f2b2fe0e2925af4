"""Rates that are chosen on other draws and then frozen: C08, C09 and C35."""

import pytest

from course_lib.claims.trials import chosen, transfer
from course_lib.claims.trials.transfer import HEAD_ONLY, SCRATCH, grid
from course_lib.lab.looks import BASELINES
from course_lib.lab.tuning import Tuning

SIZE = {"task": "new-shapes", "epochs": 2, "batch": 6, "rates": chosen.AS_CHOSEN, "seeds": (0, 1)}
NAMES = (SCRATCH, HEAD_ONLY, *BASELINES)


def trials(**changes):
    return grid({**SIZE, **changes}, (12, 24), NAMES)


def test_every_strategy_has_a_choice_of_its_own_for_each_number_of_labels_and_baselines_none():
    tuning = chosen.choice("C08", trials())
    assert list(tuning.rivals) == [
        f"{name} on new-shapes, {n} labels" for n in (12, 24) for name in (SCRATCH, HEAD_ONLY)
    ]
    grids = [grid["rates"] for grid in tuning.grids.values()]
    assert grids == [chosen.MULTIPLES] * 4  # scratch gets as many rates as its rivals


def test_trials_that_name_no_rate_take_the_chosen_one_and_the_others_keep_theirs(monkeypatch):
    tuning = chosen.choice("C08", trials())
    picked = {name: {"rates": 0.1 * n} for n, name in enumerate(tuning.rivals, 1)}
    monkeypatch.setattr(Tuning, "chosen", lambda self: picked)
    taken = chosen.at_chosen(trials(), tuning)
    rates = {(one["strategy"], one["train"]): one["rates"] for one in taken}
    assert [rates[name, n] for n in (12, 24) for name in (SCRATCH, HEAD_ONLY)] == [
        (0.1,), (0.2,), (0.1 * 3,), (0.4,)
    ]  # fmt: skip
    assert all(rates[name, 12] == () for name in BASELINES)
    given = trials(rates=(1.0,))
    assert chosen.at_chosen(given, tuning) == given


def test_a_small_run_needs_no_stored_choice(monkeypatch):
    monkeypatch.setattr(Tuning, "chosen", lambda self: pytest.fail("asked for stored settings"))
    given = trials(rates=(1.0,))
    assert chosen.at_chosen(given, chosen.choice("C08", given)) == given


@pytest.mark.parametrize("strategy", [SCRATCH, HEAD_ONLY])
def test_a_rate_is_chosen_by_the_validation_score_of_the_training_that_the_study_measures(
    strategy, tiny_world
):
    trial = {"task": "new-shapes", "train": 12, "seed": 3, "strategy": strategy, "epochs": 2,
             "batch": 6}  # fmt: skip
    choosing = chosen.tried({**trial, "rates": 3.0})
    measured = transfer.transfer({**trial, "rates": (3.0,), "fresh": 12})
    assert choosing == {"validation": measured["validation"]}
    assert measured["lr"] == pytest.approx(3 * chosen.S.for_net(
        transfer.STRATEGIES[strategy], transfer.backbone()).lr)  # fmt: skip


def test_a_trial_with_fresh_pictures_is_tested_on_those_of_its_draw(tiny_world):
    trial = {"task": "new-shapes", "train": 12, "seed": 3, "strategy": HEAD_ONLY, "epochs": 1,
             "batch": 6, "rates": (1.0,)}  # fmt: skip
    found = transfer.transfer({**trial, "fresh": 18})
    assert len(transfer.unpacked(found["right"])) == 18
    usual = transfer.transfer(trial)
    assert len(transfer.unpacked(usual["right"])) == 24  # the task's own, in this tiny world
    baseline = transfer.transfer({**trial, "strategy": BASELINES[0], "fresh": 18})
    assert round(18 * baseline["test"], 6) % 1 == 0
