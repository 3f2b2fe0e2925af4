"""Claims asked of nets from other pretraining seeds: nested, never mixed with the shipped net's."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from course_lib.backbones.loading import read_card
from course_lib.claims import claims, on_other_nets
from course_lib.lab import cache, store, tracks
from course_lib.lab.quantities import NET, value
from course_lib.lab.verdicts import HOLDS, UNDECIDED, Part, judge_part

NETS = Path(__file__).parents[2] / "benchmarks" / "nets"


def test_no_two_nets_share_a_draw_and_none_has_one_of_the_shipped_net():
    draws = [set(net.draws) for net in on_other_nets.NETS]
    assert not draws[0] & draws[1]
    for tag in on_other_nets.ASKED:
        shipped = {t["seed"] for t in store.full_trials(claims()[tag], tracks.TRACKS["world"])}
        assert not shipped & set.union(*draws), tag


@pytest.mark.parametrize("net", on_other_nets.NETS, ids=lambda net: net.name)
def test_rows_of_a_net_name_its_file_and_not_the_shipped_one(net):
    claim = on_other_nets.asked("C36", net)
    (trial, *_) = store.full_trials(claim, net.track())
    with tracks.using(net.track()):
        named = cache.key(claim.measure, trial)
    assert named["weights"] == net.sha256 and len(net.sha256) == 64
    assert named["weights"] != cache.weights("worldnet")


@pytest.mark.parametrize("net", on_other_nets.NETS, ids=lambda net: net.name)
def test_the_file_of_a_net_is_the_one_that_its_rows_name_and_its_card_tells_the_recipe(net):
    path = NETS / f"{net.name}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == net.sha256
    recipe = read_card(path)["recipe"]
    told = on_other_nets.RECIPE.removeprefix("--").split(" --")
    for name, number in (option.split() for option in told):
        assert recipe[name] == float(number)
    assert recipe["seed"] == net.seed


def test_with_other_weights_a_track_loads_that_file(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "course_lib.backbones.load_backbone", lambda name, weights: asked.append((name, weights))
    )
    net = on_other_nets.NETS[0]
    net.track(store.RESULTS).load_backbone()
    assert asked == [("worldnet", store.RESULTS / f"{net.name}.safetensors")]


def test_nets_that_disagree_leave_open_what_many_draws_on_one_decide():
    def rows(*means):
        return pd.DataFrame(
            {NET: f"net {k}", "seed": 10 * k + draw, "gain": mean + 0.001 * draw}
            for k, mean in enumerate(means)
            for draw in range(4)
        )

    part = Part("gain", value("gain"), above=0.1)
    assert judge_part(part, rows(0.3)).verdict == HOLDS
    assert judge_part(part, rows(0.3, 0.31, 0.29)).verdict == HOLDS
    found = judge_part(part, rows(0.3, 0.1, 0.0))
    assert found.verdict == UNDECIDED
    assert found.estimate.value == pytest.approx((0.3 + 0.1 + 0.0) / 3 + 0.0015)


def test_an_entry_per_picture_counts_by_its_mean_where_there_are_several_nets():
    gains = [np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.array([0.5, 1.0])]
    rows = pd.DataFrame({NET: ["a", "a", "b", "b"], "seed": range(4), "gain": gains})
    found = judge_part(Part("gain", value("gain"), above=0.0), rows).estimate
    half = 12.706 * 0.0625  # t(1 degree, 97.5 %) times half the distance of the nets' means
    assert found.value == pytest.approx((0.75 + 0.625) / 2)
    assert found.high - found.value == pytest.approx(half, rel=1e-3)


def test_tuned_anew_every_method_has_the_setting_that_was_chosen_on_that_net(monkeypatch):
    (net, *_) = on_other_nets.NETS
    claim = claims()["C19"]
    given = {name: dict.fromkeys(grid, 0.5) for name, grid in claim.tuning.grids.items()}
    monkeypatch.setattr(
        type(claim.tuning), "chosen", lambda self, folder: given if folder == net.choices else {}
    )
    trials = store.full_trials(on_other_nets.asked("C19", net, anew=True), net.track())
    rates = [trial["rate"] for trial in trials if "rate" in trial]
    assert rates and set(rates) == {0.5}
    assert {trial["seed"] for trial in trials} == set(net.draws)


def test_the_ledger_shows_every_net_and_the_mean_over_them():
    table = on_other_nets.table()
    assert len(table) >= len(on_other_nets.stored()) > 0
    names = [on_other_nets.SHIPPED, *(net.name for net in on_other_nets.NETS)]
    assert set(names) < set(table.columns)
    for name, found in on_other_nets.stored().items():
        tag = name.removesuffix(on_other_nets.TUNED_ANEW)
        assert found.together.rows[NET].nunique() == len(names), tag
        assert [one.part.name for one in found.together.judged] == [
            part.name for part in claims()[tag].primary
        ], tag
