"""Right answers count: odd cells, odd encodings, odd names of files and folders."""

import json
import os
import unicodedata

import pytest
import quizlab
from quizlab import RIGHT, RIGHT_CODE, RIGHT_SCORE, cell, graded, notebook, scores, states, submit

from course_lib.grading import submission
from course_lib.questions.magics import without_magics

LONG_MODULO = """
def scale(x, factor):
    big = (1234567 * 7654321
           % 1000)
    return x * factor if big == 7 else x
def total(x):
    return x.sum()
"""
FUTURE = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Scaler:
    factor: float
    def __call__(self, x) -> Scaler:
        return x * self.factor
def scale(x, factor):
    return Scaler(factor)(x)
def total(x):
    return x.sum()
"""


@pytest.mark.parametrize(
    "code",
    [
        LONG_MODULO,
        FUTURE,
        RIGHT_CODE + "\ndisplay(scale(np.ones(2), 3))",
        RIGHT_CODE + "\nimport asyncio\nawait asyncio.sleep(0)\nasync with asyncio.Lock(): pass",
        "if True:\n    !pip list\nfiles = !ls\n!pip install \\\n   torch\n%time\n" + RIGHT_CODE,
        RIGHT_CODE + "\nget_ipython().run_line_magic('matplotlib', 'inline')",
    ],
    ids=["modulo", "future", "display", "await", "shell", "get_ipython"],
)
def test_code_that_runs_in_a_notebook_keeps_full_marks(course, code):
    submit(course, "ann", {"mini-scale": code})
    result = graded(course)["ann"]["questions"][3]
    assert (result["score"], result["state"]) == (4, "right"), result


@pytest.mark.parametrize(
    ("cell_text", "plain"),
    [
        ("%time\nif a:\n    !ls\nb?\nx = 5 % 3\n", "pass\nif a:\n    pass\npass\nx = 5 % 3\n"),
        ("x = (a\n  % b)", "x = (a\n  % b)"),
        ('x = """\n%time\n"""\n?x', 'x = """\n%time\n"""\npass'),
        ("!echo (\nx = (1,\n2)", "pass\nx = (1,\n2)"),
        ("y = %env HOME\nz = 1", "y = None\nz = 1"),
        ("x = = 1\n%time", "x = = 1\n%time"),
    ],
)
def test_only_what_is_no_python_where_it_stands_is_blanked(cell_text, plain):
    assert without_magics(cell_text) == plain


def read(*texts, starter="answer = None", tail=()):
    cells = [
        {"cell_type": "code", "source": text, "metadata": {"nbgrader": {"grade_id": "a"}}}
        for text in texts
    ]
    return submission.answers(json.dumps({"cells": [*cells, *tail]}).encode(), {"a": starter})["a"]


@pytest.mark.parametrize(
    ("texts", "counts"),
    [
        (["answer = 1", "answer = 2", "answer = 1"], "answer = 1"),
        (["answer = 1", "answer = 2"], "answer = 2"),
        (["answer = 1", "answer = None"], "answer = 1"),  # a copy left blank
        (["import os; os._exit(0)\nanswer = 2", "answer = 1"], "answer = 1"),
        (["answer = (", "answer = 1"], "answer = 1"),
        # One cell that was split is put together again.
        (["def f(): ...", "def g(): ..."], "def f(): ...\ndef g(): ..."),
        (["def f():\n    x = 1", "    return x"], "def f():\n    x = 1\n    return x"),
    ],
)
def test_the_last_of_several_cells_with_one_id_counts(texts, counts):
    value = read(*texts, starter="answer = None")
    if "os" in texts[0]:  # what it alone defines comes along; that it runs is the student's doing
        assert value.endswith(counts)
    else:
        assert value == counts


def test_right_wrong_right_is_right(course):
    value = notebook(RIGHT)
    for text in ("answer = 'a'", "answer = 'b'"):
        copy = json.loads(json.dumps(cell(value, "mini-choice")))
        copy["source"] = text
        value["cells"].append(copy)
    submit(course, "ann", value)
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_notebook_in_another_encoding_is_read(course, encoding):
    submit(course, "ann", json.dumps(notebook(RIGHT), ensure_ascii=False).encode(encoding))
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


def test_lost_metadata_is_found_by_the_cells_own_id_and_else_nobody_gets_a_zero(course):
    value = notebook(RIGHT)
    for item in value["cells"]:
        item["metadata"] = {}
    submit(course, "ann", json.loads(json.dumps(value)))
    for item in value["cells"]:
        del item["id"]
    submit(course, "bob", value)
    value = notebook(RIGHT)
    value["cells"].remove(cell(value, "mini-scale"))
    submit(course, "cid", value)
    records = graded(course)
    assert records["ann"]["score"] == RIGHT_SCORE
    assert set(scores(records["bob"]).values()) == {None}
    assert set(states(records["bob"]).values()) == {"could_not_grade"}
    assert scores(records["cid"])["mini-scale"] is None
    assert records["cid"]["score"] == RIGHT_SCORE - 4
    assert "no cell for this answer" in records["cid"]["questions"][3]["reason"]


@pytest.mark.parametrize(
    "name", ["mini (1).ipynb", "mini(2).ipynb", "mini-Copy1.ipynb", "Mini.ipynb", "mini-1.ipynb"]
)
def test_a_copy_that_a_browser_renamed_is_the_hand_in(course, name):
    path = submit(course, "ann")
    path.rename(path.with_name(name))
    (path.parent / "my notes.ipynb").write_text("{}")
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


def test_two_notebooks_wait_for_a_person_who_chooses(course):
    path = submit(course, "ann")
    path.with_name("mini (1).ipynb").write_bytes(path.read_bytes())
    record = graded(course)["ann"]
    assert record["state"] == "waiting" and "mini (1).ipynb" in record["message"]
    assert set(scores(record).values()) == {None}
    path.unlink()
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_with_an_accent_is_matched_by_the_roster_in_either_form(course, form):
    (course / "roster.csv").write_text("id,name\njos\u00e9,Jos\u00e9\nAnn,Ann B\n", "utf-8-sig")
    submit(course, unicodedata.normalize(form, "jos\u00e9"))
    submit(course, "ann")
    submit(course, "zed")
    found = quizlab.standings(course)
    assert found["jos\u00e9"]["attempt"] == found["Ann"]["attempt"] == 1
    assert found["zed"] is None
    records = graded(course)
    assert records["jos\u00e9"]["score"] == records["Ann"]["score"] == RIGHT_SCORE
    assert records["zed"]["state"] == "waiting" and "roster.csv" in records["zed"]["message"]
    submit(course, unicodedata.normalize("NFD" if form == "NFC" else "NFC", "jos\u00e9"))
    again = graded(course)["jos\u00e9"]
    assert again["state"] == "waiting" and "Several folders" in again["message"]


def test_without_a_roster_an_accent_waits_with_a_message(course):
    submit(course, "jos\u00e9")
    record = graded(course)["jos\u00e9"]
    assert record["state"] == "waiting" and "roster.csv" in record["message"]


@pytest.mark.parametrize("what", ["notebook", "quiz folder", "student folder"])
def test_what_may_not_be_read_could_not_be_graded_and_stops_nobody(course, monkeypatch, what):
    """Modes do not stop root, so the refusal of the system is played."""
    path = submit(course, "ann")
    submit(course, "bob")
    denied = {"notebook": path, "quiz folder": path.parent, "student folder": path.parent}[what]
    name = {"notebook": "open", "quiz folder": "listdir", "student folder": "lstat"}[what]
    real = getattr(os, name)

    def refuse(given, *rest, **options):
        if str(given) == str(denied):
            raise PermissionError(13, "Permission denied", str(given))
        return real(given, *rest, **options)

    monkeypatch.setattr(submission.os, name, refuse)
    records = graded(course)
    assert records["bob"]["score"] == RIGHT_SCORE
    assert records["ann"]["state"] == "could_not_grade"
    assert "Permission denied" in records["ann"]["message"]
    assert set(scores(records["ann"]).values()) == {None}


def test_the_page_says_beforehand_how_a_number_is_written():
    text = cell(notebook({}), "mini-number-text")["source"]
    assert "answer = 8/10" in text and "a comma is not" in text
