"""The life of a hand-in: which attempt counts, lateness, closing, scores by hand, corrections."""

import csv
import io
import json

import pytest
import quizlab
from quizlab import RIGHT, RIGHT_SCORE, by_hand, graded, rules, scores, standings, submit

from course_lib.errors import CourseError
from course_lib.grading import cli, collecting, export, feedback, grade, overview, policy, store

DUE = {"due": "2026-03-10 12:00", "closes": "2026-03-20 12:00"}
EARLY, LATE, LATER = "2026-03-09 12:00", "2026-03-11 11:00", "2026-03-12 13:00"
HALF = {"mini-number": "answer = 0.5"}


def hand_in(course, student, *versions):
    """Hand in one after the other: (answers, time), each of them seen by the grader."""
    for answers, at in versions:
        submit(course, student, answers, at=at)
        with overview.opened(course, quizlab.BANK) as (opened, _):
            collecting.collect(opened, "mini")


def table(course, accept=True):
    text = export.as_csv(course, quizlab.BANK, style="table", accept=accept)
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text))}


def log(course):
    with overview.opened(course, quizlab.BANK) as (opened, _):
        return [event for event, good in opened.log.events() if good]


@pytest.mark.parametrize(
    ("counts", "attempt", "total", "penalty"),
    [("last", 3, 2 * 0.7, 0.3), ("last_before_due", 1, 2, 0), ("best", 2, 9 * 0.9, 0.1)],
)
def test_the_rule_says_which_attempt_counts_and_lateness_costs_points(
    course, counts, attempt, total, penalty
):
    late = {"percent_per_day": 10, "at_most": 30, "grace": "5m"}
    rules(course, counts=counts, arrival="modified", late=late, quizzes={"mini": DUE})
    answers = RIGHT | {"mini-essay": ""}
    hand_in(course, "ann", (HALF, EARLY), (answers, LATE), (HALF, "2026-03-14 13:00"))
    found = standings(course)["ann"]
    assert (found["attempt"], found["attempts"]) == (attempt, 3)
    assert found["total"] == pytest.approx(total) and found["penalty"] == pytest.approx(penalty)
    row = table(course, accept=False)["ann"]
    assert float(row["points"]) == pytest.approx(total) and row["attempts"] == "3"


def test_every_hand_in_is_kept_with_its_arrival_also_one_that_was_overwritten(course):
    rules(course, arrival="modified")
    hand_in(course, "ann", (HALF, EARLY), (RIGHT, LATE), (RIGHT, LATER), (HALF, LATER))
    with store.Store(course) as opened:
        attempts = opened.handins.attempts("mini", "ann")
        kept = [opened.handins.read("mini", "ann", a.submission) for a in attempts]
    assert [a.number for a in attempts] == [1, 2, 3]  # the same file twice is one attempt
    assert [a.arrived for a in attempts] == [1773057600.0, 1773226800.0, 1773320400.0]
    assert [json.loads(data) == quizlab.notebook(RIGHT) for data in kept] == [False, True, False]
    path = course / ".handins/ann/mini/attempts.json"
    path.write_text(path.read_text().replace("1773057600.0", "1.0"))
    with store.Store(course) as opened:  # an edited list is not believed: the copies' times are
        assert opened.handins.attempts("mini", "ann")[0].arrived == 1773057600.0


def test_grace_and_extra_time_move_a_students_dates_only(course):
    rules(
        course,
        arrival="modified",
        late={"percent_per_day": 50, "grace": "10m"},
        quizzes={"mini": DUE},
        extra_time={"bob": "1d", "cid": {"mini": "1h"}, "dan": {"other": "9d"}},
    )
    for name in ("ann", "bob", "cid", "dan"):
        submit(course, name, HALF, at="2026-03-10 13:05")
    submit(course, "eve", HALF, at="2026-03-10 12:09")
    found = {name: row["penalty"] for name, row in standings(course).items()}
    assert found == {"ann": 0.5, "bob": 0, "cid": 0, "dan": 0.5, "eve": 0}


def test_what_comes_after_closing_does_not_count_by_itself(course):
    rules(course, arrival="modified", quizzes={"mini": DUE})
    hand_in(course, "ann", (HALF, EARLY), (RIGHT, "2026-03-21 12:00"))
    hand_in(course, "bob", (RIGHT, "2026-03-21 12:00"))
    found = standings(course)
    assert (found["ann"]["attempt"], found["ann"]["total"]) == (1, 2)
    assert found["bob"]["state"] == "waiting" and "extra_time" in found["bob"]["open"][0]
    assert table(course)["bob"]["points"] == ""


@pytest.mark.parametrize("before", ["receipt", "points"])
def test_keys_and_explanations_are_on_no_page_before_the_last_student_closes(
    course, monkeypatch, before
):
    rules(
        course,
        arrival="modified",
        before_closing=before,
        quizzes={"mini": DUE},
        extra_time={"bob": "2d"},
    )
    submit(course, "ann", RIGHT | {"mini-choice": "answer = 'a'"}, at=EARLY)
    submit(course, "blank", {}, at=EARLY)
    submit(course, "odd", {"mini-number": "answer = 0,5"}, at=EARLY)
    graded(course)
    closes = policy.load(course).closes["mini"]

    def pages(now):
        monkeypatch.setattr(feedback.time, "time", lambda: now)
        return {p.parts[-3]: p.read_text() for p in feedback.write_all(course, quizlab.BANK)}

    quiz = quizlab.mini()
    secrets = [c.why for q in quiz.questions for c in q.choices if c.why != "It is."]
    secrets += [q.explanation for q in quiz.questions if q.explanation]
    secrets += [c.text for q in quiz.questions for c in q.rubric]
    for now in (closes - 1, closes + 1):  # bob may still write
        for text in pages(now).values():
            assert not [secret for secret in secrets if secret in text]
            assert "not true" not in text
            assert ("of 12 points" in text) == (before == "points")
    assert "write 0.5" in pages(closes + 1)["odd"]
    after = pages(closes + 2 * 86_400 + 1)["blank"]
    assert all(secret in after for secret in secrets)


def test_without_a_closing_date_there_are_no_keys_and_the_instructor_is_told(course):
    submit(course, "ann", {})
    graded(course)
    said = []
    (path,) = feedback.write_all(course, quizlab.BANK, tell=said.append)
    assert "Half of one." not in path.read_text() and "closing date" in said[0]


# --- scores by hand ------------------------------------------------------------------------------


def test_a_score_by_hand_waits_when_the_answer_changes_and_stops_the_export(course):
    submit(course, "ann")
    graded(course)
    by_hand(course, "ann", 2.5)
    assert table(course, accept=False)["ann"]["points"] == "11.5"
    submit(course, "ann", RIGHT | {"mini-choice": "answer = 'a'"})  # another answer than the essay
    graded(course)
    assert table(course, accept=False)["ann"]["points"] == "10.5"
    submit(course, "ann", RIGHT | {"mini-essay": "Something else."})
    assert standings(course)["ann"]["state"] == "waiting"
    with pytest.raises(CourseError, match="gave a score to another answer"):
        table(course, accept=False)
    assert table(course)["ann"]["points"] == ""
    by_hand(course, "ann", 1)
    assert table(course, accept=False)["ann"]["points"] == "10"
    given = [e for e in log(course) if e["what"] == "score by hand"]
    assert [(e["student"], e["score"]) for e in given] == [("ann", 2.5), ("ann", 1)]
    assert all(e["when"] and e["who"] for e in given)


def test_a_machines_score_that_a_person_changed_waits_too(course):
    submit(course, "ann", HALF)
    graded(course)
    by_hand(course, "ann", 1.5, "mini-number")
    assert table(course, accept=False)["ann"]["points"] == "1.5"
    submit(course, "ann", {"mini-number": "answer = 0.51"})
    graded(course)
    assert table(course)["ann"]["open"].startswith("mini-number: A person gave")


@pytest.mark.parametrize(("points", "extra"), [(300, None), (-5, None), (3, 100), (3, -1)])
def test_points_outside_the_questions_are_flagged_and_never_exported(course, points, extra):
    submit(course, "ann")
    graded(course)
    by_hand(course, "ann", points, extra=extra)
    for _ in range(2):  # and stay flagged when all is graded again
        with pytest.raises(CourseError, match="is outside 0 to 3"):
            table(course, accept=False)
        row = table(course)["ann"]
        assert row["points"] == "" and row["state"] == "waiting"
        graded(course)
    by_hand(course, "ann", 3)
    assert table(course, accept=False)["ann"]["points"] == "12"


def test_points_by_command_are_checked_logged_and_taken_back_in_formgrader(course, capsys):
    submit(course, "ann")
    graded(course)
    where = ["--course-dir", str(course), "--bank", str(quizlab.BANK)]
    assert cli.main(["score", "ann", "mini-essay", "300", *where]) == 1
    assert "outside 0 to 3" in capsys.readouterr().err
    assert cli.main(["score", "ann", "mini-essay", "2", "--comment", "Good.", *where]) == 0
    assert table(course, accept=False)["ann"]["points"] == "11"
    by_hand(course, "ann", None)
    with quizlab.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        book.find_grade("mini-essay", "mini", "mini", "ann").needs_manual_grade = True
        book.db.commit()
    assert table(course)["ann"]["points"] == ""
    assert cli.main(["log", "--student", "ann", *where]) == 0
    text = capsys.readouterr().out
    for part in ("handed in", "graded", "score by hand", "score by hand taken back", "accepted"):
        assert part in text


def test_what_could_not_be_graded_keeps_the_stored_score_and_stops_the_export(course, monkeypatch):
    submit(course, "ann", RIGHT | {"mini-essay": ""})
    graded(course)
    monkeypatch.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))
    assert standings(course)["ann"]["total"] == RIGHT_SCORE  # nothing new: nothing is lost
    submit(course, "ann", RIGHT | {"mini-essay": "", "mini-number": "answer = 50"})
    found = standings(course)["ann"]
    assert found["state"] == "could_not_grade" and found["attempt"] == 1
    with pytest.raises(CourseError, match="no sandbox"):
        table(course, accept=False)
    assert table(course)["ann"]["points"] == "9"  # accepted: the earlier attempt counts on
    path = course / "submitted/ann/mini/mini.ipynb"
    path.unlink()
    path.symlink_to("/nowhere")
    assert standings(course)["ann"]["state"] == "could_not_grade"
    monkeypatch.undo()
    path.unlink()
    submit(course, "ann", RIGHT | {"mini-essay": "", "mini-number": "answer = 50"})


def test_a_newer_version_of_the_same_hand_in_that_fails_keeps_the_older_points(course, monkeypatch):
    submit(course, "ann", RIGHT | {"mini-essay": ""})
    graded(course)
    rules(course, corrections={"mini-scale": {"points": 8}})  # all is graded again, here without
    monkeypatch.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))
    record = graded(course)["ann"]
    assert scores(record)["mini-scale"] is None and record["questions"][3]["stored"] == 4
    assert table(course)["ann"]["points"] == ""
    with quizlab.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        mark = book.find_grade("mini-scale", "mini", "mini", "ann")
        assert (mark.auto_score, mark.needs_manual_grade) == (4, True)


# --- corrections ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("correction", "answer", "before", "after", "of"),
    [
        ({"mini-choice": {"accept": ["a"]}}, "mini-choice: answer = 'a'", 0, 1, 12),
        ({"mini-choice": {"key": "c"}}, "mini-choice: answer = 'b'", 1, 0, 12),
        ({"mini-choice": {"drop": True}}, "mini-choice: answer = 'b'", 1, 0, 11),
        ({"mini-choice": {"full_credit": True}}, "mini-number: answer = 0.5", 2, 3, 12),
        ({"mini-number": {"points": 4}}, "mini-number: answer = 0.5", 2, 4, 14),
        ({"mini-number": {"points": 4}}, "mini-number: answer = 50", 1, 2, 14),
        ({"mini-number": {"accept": [0.25]}}, "mini-number: answer = 0.25", 0, 2, 12),
        ({"mini-number": {"tolerance": 0.1}}, "mini-number: answer = 0.6", 0, 2, 12),
        (
            {"mini-multiple": {"accept": [["a", "b", "c"]]}},
            "mini-multiple: answer = ['a', 'b', 'c']",
            1,
            2,
            12,
        ),
        ({"mini-multiple": {"key": ["a"]}}, "mini-multiple: answer = ['a']", 1, 2, 12),
    ],
)
def test_a_correction_regrades_exactly_and_lists_who_is_affected(
    course, correction, answer, before, after, of
):
    submit(course, "ann", dict([answer.split(": ", 1)]))
    submit(course, "bob", {"mini-essay": "Only this."})
    graded(course)
    by_hand(course, "bob", 2)
    rules(course, corrections=correction)
    report = grade.grade_course(course, quizlab.BANK)
    change = next(c for c in report["changed"] if c["student"] == "ann")
    assert (change["before"], change["after"], change["after_of"]) == (before, after, of)
    row = table(course)["bob"]
    bonus = 1 if "full_credit" in str(correction) else 0
    assert (row["points"], row["of"]) == (str(2 + bonus), str(of))  # points by hand are kept
    assert any(e["what"] == "regraded" and e["student"] == "ann" for e in log(course))
    rules(course)
    back = grade.grade_course(course, quizlab.BANK)["submissions"]
    assert {r["student"]: r["score"] for r in back} == {"ann": before, "bob": 0}


def test_a_curve_adds_points_up_to_all_of_them(course):
    submit(course, "ann", HALF)
    submit(course, "bob", RIGHT | {"mini-essay": "So."})
    graded(course)
    by_hand(course, "bob", 2.5)
    rules(course, quizzes={"mini": {"add": 1}})
    rows = table(course, accept=False)
    assert (rows["ann"]["points"], rows["bob"]["points"]) == ("3", "12")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("counts: first", "course.yaml: counts.*last_before_due"),
        ("quizes: {}", "course.yaml.*Allowed are.*quizzes"),
        ("quizzes: {mini: {due: soon}}", "quizzes.mini.due: write a date"),
        ("quizzes: {mini: {due: 2026-03-10 12:00, closes: 2026-03-09 12:00}}", "before due"),
        ("timezone: Mars/Base", "timezone.*Europe/Berlin"),
        ("extra_time: {12: 3d}", "put the name in quotes"),
        ("extra_time: {ann: three days}", "extra_time.ann"),
        ("corrections: {mini-none: {drop: true}}", "no question of the bank"),
        ("corrections: {mini-choice: {key: z}}", "corrections.mini-choice"),
        ("corrections: {mini-choice: {key: [a, b]}}", "letters from a to c"),
        ("corrections: {mini-scale: {key: a}}", "for choices and numbers"),
        ("a: [", "not readable YAML"),
    ],
)
def test_a_mistake_in_the_rules_is_told_with_its_place(course, text, says):
    submit(course, "ann")
    (course / "course.yaml").write_text(text)
    with pytest.raises(CourseError, match=f"(?s){says}"):
        graded(course)


def test_a_time_without_a_zone_is_local_and_a_day_means_its_end(tmp_path):
    path = tmp_path / "course.yaml"
    path.write_text(
        "timezone: Europe/Berlin\nquizzes:\n  a: {due: 2026-07-01 12:00, closes: 2026-07-02}\n"
        "  b: {due: '2026-07-01 12:00 +00:00'}\n  c: {due: 2026-07-01T12:00:00Z}\n"
    )
    found = policy.load(tmp_path)
    noon = 1782907200.0  # 2026-07-01 12:00 UTC
    assert found.due == {"a": noon - 7200, "b": noon, "c": noon}
    assert found.closes["a"] == noon - 7200 + 86_400 + 12 * 3600 - 1
