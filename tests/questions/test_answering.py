"""Help while answering: how a cell is read is said at once, and what is empty before handing in."""

import dataclasses
import json
import os
from types import SimpleNamespace

import pytest

from course_lib.questions import answering
from course_lib.questions.answering import EMPTY, READ, UNREADABLE, WAITS, cell_id, understood
from course_lib.questions.question import Choice, Question
from course_lib.questions.scoring import score_literal
from course_lib.widgets import quiz


@pytest.mark.parametrize(
    ("told", "text", "state", "words"),
    [
        ("choice 4", 'answer = ""', EMPTY, "a to d"),
        ("choice 4", "answer = b", READ, "Read as b."),
        ("choice 4", 'answer = ["a", "b"]', UNREADABLE, "several were given"),
        ("choice 3", 'answer = "d"', UNREADABLE, "The choices are a to c."),
        ("choice 4", 'answer = "the second"', UNREADABLE, "a to d"),
        ("choice 4", "answer = (", UNREADABLE, "not readable Python"),
        ("multiple 5", 'answer = ["e", "a"]', READ, "Read as a, e."),
        ("multiple 5", "answer = []", EMPTY, "Nothing is chosen"),
        ("numeric", "answer = None", EMPTY, "No number"),
        ("numeric", "answer = (0.9 - 0.1) / (0.9 + 0.1)", READ, "Read as 0.8."),
        ("numeric", "answer = round(0.804, 2)", READ, "Read as 0.8."),
        ("numeric", "answer = 0,8", WAITS, "write 0.8"),
        ("numeric", "answer = 3e8 m/s", WAITS, "without the unit"),
        ("numeric m/s", "answer = 3e8 m/s  # fast", READ, "Read as 300000000 m/s."),
        ("numeric m/s", 'answer = "3e8 m / s"', READ, "Read as 300000000 m/s."),
        ("numeric m/s", "answer = 6e8 / 2 m/s", READ, "Read as 300000000 m/s."),
        ("numeric m/s", "answer = 3e8 km/s", WAITS, "without the unit"),
        ("numeric m/s", "answer = 0,3 m/s", WAITS, "write 0.3"),
        ("numeric m/s", "answer = m/s", UNREADABLE, "not a plain value"),
        ("numeric %", "answer = 80 %", READ, "Read as 80 %."),
        ("numeric s", "answer = open('x').read() s", UNREADABLE, "not readable Python"),
    ],
)
def test_a_cell_is_read_as_the_grader_reads_it_and_the_student_is_told(told, text, state, words):
    found, said = understood(told, text)
    assert found == state and words in said, said
    kind, _, rest = told.partition(" ")
    fields = {"unit": rest, "answer": 0.5} if kind == "numeric" else {}
    if kind != "numeric":
        fields["choices"] = tuple(Choice("x", "y", k == 0) for k in range(int(rest)))
    result = score_literal(Question("q", "01", kind, 1.0, "?", **fields), text)
    graders = {EMPTY: "not attempted", WAITS: "waiting", UNREADABLE: "invalid"}
    if state == READ:
        assert result.state in ("right", "partial", "wrong"), result
    else:
        assert result.state == graders[state], result


def test_what_a_kernel_knows_of_a_question_does_not_depend_on_its_key():
    choices = tuple(Choice(x, "why", x == "b") for x in "abcd")
    turned = tuple(dataclasses.replace(c, correct=not c.correct) for c in choices)
    for one in (choices, turned):
        q = Question("q", "01", "multiple", 1.0, "?", choices=one)
        assert answering.fact(q, "") == "multiple 4"
    number = Question("q", "01", "numeric", 1.0, "?", answer=7.25, tolerance=0.125, unit="kg")
    assert answering.fact(number, "") == "numeric kg"


FACTS = {"q1": "choice 4", "q2": "numeric", "q3": "", "q4": "multiple 3"}
STARTER = "def f(x):\n    ..."


@pytest.fixture
def facts():
    q = Question("q3", "01", "code", 1.0, "?", starter=STARTER)
    answering.know(FACTS | {"q3": answering.fact(q, STARTER)})
    yield
    answering.know({})


def saved(path, texts, lost=False):
    cells = [
        {"id": cell_id(key), "metadata": {} if lost else {"nbgrader": {"grade_id": key}}}
        | {"cell_type": "code", "source": text.splitlines(keepends=True)}
        for key, text in texts.items()
    ]
    path.write_text(json.dumps({"cells": cells}))
    return path


@pytest.mark.parametrize("lost", [False, True])
def test_before_handing_in_what_is_empty_or_unreadable_is_listed(tmp_path, facts, lost):
    path = tmp_path / "quiz.ipynb"
    full = {"q1": "answer = 'b'", "q2": "answer = 1/2", "q3": STARTER + "\n    return x"}
    full["q4"] = "answer = ['a']"
    assert "You can hand it in" in answering.look("quiz", saved(path, full, lost)).text
    poor = {"q1": 'answer = ""', "q2": "answer = 0,5", "q3": STARTER + "\n\n"}
    text = answering.look("quiz", saved(path, poor, lost)).text
    assert "0 of 4 questions answered" in text
    for line in ("| 1 | q1 | ○ Nothing", "| 2 | q2 | ⚠ '0,5'", "| 3 | q3 | ○ Nothing is written"):
        assert line in text
    assert "| 4 | q4 | ✗ Not readable. Its cell is gone" in text
    os.utime(path, (1, 1))
    assert "minutes ago" in answering.look("quiz", path).text


def test_the_notebook_is_found_by_its_name_or_by_what_is_in_it(tmp_path, facts, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert "was not found" in answering.look("quiz").text
    saved(tmp_path / "renamed.ipynb", {"quiz-intro": "", "q1": "answer = 'b'"})
    saved(tmp_path / "other.ipynb", {"x": ""})
    assert "renamed.ipynb" in answering.look("quiz").text
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "other.ipynb"))
    assert "other.ipynb" in answering.look("quiz").text


def test_only_after_an_answer_cell_something_is_shown(facts, monkeypatch):
    shown = []
    monkeypatch.setattr(quiz, "display", shown.append)

    def ran(name, text):
        shown.clear()
        info = SimpleNamespace(cell_id=cell_id(name) if name else None, raw_cell=text)
        quiz.after_cell(SimpleNamespace(info=info))
        return shown

    assert ran(None, "1 + 1") == [] and ran("else", "answer = 1") == []
    assert ran("q3", STARTER) == []
    (verdict,) = ran("q2", "answer = 0.50")
    assert verdict.text == "✓ Read as 0.5."
    (buttons,) = ran("q4", "answer = ['c', 'a']")
    assert (buttons.count, buttons.multiple, buttons.chosen) == (3, True, ["a", "c"])
    plain = buttons._repr_mimebundle_()[0]["text/plain"]
    assert plain.startswith("✓ Read as a, c. Write your choice into the cell")
    (buttons,) = ran("q1", "answer = 'e'")
    assert "a to d" in buttons.words and buttons.chosen == []
    monkeypatch.setattr(quiz, "Clicking", None)  # where there are no widgets
    (verdict,) = ran("q1", "answer = 'b'")
    assert verdict.text == "✓ Read as b."
