"""Settings of measured draws are those that were chosen on other draws, for every claim."""

import pytest

from course_lib.claims import claims
from course_lib.lab import store, tuning
from course_lib.lab.cache import plain

TUNED = {tag: claim for tag, claim in claims().items() if claim.tuning}


def holds(trial: dict, wanted: dict) -> bool:
    """A trial may list the one value of a setting."""
    return all(trial.get(name) in (entry, [entry]) for name, entry in plain(wanted).items())


@pytest.mark.parametrize("tag", TUNED)
def test_every_rival_is_measured_at_the_setting_that_was_chosen_for_it(tag):
    claim = TUNED[tag]
    trials = [plain(trial) for trial in claim.trials(claim.full)]
    for name, setting in claim.tuning.chosen().items():
        wanted = {**claim.tuning.rivals[name], **setting}
        draws = {trial["seed"] for trial in trials if holds(trial, wanted)}
        assert draws == set(claim.full["seeds"]), name


@pytest.mark.parametrize("tag", TUNED)
def test_nothing_is_chosen_on_a_measured_draw_or_by_a_test_score(tag):
    claim = TUNED[tag]
    rows = store.open_study(tag, tuning.RESULTS).rows
    assert {row["trial"]["seed"] for row in rows} == set(tuning.DRAWS)
    assert not set(tuning.DRAWS) & set(claim.full["seeds"])
    assert all(set(row["measured"]) == set(claim.tuning.kept) for row in rows)
    assert "test" not in claim.tuning.kept and "right" not in claim.tuning.kept


@pytest.mark.parametrize("tag", TUNED)
def test_all_rivals_were_tried_on_every_setting_of_their_grid(tag):
    one = TUNED[tag].tuning
    tried = one.tried()
    for name, grid in one.grids.items():
        mine = tried[tried[tuning.RIVAL] == name]
        for setting in tuning.settings(grid):
            here = mine
            for axis, value in setting.items():
                here = here[here[axis] == value]
            assert len(here) == len(tuning.DRAWS), (name, setting)
