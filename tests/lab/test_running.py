"""Runs and studies: trials are data, stored rows survive, workers change nothing."""

import json
from dataclasses import replace

import pytest

from course_lib.errors import CourseError
from course_lib.lab import cache, running, store, tracks
from tests.lab.toys import SIDES, count_measured, toy, trials


def study_of(claim, folder, **how):
    return running.run_and_store(claim, folder=folder, say=lambda _: None, **how)


def test_a_run_measures_every_trial_and_keeps_the_trial_in_its_row():
    result = running.run(toy(), progress=False)
    assert list(result.rows["seed"]) == [0, 0, 1, 1] and set(result.rows["side"]) == set(SIDES)
    assert result.rows["test"].tolist() == pytest.approx([0.5, 0.6, 0.501, 0.601])


def test_quick_mode_is_asked_for_by_the_environment(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert len(running.run(toy(), progress=False).rows) == 2
    assert len(running.run(toy(), "full", progress=False).rows) == 6


def test_single_settings_can_be_changed_and_unknown_ones_are_refused():
    assert len(running.run(toy(), progress=False, seeds=(4, 5, 6)).rows) == 6
    with pytest.raises(CourseError, match="no setting seed. It has: seeds"):
        running.run(toy(), progress=False, seed=4)
    with pytest.raises(CourseError, match="live, quick, full"):
        running.run(toy(), "huge")


def test_one_draw_is_undecided_and_three_decide():
    assert running.run(toy(), "quick", progress=False).verdict == "undecided"
    assert running.run(toy(), "full", progress=False).verdict == "holds"


# ---------------------------------------------------------------- the cache


def test_the_same_trial_is_measured_once_in_a_session(tmp_path):
    running.run(toy(), progress=False)
    running.run(toy(tag="C98"), progress=False)
    assert count_measured(tmp_path) == 4


def test_the_same_trial_on_two_tracks_gives_two_rows(tmp_path):
    on_both = toy(photos={})
    running.run(on_both, progress=False)
    with tracks.using(tracks.TRACKS["photos"]):
        result = running.run(on_both, progress=False)
    assert result.track == "photos" and count_measured(tmp_path) == 8
    study_of(on_both, tmp_path)
    study_of(on_both, tmp_path, track="photos")
    stored = store.open_study("C99", tmp_path).rows
    assert [row["track"] for row in stored].count("photos") == 6
    assert len({row["weights"] for row in stored}) == 2


def test_other_weights_and_another_version_of_the_code_are_other_trials(monkeypatch):
    key = cache.key(toy().measure, {"seed": 0})
    monkeypatch.setattr(cache, "CODE", "next")
    assert cache.key(toy().measure, {"seed": 0}) != key
    monkeypatch.setattr(cache, "weights", lambda name: "others")
    assert cache.key(toy().measure, {"seed": 0})["weights"] == "others"


def test_what_is_kept_of_one_track_is_not_given_on_another():
    made = []

    @cache.kept(maxsize=4)
    def feature(seed):
        made.append(seed)
        return tracks.current().name

    assert feature(1) == feature(1) == "world"
    with tracks.using(tracks.TRACKS["photos"]):
        assert feature(1) == "photos"
    assert made == [1, 1]


def test_names_of_a_trial_do_not_make_it_another_one(tmp_path):
    named = toy(
        trials=lambda size: [{**t, "sweep": s} for t in trials(size) for s in "ab"],
        labels=("sweep",),
        primary=(),
    )
    result = running.run(named, progress=False)
    assert len(result.rows) == 8 and count_measured(tmp_path) == 4
    study_of(named, tmp_path)
    assert len(store.open_study("C99", tmp_path).rows) == 6
    assert len(store.stored_result(named, folder=tmp_path).rows) == 12


def test_a_claim_that_photographs_cannot_show_says_so_and_runs_in_the_world(capsys):
    with tracks.using(tracks.TRACKS["photos"]):
        result = running.run(toy(why_not="known factors"), progress=False)
    assert result.track == "world" and "C99 needs known factors" in capsys.readouterr().out
    with pytest.raises(CourseError, match="cannot be measured on photographs: it needs known"):
        running.run_and_store(toy(why_not="known factors"), track="photos")


# ---------------------------------------------------------------- studies


def test_stored_rows_name_all_that_they_depend_on_and_come_back(tmp_path):
    study_of(toy(), tmp_path)
    row = store.open_study("C99", tmp_path).rows[0]
    assert row["measure"] == "weigh" and row["track"] == "world" and row["code"] == cache.CODE
    assert len(row["weights"]) == 64 and row["took"] >= 0 and row["date"] >= "2026"
    back = store.stored_result(toy(), folder=tmp_path)
    assert back.verdict == "holds" and back.stored["torch"] and back.stored["threads"] == 1
    assert "Stored rows of a full-size run (world): 6 trials" in back._repr_markdown_()


def test_a_stopped_study_goes_on_without_measuring_again(tmp_path):
    stops = toy(full={"seeds": (0, 1, 2), "more": {"fails": 2}})
    with pytest.raises(KeyboardInterrupt):
        study_of(stops, tmp_path)
    assert len(store.open_study("C99", tmp_path).rows) == 4
    before = count_measured(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        study_of(stops, tmp_path)
    assert count_measured(tmp_path) == before + 1


@pytest.mark.workers
def test_two_workers_store_the_rows_that_one_stores(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    study_of(toy(), one)
    study_of(toy(), two, workers=2)

    def content(folder):
        rows = store.open_study("C99", folder).rows
        return [{k: v for k, v in r.items() if k not in ("took", "sha256")} for r in rows]

    assert content(one) == content(two)


def test_a_study_half_way_is_judged_by_its_whole_draws_and_stays_undecided(tmp_path):
    study_of(toy(), tmp_path)
    study = store.open_study("C99", tmp_path)
    whole = list(study.rows)
    study.rows = whole[:5]
    study.save(store.path_of("C99", tmp_path))
    result = store.stored_result(toy(), folder=tmp_path)
    assert result.verdict == "undecided" and len(result.rows) == 4
    assert result.sentence.startswith("5 of 6 trials are stored so far. Right minus left: 10.0")
    study.rows = whole[:1]
    study.save(store.path_of("C99", tmp_path))
    with pytest.raises(store.Unfinished, match="1 of 6 trials.*course claims run C99"):
        store.stored_result(toy(), folder=tmp_path)


def test_a_bug_in_a_claim_is_not_taken_for_an_unfinished_study(tmp_path):
    def broken(rows):
        raise IndexError("a bug")

    study_of(toy(), tmp_path)
    more = toy(full={"seeds": (0, 1, 2, 3)}, tidy=broken)
    with pytest.raises(IndexError, match="a bug"):
        store.stored_result(more, folder=tmp_path)


def test_a_trial_that_another_claim_measured_is_taken_over(tmp_path):
    other = toy(tag="C98", full={"seeds": (1, 2)})
    study_of(other, tmp_path)
    before = count_measured(tmp_path)
    study_of(toy(), tmp_path, others=[other, toy()])
    assert count_measured(tmp_path) == before + 2
    assert len(store.stored_result(toy(), folder=tmp_path).rows) == 6


def test_rows_of_another_version_are_kept_and_shown_until_the_new_ones_are_complete(
    tmp_path, monkeypatch
):
    study_of(toy(), tmp_path)
    monkeypatch.setattr(cache, "CODE", "0.3")
    monkeypatch.setattr(running.cache, "CODE", "0.3")
    assert store.stored_result(toy(), folder=tmp_path).stored["code"] == "0.2"
    study_of(toy(), tmp_path)
    assert store.stored_result(toy(), folder=tmp_path).stored["code"] == "0.3"
    assert store.stored_result(toy(), folder=tmp_path, code="0.2").stored["code"] == "0.2"
    assert len(store.open_study("C99", tmp_path).rows) == 12


def test_rows_of_a_size_that_the_claim_had_once_are_kept_but_not_judged(tmp_path):
    study_of(toy(), tmp_path)
    later = toy(full={"seeds": (2, 3)})
    study_of(later, tmp_path)
    assert sorted(set(store.stored_result(later, folder=tmp_path).rows["seed"])) == [2, 3]
    assert len(store.open_study("C99", tmp_path).rows) == 8


def test_rows_of_other_weights_are_never_mixed_in(tmp_path, monkeypatch):
    study_of(toy(), tmp_path)
    before = store.path_of("C99", tmp_path).read_bytes()
    monkeypatch.setattr(cache, "weights", lambda name: "others")
    with pytest.raises(CourseError, match="other weights of the world track's net"):
        study_of(toy(), tmp_path)
    assert store.path_of("C99", tmp_path).read_bytes() == before


def test_a_study_says_beforehand_how_long_it_takes_and_stops_at_its_cap(tmp_path):
    said = []
    running.run_and_store(toy(), folder=tmp_path, say=said.append)
    assert said[0].startswith("C99: 6 of 6 trials to measure, how long is not known")
    study = store.open_study("C99", tmp_path)
    slow = [{**row, "took": 3600.0} for row in study.rows[:2]]
    study.rows = [{**row, "sha256": cache.checksum(_unsigned(row))} for row in slow]
    study.save(store.path_of("C99", tmp_path))
    said.clear()
    running.run_and_store(toy(), folder=tmp_path, cap=1e-12, say=said.append)
    assert said[0] == "C99: 4 of 6 trials to measure, about 4 hours."
    assert said[-1] == "C99: stopped at the cap of 1e-12 hours; the same command goes on."
    assert len(store.open_study("C99", tmp_path).rows) == 2
    said.clear()
    running.run_and_store(toy(), folder=tmp_path, workers=1, say=said.append)
    running.run_and_store(toy(), folder=tmp_path, say=said.append)
    assert said[-1] == "C99: all 6 trials are stored."


def _unsigned(row):
    return {k: v for k, v in row.items() if k != "sha256"}


def test_a_second_process_on_the_same_study_is_refused(tmp_path):
    with store.writing("C99", tmp_path):
        with pytest.raises(CourseError, match="Another process is measuring C99"):
            study_of(toy(), tmp_path)


# ---------------------------------------------------------------- files that are none


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: s["rows"][0]["measured"].update(test=0.99), "row 1 .* was changed after"),
        (lambda s: s["rows"][0].pop("weights"), "lacks weights"),
        (lambda s: s.pop("machines"), "lacks machines"),
        (lambda s: s.update(format=1), "format"),
        (lambda s: s["machines"].clear(), "row 1 names no machine"),
    ],
)
def test_a_file_that_is_no_study_is_named_with_what_is_wrong(tmp_path, change, match):
    study_of(toy(), tmp_path)
    path = store.path_of("C99", tmp_path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CourseError, match=match):
        store.stored_result(toy(), folder=tmp_path)


def test_a_missing_or_broken_store_is_explained(tmp_path):
    with pytest.raises(CourseError, match="course claims run C99"):
        store.stored_result(toy(), folder=tmp_path)
    store.path_of("C99", tmp_path).write_text('{"rows": ')
    with pytest.raises(CourseError, match="not a stored run"):
        store.stored_result(toy(), folder=tmp_path)


def test_a_result_can_be_judged_anew_by_another_rule(tmp_path):
    stored = study_of(toy(), tmp_path)
    harder = replace(toy(), primary=(replace(toy().primary[0], above=0.2),))
    assert stored.verdict == "holds"
    assert store.stored_result(harder, folder=tmp_path).verdict == "does not hold here"
