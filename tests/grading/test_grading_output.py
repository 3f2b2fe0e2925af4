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
from course_lib.grading import cli, export, feedback, mine, overview, report

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


def test_the_report_has_difficulty_discrimination_and_wrong_answers(course):
    choices = ["b", "b", "b", "a", "a", "c"]
    for index, letter in enumerate(choices):
        good = letter == "b"
        submit(
            course,
            f"s{index}",
            {
                "mini-choice": f"answer = '{letter}'",
                "mini-number": "answer = 0.5" if good else "answer = 50",
                "mini-essay": NASTY,
            },
        )
    graded(course)
    for index in range(6):
        by_hand(course, f"s{index}", 1)
    text = report.as_html(course, quizlab.BANK)
    assert "<script" not in text and "6 submissions" in text and "2 x a" in text
    with overview.opened(course, quizlab.BANK) as (store, quizzes):
        found = report.summary(overview.sheet(store, quizzes["mini"]))
    first, number = found["questions"][0], found["questions"][2]
    assert first["difficulty"] == 0.5 and first["wrong"][0] == ("a", 2)
    assert first["discrimination"] == 1 and number["difficulty"] == 0.75
    assert found["questions"][1]["discrimination"] is None
    assert sum(found["distribution"]) == 6


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
