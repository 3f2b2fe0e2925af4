"""What leaves the grader: feedback pages, CSV, the report, a learner's own grading, nbgrader's
view."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import quizlab
from quizlab import RIGHT, RIGHT_SCORE, by_hand, graded, rules, submit

from course_lib.errors import CourseError
from course_lib.grading import (
    anonymous,
    cli,
    export,
    feedback,
    mine,
    overview,
    report,
    signed,
)

BEFORE, CLOSED = "2019-12-31 12:00", {"closes": "2020-01-01 12:00"}
NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_feedback_shows_own_work_scores_explanations_and_nothing_that_runs(course):
    rules(course, arrival="modified", quizzes={"mini": CLOSED})
    answers = RIGHT | {"mini-essay": NASTY, "mini-choice": f"answer = 'a' # {NASTY}"}
    submit(course, "ann", answers, at=BEFORE)
    graded(course)
    by_hand(course, "ann", 2.5, comment=NASTY + "Well argued.")
    (path,) = feedback.write_all(course, quizlab.BANK)
    assert path == course / "feedback/ann/mini/mini.html"
    text = path.read_text()
    assert "<script" not in text and "<img" not in text and "default-src 'none'" in text
    for part in (
        "&lt;script&gt;",
        "2.5 of 3",
        "Well argued.",
        "Three leaves a rest of one.",
        "Half of one.",
        f"{RIGHT_SCORE - 1 + 2.5:g} of 12 points",
        "def scale",
    ):
        assert part in text
    reference = "x.sum()\n\n\ndef"
    assert reference not in text and "mini-scale.py" not in text


def test_feedback_is_of_the_hand_in_that_was_graded_and_one_that_came_later_stops_nobody(course):
    for name in ("ann", "bob"):
        submit(course, name)
    graded(course)
    submit(course, "ann", {"mini-essay": "written after grading"})
    pages = [path.read_text() for path in feedback.write_all(course, quizlab.BANK)]
    assert len(pages) == 2 and "written after grading" not in "".join(pages)
    assert "Attempt 2 is not graded yet" in pages[0] and "Still open" in pages[0]


def test_an_invalid_submission_gets_feedback_that_says_why(course):
    submit(course, "ann", b"nothing")
    graded(course)
    assert "not readable" in feedback.write_all(course, quizlab.BANK)[0].read_text()


@pytest.mark.parametrize("style", ["canvas", "moodle"])
def test_the_csv_is_quoted_neutral_and_leaves_open_scores_empty(course, style):
    for name in ("-2+cmd", "@ann", "bob, the first"[:3], "open"):
        submit(course, name)
    graded(course)
    for name in ("-2+cmd", "@ann", "bob"):
        by_hand(course, name, 3)
    with pytest.raises(CourseError, match="open, mini: waiting. mini-essay: A person reads"):
        export.as_csv(course, quizlab.BANK, style=style)
    text = export.as_csv(course, quizlab.BANK, style=style, accept=True)
    rows = list(csv.reader(io.StringIO(text)))
    assert all(field.startswith('"') for line in text.splitlines() for field in line.split('",'))
    body = rows[2:] if style == "canvas" else rows[1:]
    assert {row[0]: row[-1] for row in body} == {
        "'-2+cmd": "12",
        "'@ann": "12",
        "bob": "12",
        "open": "",
    }
    if style == "canvas":
        assert rows[0][:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
        assert rows[1][-1] == "12"


@pytest.mark.parametrize(
    "field", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1"]
)
def test_formulas_are_neutralised_and_plain_ids_are_left(field):
    assert export.neutral(field) == "'" + field
    assert export.neutral(" " + field) == "' " + field
    assert export.neutral("ann-1.5") == "ann-1.5" and export.neutral("0012") == "0012"


def a_class(course, count=13):
    """Half of it good, half of it bad; one file is damaged, one essay is not read yet."""
    for index in range(count):
        good = index % 2 == 0
        submit(
            course,
            f"s{index:02}",
            {
                "mini-choice": "answer = 'b'" if good else "answer = 'a'",
                "mini-multiple": "answer = ['a', 'c']" if good else "answer = ['a', 'b']",
                "mini-number": "answer = 0.5" if good else "answer = 50",
                "mini-essay": f"I am Student Number {index}. {NASTY}",
            },
        )
    submit(course, "torn", b"nothing")
    graded(course)
    for index in range(count - 1):
        by_hand(course, f"s{index:02}", 1)


def test_the_report_has_reliability_discrimination_and_the_mistakes_that_were_made(course):
    a_class(course)
    text = report.as_html(course, quizlab.BANK)
    assert "<script" not in text and "13 hand-ins (" in text
    assert "1 hand-in could not be read, and counted nowhere below." in text
    # A row of the table: six of thirteen chose three, all of the worst quarter, none of the best.
    row = "<td>a) three</td><td>6 (46 %)</td><td>0 %</td><td>100 %</td>"
    assert row + "<td>Three leaves a rest of one.</td>" in text.replace("\u00a0", " ")
    # What is open for the damaged file is said once, not for each of its questions.
    assert text.count("The notebook is not readable") == 1
    assert "Reliability (Cronbach" in text and "12 hand-ins" in text
    assert "<td>1 wait for points</td>" in text and "s12: waiting" in text
    with overview.opened(course, quizlab.BANK) as (store, quizzes):
        sheet = overview.sheet(store, quizzes["mini"])
    assert sum(report.distribution(sheet)) == 12  # the essay of s12 is open, torn all


def test_a_report_of_few_hand_ins_says_that_they_are_few(course):
    for name in ("ann", "bob"):
        submit(course, name)
    graded(course)
    text = report.as_html(course, quizlab.BANK)
    assert "reliability and discrimination would be chance; they are told from 10 on" in text
    assert "Left out as long as their points are open: mini-essay." in text


def answer_rows(course, *more):
    out = course / "answers.csv"
    words = ["export", "--format", "answers", "--out", str(out), *more]
    words += ["--course-dir", str(course), "--bank", str(quizlab.BANK)]
    assert cli.main(words) == 0
    text = out.read_text(encoding="utf-8")
    return text, list(csv.DictReader(io.StringIO(text)))


def test_the_anonymised_export_has_answers_and_nothing_that_names_a_student(course):
    people = [*(f"s{i:02}" for i in range(13)), "torn"]
    text = "id,name\n" + "".join(f"{name},Ann Right\n" for name in people)
    (course / "roster.csv").write_text(text, encoding="utf-8")
    a_class(course)
    text, rows = answer_rows(course)
    names = {row["student"] for row in rows}
    assert len(names) == 14 and all(len(name) == 13 and name[0] == "s" for name in names)
    assert not {field for row in rows for field in row.values()} & set(people)
    assert not any(told in text for told in ("Ann", "Right", "Student Number", "alert"))
    assert [*rows[0]] == [*anonymous.COLUMNS, "answer"]
    found = {(r["question"], r["state"], r["points"], r["answer"]) for r in rows}
    assert ("mini-choice", "wrong", "0", "a") in found
    assert ("mini-multiple", "right", "2", "a, c") in found
    assert ("mini-number", "partial", "1", "50") in found
    assert ("mini-essay", "waiting", "1", "") in found and (
        "mini-essay",
        "waiting",
        "",
        "",
    ) in found
    assert sum(r["state"] == "unreadable" for r in rows) == 5
    again, _ = answer_rows(course)
    assert again == text  # one student keeps one pseudonym


def test_texts_are_exported_only_when_they_are_asked_for_and_the_log_says_so(course):
    submit(course, "ann", RIGHT | {"mini-essay": "=cmd() I am Ann."})
    graded(course)
    text, rows = answer_rows(course, "--with-texts")
    (essay,) = [r["text"] for r in rows if r["question"] == "mini-essay"]
    assert essay == "'=cmd() I am Ann."
    events = [event for event, _ in signed.Log(course, signed.secret(course)).events()]
    assert events[-1]["what"] == "exported answers" and events[-1]["with_texts"] is True
    words = ["export", "--with-texts", "--course-dir", str(course), "--bank", str(quizlab.BANK)]
    assert cli.main(words) == 1


def test_a_pseudonym_is_another_in_another_course():
    assert anonymous.pseudonym(b"one", "ann") != anonymous.pseudonym(b"two", "ann")
    assert anonymous.pseudonym(b"one", "ann") == anonymous.pseudonym(b"one", "ann")


def test_export_and_report_of_nothing_say_what_to_do(course):
    for call in (
        lambda: export.as_csv(course, quizlab.BANK),
        lambda: report.as_html(course, quizlab.BANK),
    ):
        with pytest.raises(CourseError, match="course quiz grade"):
            call()


def test_a_learner_grades_their_own_notebook(tmp_path, capsys):
    path = tmp_path / "my copy.ipynb"
    path.write_text(json.dumps(quizlab.notebook(RIGHT | {"mini-choice": "answer = 'a'"})))
    args = ["mine", str(path), "--bank", str(quizlab.BANK), "--course-dir", str(tmp_path)]
    assert cli.main(args) == 0
    text = capsys.readouterr().out
    assert "8 of 12 points" in text and "Look again at lesson 01: mini-choice" in text
    assert "Compare with: names the rest" in text
    record = mine.grade_notebook(path, quizlab.BANK)
    assert record["score"] == RIGHT_SCORE - 1 and record["repeat"] == ["mini-choice"]
    path.write_text("{}")
    assert cli.main(args) == 1 and "not a quiz" in capsys.readouterr().err


def test_the_formgraders_own_buttons_neither_run_code_nor_publish_keys(course, tmp_path):
    source = Path(cli.__file__).parents[2] / "quizzes" / "nbgrader_config.py"
    (course / "nbgrader_config.py").write_text(source.read_text())
    submit(course, "ann", {"mini-scale": f"open('{tmp_path}/ran', 'w')"})
    graded(course)
    before = (course / "release/mini/mini.ipynb").read_bytes()

    environment = os.environ | {"COURSE_BANK": str(quizlab.BANK)}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]

    def nbgrader(*options):
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *options],
            cwd=course,
            capture_output=True,
            text=True,
            env=environment,
        )

    shown = (course / "autograded/ann/mini/mini.ipynb").read_bytes()
    done = nbgrader("autograde", "mini", "--force")
    assert done.returncode != 0 and "course quiz grade" in done.stderr
    assert (course / "autograded/ann/mini/mini.ipynb").read_bytes() == shown
    assert not (tmp_path / "ran").exists()
    done = nbgrader("generate_assignment", "mini", "--force", "--no-db")
    assert done.returncode == 0, done.stderr
    assert (course / "release/mini/mini.ipynb").read_bytes() != before  # lines as lists
    assert graded(course)["ann"]["score"] == 0  # and yet it is the same notebook
