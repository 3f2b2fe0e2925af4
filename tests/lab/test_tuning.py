"""Settings are chosen on draws of their own, by the same search for every rival, and stored."""

import json
from dataclasses import replace

import pytest

from course_lib.errors import CourseError, Diverged
from course_lib.lab import store, tracks, tuning
from course_lib.lab.tuning import DRAWS, Tuning

MEASURED: list[dict] = []


def score(trial: dict) -> dict:
    """Best at rate 0.1 and strength 3; nothing trains at rate 1."""
    MEASURED.append(trial)
    if trial["rate"] == 1:
        raise Diverged("too large")
    peak = -abs(trial["rate"] - trial.get("best", 0.1)) - abs(trial.get("strength", 3) - 3) / 10
    return {"validation": 1 + peak + 0.001 * (trial["seed"] - DRAWS[0]), "test": 0.123}


def toy(**changes) -> Tuning:
    given = {
        "tag": "C99",
        "measure": score,
        "rivals": {"plain": {"method": "plain"}, "strong": {"method": "strong"}},
        "grids": {
            "plain": {"rate": (0.01, 0.1, 1.0)},
            "strong": {"rate": (0.01, 0.1), "strength": (0.3, 1.0)},
        },
    }
    return Tuning(**{**given, **changes})


@pytest.fixture(autouse=True)
def nothing_measured():
    MEASURED.clear()


def search(one: Tuning, folder) -> None:
    tuning.run(one, folder, say=lambda line: None)


def test_every_rival_is_tried_on_the_same_draws_and_the_best_mean_wins(tmp_path):
    search(toy(), tmp_path)
    assert toy().chosen(tmp_path)["plain"] == {"rate": 0.1}
    for method in ("plain", "strong"):
        assert {t["seed"] for t in MEASURED if t["method"] == method} == set(DRAWS)


def test_what_is_tried_runs_on_the_track_that_is_asked_for_and_its_rows_name_its_net(tmp_path):
    track = replace(tracks.TRACKS["world"], sha256="5" * 64)
    seen = []

    def measure(trial):
        seen.append(tracks.current())
        return score(trial)

    tuning.run(toy(measure=measure), tmp_path, lambda line: None, track)
    assert seen and all(one == track for one in seen)
    assert {row["weights"] for row in store.open_study("C99", tmp_path).rows} == {"5" * 64}


def test_settings_chosen_on_the_edge_of_what_was_tried_are_named(tmp_path):
    search(toy(), tmp_path)
    assert toy().edges(tmp_path) == ""
    held = toy(most={"strong": {"strength": 2.0}})
    search(held, tmp_path / "held")
    assert "strong (strength 1)" in held.edges(tmp_path / "held")
    assert "plain" not in held.edges(tmp_path / "held")


def test_a_grid_grows_beyond_its_edge_as_long_as_that_helps(tmp_path):
    search(toy(), tmp_path)
    # 0.3, 1 -> 3.33 helps; 0.1, the upper rate, stays best, so 1 is tried too and diverges.
    assert toy().chosen(tmp_path)["strong"] == {"rate": 0.1, "strength": 3.33}
    assert {t["strength"] for t in MEASURED if t["method"] == "strong"} == {0.3, 1.0, 3.33, 11.1}


def test_a_grid_does_not_grow_past_its_limit(tmp_path):
    search(toy(most={"strong": {"strength": 2.0}}), tmp_path)
    assert toy().chosen(tmp_path)["strong"]["strength"] == 1.0


def test_a_stopped_search_goes_on_and_a_finished_one_measures_nothing(tmp_path):
    search(toy(), tmp_path)
    count = len(MEASURED)
    path = tmp_path / "C99.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "rows": facts["rows"][:-2]}))
    search(toy(), tmp_path)
    assert len(MEASURED) == count + 2
    search(toy(), tmp_path)
    assert len(MEASURED) == count + 2


def test_no_test_score_is_stored_and_what_diverged_counts_as_nothing(tmp_path):
    search(toy(), tmp_path)
    rows = store.open_study("C99", tmp_path).rows
    assert all(set(row["measured"]) == {"validation"} for row in rows)
    assert {row["measured"]["validation"] for row in rows if row["trial"]["rate"] == 1} == {0.0}


def test_rivals_are_told_apart_by_what_they_share_and_by_their_grids(tmp_path):
    search(toy(), tmp_path)
    tried = toy().tried(tmp_path)
    assert (tried["rival"] == tried["method"]).all()


def test_what_was_chosen_can_stand_in_a_trial(tmp_path):
    search(toy(), tmp_path)
    chosen = toy().chosen(tmp_path)
    assert json.loads(json.dumps(chosen)) == chosen
    assert all(type(value) is float for setting in chosen.values() for value in setting.values())


def test_without_rows_nothing_is_chosen(tmp_path):
    with pytest.raises(CourseError, match="no settings yet"):
        toy().chosen(tmp_path)
