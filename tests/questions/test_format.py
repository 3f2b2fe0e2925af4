"""The question format: what is read, and what is refused with file, line and field."""

import re
from pathlib import Path

import pytest
import yaml

from course_lib.questions.format import QuestionError, load_bank, load_quiz

BANK = Path(__file__).parents[1] / "grading" / "bank"
GOOD = """\
quiz: small
title: Small
lesson: "01"
questions:
  - id: small-one
    kind: choice
    points: 1
    prompt: Which?
    choices:
      - {text: this, correct: true, why: It is.}
      - {text: that, why: It is not.}
    wrong:
      - {answer: b, score: 0}
"""


def write(tmp_path, text):
    path = tmp_path / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_quiz_is_read_as_written(tmp_path):
    quiz = load_quiz(write(tmp_path, GOOD))
    (question,) = quiz.questions
    assert (quiz.id, quiz.points, question.key, question.lesson) == ("small", 1.0, ("a",), "01")
    assert question.right_answer == "a" and question.wrong[0].score == 0


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("points: 1", "points: -1", 7, "questions[0].points"),
        ("points: 1", "points: many", 7, "questions[0].points"),
        ("    prompt: Which?\n", "", 5, "questions[0].prompt"),
        ("kind: choice", "kind: essay", 6, "questions[0].kind"),
        ("    kind: choice\n", "", 5, "questions[0]"),
        ("prompt: Which?", "promt: Which?", 8, "questions[0]"),
        ("correct: true", "correct: maybe", 10, "questions[0].choices[0].correct"),
        ("correct: true, why: It is.", "correct: true", 10, "questions[0].choices[0].why"),
        ("correct: true, ", "", 9, "questions[0].choices"),
        ("{text: that, ", "{text: that, correct: true, ", 9, "questions[0].choices"),
        ("answer: b", "answer: d", 13, "questions[0].wrong[0].answer"),
        ("answer: b", "answer: a", 13, "questions[0].wrong[0].answer"),
        ("score: 0", "score: 1", 13, "questions[0].wrong[0].score"),
        ("    wrong:\n      - {answer: b, score: 0}\n", "", 5, "questions[0].wrong"),
        ("title: Small", "title: Small\ntitle: Twice", 3, "title"),
        ("quiz: small", "quiz: Small Quiz", 1, "quiz"),
        ("title: Small", "title: [unclosed", 3, "YAML"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path, old, new, line, field):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(QuestionError) as caught:
        load_quiz(path)
    found = re.match(r"(.+?):(\d+): (\S+?):? ", str(caught.value))
    assert found and found[1] == str(path), caught.value
    assert found[3].startswith(field), caught.value
    assert abs(int(found[2]) - line) <= (1 if field == "YAML" else 0), caught.value


def test_a_missing_file_a_binary_file_and_an_empty_folder_are_named(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises((QuestionError, IsADirectoryError)):
            load_quiz(path)
    (tmp_path / "small.yaml").write_bytes(b"\xff\xfe\x00quiz")
    with pytest.raises(QuestionError, match="UTF-8"):
        load_quiz(tmp_path / "small.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(QuestionError, match="no .yaml"):
        load_bank(tmp_path / "empty")


def test_an_id_may_be_used_once_in_a_whole_bank(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / "other.yaml").write_text(GOOD.replace("quiz: small", "quiz: other"))
    with pytest.raises(QuestionError, match="small-one"):
        load_bank(tmp_path)


def mini_with(tmp_path, change):
    data = yaml.safe_load((BANK / "mini.yaml").read_text())
    (tmp_path / "checks").mkdir()
    check = (BANK / "checks" / "mini-scale.py").read_text()
    (tmp_path / "checks" / "mini-scale.py").write_text(check)
    change({q["id"]: q for q in data["questions"]})
    path = tmp_path / "mini.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda q: q["mini-scale"]["parts"][0].update(points=9), "parts: its points sum to 10"),
        (lambda q: q["mini-scale"].update(check="not-there"), "no file checks/not-there.py"),
        (lambda q: q["mini-scale"].update(reference="def f(:"), "reference: is not Python"),
        (
            lambda q: q["mini-scale"]["wrong"][0].update(answer="1 +"),
            "wrong[0].answer: is not Python",
        ),
        (lambda q: q["mini-essay"]["rubric"].pop(), "rubric: its points sum to 2"),
        (lambda q: q["mini-number"]["partial"][0].update(score=2), "partial[0].score"),
        (
            lambda q: q["mini-multiple"]["wrong"][0].update(answer=["a", "c"]),
            "this is the right answer",
        ),
        (lambda q: q["mini-choice"].update(id="mini-number"), "used twice"),
        (
            lambda q: q["mini-choice"]["choices"][1].update(misconception="four is odd"),
            "choices[1].misconception: a right choice stands for no misconception",
        ),
    ],
)
def test_a_quiz_that_contradicts_itself_is_refused(tmp_path, change, says):
    with pytest.raises(QuestionError) as caught:
        load_quiz(mini_with(tmp_path, change))
    assert says in str(caught.value)
