"""Grading a course folder: states, fairness, resuming, one writer, fail closed."""

import dataclasses
import fcntl
import json
import os
import resource
import subprocess
import sys
import time

import joblab
import pytest
import quizlab
from nbgrader.api import Gradebook
from quizlab import RIGHT, RIGHT_CODE, RIGHT_SCORE, graded, scores, states, submit

from course_lib import executors
from course_lib.errors import CourseError
from course_lib.grading import grade, score, store, submission
from course_lib.grading import gradebook as gradebook_module
from course_lib.questions import scoring


def gradebook(course):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            (s.student.id, g.cell.name): (g.auto_score, g.manual_score, g.needs_manual_grade)
            for s in book.assignment_submissions("mini")
            for n in s.notebooks
            for g in n.grades
        }


def test_right_wrong_blank_and_broken_submissions_get_what_they_deserve(course):
    submit(course, "right")
    submit(
        course,
        "wrong",
        {
            "mini-choice": "answer = 'a'",
            "mini-number": "answer = 50",
            "mini-scale": "def scale(x, factor): return x\ndef total(x): return x.sum()",
        },
    )
    submit(course, "blank", {})
    submit(course, "broken", b'{"cells": [')
    records = graded(course)
    assert [records[n]["score"] for n in ("right", "wrong", "blank", "broken")] == [
        RIGHT_SCORE,
        2,
        0,
        0,
    ]
    assert [records[n]["state"] for n in ("right", "wrong", "blank", "broken")] == [
        "graded",
        "graded",
        "graded",
        "could_not_grade",
    ]
    assert set(scores(records["broken"]).values()) == {None}
    assert set(states(records["blank"]).values()) == {"not attempted"}
    assert states(records["right"])["mini-essay"] == "waiting" and records["right"]["needs_manual"]
    for record in records.values():
        assert record["message"] and all(q["reason"] for q in record["questions"])
    stored = gradebook(course)
    for name, record in records.items():
        for key, value in scores(record).items():
            assert stored[name, key][0] == value
    assert stored["right", "mini-essay"] == (None, None, True)


@pytest.mark.parametrize(
    "code",
    [
        RIGHT_CODE
        + "\nimport warnings, sys\nwarnings.warn('careful')\nprint('x' * 99, file=sys.stderr)",
        "%matplotlib inline\n!pip list\n" + RIGHT_CODE + "\nscale?\n",
        "print('hello')\n" + RIGHT_CODE + "print(total(np.ones(3)))",
        "import numpy\ndef helper(a, b): return b * a\n"
        "def scale(values, by): return helper(values, by)\n"
        "def total(v): return float(v.sum())",
        "import numpy as np\nscale = np.multiply\ntotal = lambda x: np.asarray(x, 'float32').sum()",
        "def scale(x, factor): return (x * factor).astype('float32')\ndef total(x): return sum(x)",
        "def scale(x, factor): return [v * factor for v in x]\ndef total(x): return sum(x).item()",
        "# a comment \u00e9\u4f60\n"
        + RIGHT_CODE
        + "\nif __name__ == '__main__':\n    raise SystemExit",
        "class Scaler:\n    def __call__(self, x, factor): return factor * x\nscale = Scaler()\n"
        "def total(x):\n    x = x.copy()\n    return x.sum()",
        RIGHT_CODE + "\nassert scale(np.ones(2), 3)[0] == 3\nopen('notes.txt', 'w').write('mine')",
        RIGHT_CODE.replace("\n", "\r\n"),
    ],
)
def test_right_answers_of_many_styles_keep_full_marks(course, code):
    submit(course, "ann", {"mini-scale": code})
    record = graded(course)["ann"]
    assert scores(record)["mini-scale"] == 4, record["questions"][3]


@pytest.mark.parametrize(
    ("code", "question", "whole"),
    [
        ("import os\nos._exit(0)", "crashed", "crashed"),
        ("while True: pass", "timeout", "timeout"),
        ("x = bytearray(10**10)", "out_of_memory", "out_of_memory"),
        ("1/0", "error", "graded"),
    ],
)
def test_one_bad_answer_costs_its_own_points_only(course, code, question, whole):
    submit(course, "ann", RIGHT | {"mini-scale": code})
    record = graded(course)["ann"]
    assert record["state"] == whole and states(record)["mini-scale"] == question
    assert record["score"] == RIGHT_SCORE - 4


def test_a_part_that_fails_is_named_and_the_other_part_counts(course):
    submit(course, "ann", {"mini-scale": RIGHT_CODE + "\ndef total(x): return 1 / 0"})
    result = graded(course)["ann"]["questions"][3]
    assert (result["score"], result["state"]) == (3, "partial")
    assert "total sums" in result["reason"] and "ZeroDivisionError in line 8" in result["reason"]


def test_an_error_text_never_carries_an_input_outside(course):
    code = "def scale(x, factor): raise type('X' + str(x[0]), (ValueError,), {})(str(x))"
    submit(course, "ann", {"mini-scale": code})
    text = json.dumps(graded(course)["ann"])
    assert "ValueError in line 1" in text
    for name in (course / "autograded").rglob("*.ipynb"):
        text += name.read_text()
    digits = "0123456789"
    assert not [w for w in text.split() if w.startswith("X") and any(c in digits for c in w)]


def test_a_second_run_does_nothing_and_says_the_same(course, monkeypatch):
    for name in ("ann", "bob"):
        submit(course, name)
    first = graded(course)
    files = {p: p.stat().st_mtime_ns for p in course.rglob("*.ipynb")}
    monkeypatch.setattr(grade, "grade_submission", lambda job: 1 / 0)
    assert graded(course) == first
    assert files == {p: p.stat().st_mtime_ns for p in course.rglob("*.ipynb")}


def test_only_a_changed_submission_is_graded_again(course):
    submit(course, "ann")
    submit(course, "bob")
    graded(course)
    before = (course / "autograded/bob/mini/mini.ipynb").stat().st_mtime_ns
    submit(course, "ann", {"mini-choice": "answer = 'b'"})
    assert graded(course)["ann"]["score"] == 1
    assert (course / "autograded/bob/mini/mini.ipynb").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: (c / "autograded/ann/mini/mini.ipynb").unlink(),
        lambda c: (c / ".grades/mini/ann.json").write_text("{"),
        lambda c: (c / "gradebook.db").unlink(),
        lambda c: _set_auto_score(c, 100.0),
    ],
)
def test_what_was_lost_or_altered_is_graded_again_to_the_same_result(course, damage):
    submit(course, "ann")
    first, stored = graded(course), gradebook(course)
    damage(course)
    again = graded(course)
    assert gradebook(course) == stored
    assert scores(again["ann"]) == scores(first["ann"])
    assert (course / "autograded/ann/mini/mini.ipynb").exists()


def _set_auto_score(course, value):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        book.find_grade("mini-choice", "mini", "mini", "ann").auto_score = value
        book.db.commit()


def test_a_persons_score_survives_regrading(course):
    submit(course, "ann")
    graded(course)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        mark = book.find_grade("mini-essay", "mini", "mini", "ann")
        mark.manual_score, mark.needs_manual_grade = 2.5, False
        book.db.commit()
    graded(course)
    assert gradebook(course)["ann", "mini-essay"] == (None, 2.5, False)
    submit(course, "ann", RIGHT | {"mini-essay": "Other words."})
    graded(course)
    assert gradebook(course)["ann", "mini-essay"] == (None, None, True)
    submit(course, "ann")  # the answer that was judged comes back, and its score with it
    graded(course)
    assert gradebook(course)["ann", "mini-essay"] == (None, 2.5, False)


def test_a_line_about_an_answer_that_a_person_has_read_has_their_points_and_asks_for_nobody(course):
    submit(course, "ann")
    told: list[str] = []
    graded(course, tell=told.append)
    assert told[0] == f"ann: graded, {RIGHT_SCORE:g} of 12, a person's turn"
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        mark = book.find_grade("mini-essay", "mini", "mini", "ann")
        mark.manual_score, mark.needs_manual_grade = 2.5, False
        book.db.commit()
    submit(course, "ann", RIGHT | {"mini-number": "1"})  # another hand-in, the essay as it was
    told.clear()
    graded(course, tell=told.append)
    assert told[0].startswith("ann: graded") and "person" not in told[0]
    assert float(told[0].split(", ")[1].split(" of ")[0]) > 2.5


def test_a_second_grader_is_refused_while_one_writes(course):
    submit(course, "ann")
    with open(course / ".grading.lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CourseError, match="Another grader"):
            graded(course)
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 4.5])
def test_a_score_out_of_range_is_never_stored(course, monkeypatch, value):
    submit(course, "ann")
    monkeypatch.setattr(
        score,
        "score_code",
        lambda question, *_: scoring.Result(question.id, "right", value, question.points, "Right."),
    )
    result = graded(course)["ann"]["questions"][3]
    assert (result["state"], result["score"]) == ("could_not_grade", None)
    assert gradebook(course)["ann", "mini-scale"][0] is None


def test_stored_scores_are_read_back_and_a_difference_stops_the_grader(course, monkeypatch):
    submit(course, "ann")
    write = gradebook_module.Gradebook.write

    def forged(self, quiz, student, marks, *rest):
        marks = {name: dataclasses.replace(mark, auto=1.0) for name, mark in marks.items()}
        write(self, quiz, student, marks, *rest)

    monkeypatch.setattr(gradebook_module.Gradebook, "write", forged)
    with pytest.raises(store.StoreError, match="other scores"):
        graded(course)
    monkeypatch.undo()
    with store.Store(course) as opened:
        assert opened.record("mini", "ann") is None


@pytest.mark.parametrize("step", ["_write", "_mirror", "autograded", "record_path"])
def test_a_failure_at_any_step_of_storing_gives_no_points_that_were_not_earned(
    course, monkeypatch, step
):
    submit(course, "ann", {"mini-choice": "answer = 'b'"})

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.Store, step, fail)
    with pytest.raises(OSError, match="No space"):
        graded(course)
    monkeypatch.undo()
    found = gradebook(course)
    assert not found or sum(v[0] or 0 for v in found.values()) == 1
    assert graded(course)["ann"]["score"] == 1


def test_a_failing_reference_costs_no_points_and_does_not_stop_the_others(course, monkeypatch):
    submit(course, "ann")
    quiz = quizlab.mini()
    broken = dataclasses.replace(
        quiz,
        questions=tuple(
            dataclasses.replace(q, reference="def scale(x, f): return 1/0")
            if q.kind == "code"
            else q
            for q in quiz.questions
        ),
    )
    monkeypatch.setattr(grade, "load_bank", lambda bank: {"mini": broken})
    record = graded(course)["ann"]
    result = record["questions"][3]
    assert (result["state"], result["score"]) == ("could_not_grade", None)
    assert "reference answer" in result["reason"]
    assert record["score"] == RIGHT_SCORE - 4 and record["state"] == "could_not_grade"


def test_an_unbuilt_or_changed_release_is_refused(course):
    submit(course, "ann")
    path = course / "release/mini/mini.ipynb"
    path.write_bytes(path.read_bytes().replace(b"Which number", b"What number"))
    with pytest.raises(CourseError, match="not what the bank builds"):
        graded(course)
    path.unlink()
    with pytest.raises(CourseError, match="was not built"):
        graded(course)


def test_without_a_sandbox_code_has_no_score_and_the_rest_is_graded(course, monkeypatch):
    submit(course, "ann")
    monkeypatch.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))
    said = []
    record = graded(course, tell=said.append)["ann"]
    assert record["score"] == RIGHT_SCORE - 4
    assert states(record)["mini-scale"] == "could_not_grade"
    assert scores(record)["mini-scale"] is None and record["needs_manual"]
    assert "no sandbox" in record["questions"][3]["reason"] and "cannot be graded" in said[0]


def test_the_time_of_arrival_is_the_file_systems_not_the_submissions(course):
    path = submit(course, "ann")
    (path.parent / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")
    os.utime(path, (0, 0))
    before = time.time()
    graded(course)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        stamp = book.find_submission("mini", "ann").timestamp
    assert abs(stamp.replace(tzinfo=None).timestamp() - before) < 2 * 86_400


def test_a_new_question_under_graded_submissions_is_refused(course, monkeypatch):
    submit(course, "ann")
    graded(course)
    quiz = quizlab.mini()
    changed = dataclasses.replace(quiz, questions=quiz.questions[:-1])
    monkeypatch.setattr(grade, "load_bank", lambda bank: {"mini": changed})
    monkeypatch.setattr(grade, "require_release", lambda quiz, course: None)
    with pytest.raises(CourseError, match="another id"):
        graded(course)


def run_cli(course, *options, **keywords):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "course_lib.grading.cli",
            "grade",
            "--course-dir",
            str(course),
            "--bank",
            str(quizlab.BANK),
            *options,
        ],
        capture_output=True,
        text=True,
        **keywords,
    )


def test_a_full_disk_gives_a_message_no_points_and_the_next_run_repairs_it(course):
    submit(course, "ann")
    graded(course)
    submit(course, "bob")
    first = gradebook(course)
    (course / "submitted/bob/mini/mini.ipynb").write_bytes(
        json.dumps(quizlab.notebook(RIGHT | {"mini-essay": "long " * 30_000})).encode()
    )

    def small_files():  # a file of the autograded notebook's size cannot be written
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = run_cli(course, preexec_fn=small_files)
    assert done.returncode == 1 and "unchanged" in done.stderr, done
    assert gradebook(course) == first
    assert graded(course)["bob"]["score"] == RIGHT_SCORE


@pytest.mark.workers
def test_the_command_line_grades_with_workers_and_writes_the_report(course, tmp_path):
    for index in range(4):
        submit(course, f"student{index}", RIGHT if index % 2 else {"mini-choice": "answer = 'b'"})
    target = tmp_path / "report.json"
    done = run_cli(course, "mini", "--workers", "2", "--json", str(target))
    assert done.returncode == 0, done.stderr
    records = json.loads(target.read_text())["submissions"]
    assert [r["score"] for r in records] == [1, RIGHT_SCORE, 1, RIGHT_SCORE]
    for record in records:
        assert {"student", "quiz", "state", "score", "max_score", "seconds", "questions"} <= set(
            record
        )
        assert all({"score", "reason"} <= set(q) for q in record["questions"])


def test_mistakes_on_the_command_line_end_with_a_message_and_code_1(course, tmp_path):
    for options in (["nothing"], ["--workers", "0"], ["--bank", str(tmp_path)]):
        done = run_cli(course, *options)
        assert done.returncode == 1 and done.stderr.startswith("course quiz grade: "), done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.workers
def test_a_lost_worker_costs_nothing_and_one_lost_twice_is_reported(tmp_path):
    (tmp_path / "b").touch()  # this one works at once
    with executors.make(joblab.fail_once, 2, None) as pool:
        assert [r for _, r in pool.run([str(tmp_path / "a"), str(tmp_path / "b")])] == ["done"] * 2
    with executors.make(joblab.fail_always, 2, None) as pool:
        results = dict(pool.run(["good", "bad", "error", "fine"]))
    assert results["good"] == results["fine"] == "done"
    assert isinstance(results["bad"], executors.WorkerLost)
    assert isinstance(results["error"], ValueError)


def test_a_submission_that_kills_its_worker_twice_could_not_be_graded(course, monkeypatch):
    submit(course, "ann")

    class Lost:
        def run(self, jobs):
            for job in jobs:
                yield job, executors.WorkerLost()

        def close(self):
            pass

    from contextlib import nullcontext

    monkeypatch.setattr(grade.executors, "make", lambda *_: nullcontext(Lost()))
    record = graded(course)["ann"]
    assert record["state"] == "could_not_grade" and "twice" in record["message"]
    assert set(scores(record).values()) == {None}


def test_split_copied_and_retyped_answer_cells_are_read_as_the_student_meant():
    starters = {"a": "answer = None", "b": "def f():\n    ..."}

    def cell(key, text, kind="code"):
        return {"cell_type": kind, "source": text, "metadata": {"nbgrader": {"grade_id": key}}}

    def read(*cells):
        return submission.answers(json.dumps({"cells": cells}).encode(), starters)

    assert read() == {"a": None, "b": None}
    blank = [cell(key, text) for key, text in starters.items()]
    assert read(*blank) == starters
    assert read(cell("a", "answer = 1"), cell("a", "answer = None"))["a"] == "answer = 1"
    assert read(cell("b", "x = 1"), cell("b", ["y = 2\n", "z = 3"]))["b"] == "x = 1\ny = 2\nz = 3"
    assert read(cell("a", "answer = 1", "raw"))["a"] == "answer = 1"
    strange = cell("z", "answer = 1"), cell(["a"], "answer = 1"), 7, {"metadata": 3}
    assert read(*strange) == {"a": None, "b": None}
    assert read(*blank, *strange) == starters
    assert "\ud800" not in read(cell("a", "answer = '\ud800'"))["a"]
