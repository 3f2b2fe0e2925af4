"""Claims: trials are data, rules are fixed, stored rows survive."""

import json
import math

import pytest

from course_lib.errors import CourseError
from course_lib.experiments import claims, registry, run_claim, stored_result, study
from course_lib.experiments.study import Claim, Finding, run_and_store, select
from course_lib.measure.statistics import above, interval, points, together, with_spread

MEASURED = []


def measure(trial):
    MEASURED.append(trial)
    if trial["seed"] == trial.get("fails"):
        raise KeyboardInterrupt
    return {"test": 0.5 + 0.1 * trial["seed"]}


def toy(**changes):
    settings = dict(
        tag="C99",
        lesson="99",
        statement="Larger seeds are better.",
        rule="always",
        trials=lambda size: [{"seed": seed, "pair": (1, 2)} for seed in size["seeds"]],
        measure=measure,
        judge=lambda rows: Finding("holds", f"{len(rows)} rows", "dots"),
        draw=lambda rows: None,
        live={"seeds": (0, 1)},
        quick={"seeds": (0,)},
        full={"seeds": (0, 1, 2)},
    )
    return Claim(**{**settings, **changes})


@pytest.fixture(autouse=True)
def only_the_toy(monkeypatch):
    MEASURED.clear()
    monkeypatch.setattr(registry, "claims", lambda: {"C99": toy()})
    monkeypatch.setattr(study, "_weights", lambda: "w1")
    monkeypatch.delenv("COURSE_QUICK", raising=False)


def test_a_run_measures_every_trial_once_and_keeps_the_trial_in_its_row():
    result = run_claim("C99", progress=False)
    assert [row["seed"] for row in result.rows] == [0, 1]
    assert result.rows[1]["test"] == 0.6 and result.sentence == "2 rows"


def test_quick_mode_is_asked_for_by_the_environment(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert len(run_claim("C99", progress=False).rows) == 1
    assert len(run_claim("C99", "full", progress=False).rows) == 3


def test_single_settings_can_be_changed_and_unknown_ones_are_refused():
    assert len(run_claim("C99", progress=False, seeds=(4, 5, 6, 7)).rows) == 4
    with pytest.raises(CourseError, match="seeds"):
        run_claim("C99", progress=False, seed=4)
    with pytest.raises(CourseError, match="live, quick, full"):
        run_claim("C99", "huge")


def test_an_unknown_claim_is_refused_with_a_near_one():
    with pytest.raises(CourseError, match="Did you mean 'C99'"):
        run_claim("C98")


def test_a_stopped_study_goes_on_without_measuring_again(tmp_path, monkeypatch):
    stops = toy(
        trials=lambda size: [{"seed": s, "fails": 2} for s in size["seeds"]],
    )
    monkeypatch.setattr(registry, "claims", lambda: {"C99": stops})
    with pytest.raises(KeyboardInterrupt):
        run_and_store("C99", tmp_path, say=lambda _: None)
    assert len(json.loads((tmp_path / "C99.json").read_text())["rows"]) == 2
    MEASURED.clear()
    with pytest.raises(KeyboardInterrupt):
        run_and_store("C99", tmp_path, say=lambda _: None)
    assert [trial["seed"] for trial in MEASURED] == [2]


def test_a_study_half_way_is_judged_by_its_whole_draws_and_stays_undecided(tmp_path, monkeypatch):
    judged = []

    def judge(rows):
        judged.append([(row["seed"], row["part"]) for row in rows])
        return study.Finding("holds", "One thing.", "A figure.")

    parts = toy(
        trials=lambda size: [{"seed": s, "part": p, "fails": 1} for s in (0, 1) for p in "ab"],
        measure=lambda trial: {"test": 0.5},
        judge=judge,
    )
    monkeypatch.setattr(registry, "claims", lambda: {"C99": parts})
    run_and_store("C99", tmp_path, say=lambda _: None)
    whole = json.loads((tmp_path / "C99.json").read_text())
    for count, seen in ((3, [[(0, "a"), (0, "b")]]), (1, [])):
        half = {**whole, "rows": whole["rows"][:count]}
        (tmp_path / "C99.json").write_text(json.dumps(half))
        judged.clear()
        if count == 3:
            result = stored_result("C99", tmp_path)
            assert result.verdict == "undecided" and result.sentence.startswith("3 of 4 trials")
        else:
            with pytest.raises(study.Unfinished, match="1 of 4 trials.*course claims run C99"):
                stored_result("C99", tmp_path)
            assert study.stored_results(tmp_path) == {"C99": None}
        assert judged == seen  # no judge sees a draw of which a trial is missing


def test_whole_draws_that_a_judge_still_cannot_judge_are_unfinished(tmp_path, monkeypatch):
    def judge(rows):
        raise IndexError

    run_and_store("C99", tmp_path, say=lambda _: None)
    wants_more = toy(judge=judge, full={"seeds": (0, 1, 2, 3)})
    monkeypatch.setattr(registry, "claims", lambda: {"C99": wants_more})
    with pytest.raises(study.Unfinished, match="3 of 4 trials.*course claims run C99"):
        stored_result("C99", tmp_path)


def test_stored_rows_carry_versions_and_hardware_and_come_back(tmp_path):
    run_and_store("C99", tmp_path, say=lambda _: None)
    back = stored_result("C99", tmp_path)
    assert [row["test"] for row in back.rows] == [0.5, 0.6, 0.7]
    assert back.made_with["torch"] and back.made_with["cores"]
    assert "Stored rows" in back._repr_markdown_()


def test_rows_that_another_machine_adds_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "claims", lambda: {"C99": toy(full={"seeds": (0,)})})
    run_and_store("C99", tmp_path, say=lambda _: None)
    path = tmp_path / "C99.json"
    elsewhere = json.loads(path.read_text())
    elsewhere["made_with"]["processor"] = "another"
    path.write_text(json.dumps(elsewhere))
    monkeypatch.setattr(registry, "claims", lambda: {"C99": toy(full={"seeds": (0, 1)})})
    run_and_store("C99", tmp_path, say=lambda _: None)
    stored = json.loads(path.read_text())
    assert stored["made_with"]["processor"] == "another" and "made_with" not in stored["rows"][0]
    assert stored["rows"][1]["made_with"]["processor"] != "another"


def test_a_trial_that_another_claim_measured_the_same_way_is_taken_over(tmp_path, monkeypatch):
    both = {
        "C98": toy(tag="C98", full={"seeds": (1, 2)}),
        "C99": toy(),
        "C97": toy(tag="C97", measure=lambda trial: {"test": 0.0}),  # another measurement
    }
    monkeypatch.setattr(registry, "claims", lambda: both)
    run_and_store("C97", tmp_path, say=lambda _: None)
    run_and_store("C98", tmp_path, say=lambda _: None)
    MEASURED.clear()
    result = run_and_store("C99", tmp_path, say=lambda _: None)
    assert [trial["seed"] for trial in MEASURED] == [0]
    assert [round(row["test"], 1) for row in result.rows] == [0.5, 0.6, 0.7]

    stored = json.loads((tmp_path / "C98.json").read_text())
    stored["made_with"]["torch"] = "another"
    (tmp_path / "C98.json").write_text(json.dumps(stored))
    (tmp_path / "C99.json").unlink()
    MEASURED.clear()
    run_and_store("C99", tmp_path, say=lambda _: None)
    assert [trial["seed"] for trial in MEASURED] == [0, 1, 2]


def test_rows_of_a_size_that_the_claim_had_once_are_kept_but_not_judged(tmp_path, monkeypatch):
    run_and_store("C99", tmp_path, say=lambda _: None)
    monkeypatch.setattr(registry, "claims", lambda: {"C99": toy(full={"seeds": (2, 3)})})
    assert stored_result("C99", tmp_path).sentence.startswith("1 of 2 trials are stored so far.")
    run_and_store("C99", tmp_path, say=lambda _: None)
    assert [row["seed"] for row in stored_result("C99", tmp_path).rows] == [2, 3]
    assert len(json.loads((tmp_path / "C99.json").read_text())["rows"]) == 4
    monkeypatch.setattr(registry, "claims", lambda: {"C99": toy(full={"seeds": (8, 9)})})
    with pytest.raises(CourseError, match="0 of 2 trials are stored so far"):
        stored_result("C99", tmp_path)


def test_rows_of_other_weights_are_never_mixed_in(tmp_path, monkeypatch):
    run_and_store("C99", tmp_path, say=lambda _: None)
    before = (tmp_path / "C99.json").read_bytes()
    monkeypatch.setattr(study, "_weights", lambda: "w2")
    with pytest.raises(CourseError, match="other weights"):
        run_and_store("C99", tmp_path, say=lambda _: None)
    assert (tmp_path / "C99.json").read_bytes() == before


def test_a_missing_or_broken_store_is_explained(tmp_path):
    with pytest.raises(CourseError, match="course claims run C99"):
        stored_result("C99", tmp_path)
    (tmp_path / "C99.json").write_text('{"rows": ')
    with pytest.raises(CourseError, match="not a stored run"):
        stored_result("C99", tmp_path)


def test_a_verdict_must_be_one_of_four():
    with pytest.raises(CourseError, match="holds in part"):
        Finding("true", "", "")


def test_the_interval_is_students_t():
    """By hand: mean 2, standard deviation 1, n = 3, t = 4.302653 for 2 degrees of freedom."""
    low, high = interval([1, 2, 3])
    assert low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-5)
    assert interval([5.0]) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("differences", "threshold", "verdict"),
    [
        ([0.5, 0.51, 0.49], 0.2, "holds"),
        ([0.1, 0.11, 0.09], 0.2, "does not hold here"),
        ([0.0, 0.5], 0.2, "undecided"),
        ([0.9], 0.2, "undecided"),
    ],
)
def test_a_verdict_respects_the_spread(differences, threshold, verdict):
    assert above(differences, threshold) == verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["holds", "holds"], "holds"),
        (["holds", "undecided"], "holds in part"),
        (["holds", "does not hold here"], "holds in part"),
        (["undecided", "does not hold here"], "undecided"),
        (["does not hold here"] * 2, "does not hold here"),
    ],
)
def test_parts_join_to_one_verdict(parts, verdict):
    assert together(parts) == verdict


def test_numbers_are_written_with_their_spread():
    assert with_spread([0.5, 0.7]) == "0.600 ± 0.141"
    assert with_spread([0.5]) == "0.500 (one seed)"
    assert points(0.424) == "42.4 points"


def test_no_minus_stands_before_a_zero():
    assert points(-0.0004) == "0.0 points" and points(-0.0006) == "-0.1 points"


def test_select_finds_rows_by_their_entries():
    rows = [{"a": 1, "b": 2}, {"a": 1, "b": 3}]
    assert select(rows, a=1, b=3) == [rows[1]]


def test_every_claim_of_the_course_states_its_rule_and_sizes(monkeypatch):
    monkeypatch.undo()
    for tag, one in claims().items():
        assert one.tag == tag and one.statement.endswith(".") and one.rule
        assert set(one.live) == set(one.full)
        quick, live = one.trials(one.quick), one.trials(one.live)
        assert 0 < len(quick) <= len(live)
        json.dumps(live)
