"""Tampered notebooks and folders: cells, tags, metadata, sizes, links, names."""

import copy
import io
import json
import os
import tarfile
import time
import zipfile

import pytest
import quizlab
from quizlab import RIGHT, RIGHT_SCORE, cell, graded, notebook, submit
from test_hostile_code import digest, grades, known_status, living  # noqa: F401

from course_lib.grading import build, grade, submission


def every_cell(change):
    def apply(value):
        for item in value["cells"]:
            change(item)
        return value

    return apply


def mark(**values):
    return every_cell(lambda c: c["metadata"]["nbgrader"].update(values))


def drop(value, *keys):
    value["cells"] = [
        c for c in value["cells"] if c["metadata"]["nbgrader"]["grade_id"] not in keys
    ]
    return value


def added(value, *cells):
    value["cells"] += cells
    return value


def extra(source, **nbgrader):
    return {
        "cell_type": "code",
        "id": "extra",
        "execution_count": 1,
        "source": source,
        "outputs": [
            {
                "output_type": "execute_result",
                "data": {"text/plain": "100"},
                "metadata": {},
                "execution_count": 1,
            }
        ],
        "metadata": {"nbgrader": nbgrader} if nbgrader else {},
    }


def renamed(value):
    cell(value, "mini-choice")["metadata"]["nbgrader"]["grade_id"] = "mini-number"
    return value


def split(value):
    whole = cell(value, "mini-scale")
    at = whole["source"].index("def total")
    second = copy.deepcopy(whole)
    whole["source"], second["source"] = whole["source"][:at], whole["source"][at:]
    value["cells"].insert(value["cells"].index(whole) + 1, second)
    return value


def twice(value, text):
    second = copy.deepcopy(cell(value, "mini-choice"))
    second["source"] = text
    return added(value, second)


SCORED_OUTPUT = [
    {
        "output_type": "execute_result",
        "data": {"text/plain": "100.0"},
        "metadata": {},
        "execution_count": 1,
    }
]
ALL = RIGHT_SCORE
# name: (answers to start from, what is done to the notebook, points deserved)
NOTEBOOKS = {
    "skip-execution tags on a blank": (
        {},
        every_cell(lambda c: c["metadata"].update(tags=["skip-execution", "remove-cell"])),
        0,
    ),
    "raises-exception tags": (
        {"mini-scale": "1/0"},
        every_cell(lambda c: c["metadata"].update(tags=["raises-exception"])),
        0,
    ),
    "points raised": ({"mini-choice": "answer = 'b'"}, mark(points=1000), 1),
    "points negative": (RIGHT, mark(points=-1000), ALL),
    "points not a number": (RIGHT, mark(points=float("nan")), ALL),
    "points as text": ({}, mark(points="100"), 0),
    "scores and comments in the metadata": ({}, mark(score=9, auto_score=9, comment="<script>"), 0),
    "grade and solution flags turned": ({}, mark(grade=False, solution=False, locked=True), 0),
    "ids swapped": (RIGHT, renamed, ALL - 1),
    "schema version too new": (RIGHT, mark(schema_version=99), ALL),
    "schema version is text": (RIGHT, mark(schema_version="three"), ALL),
    "kernelspec changed": (
        RIGHT,
        lambda v: (
            v
            | {
                "metadata": {
                    "kernelspec": {"name": "bash", "display_name": "<b>", "language": "bash"}
                }
            }
        ),
        ALL,
    ),
    "no metadata at all": (RIGHT, every_cell(lambda c: c.pop("metadata")), ALL),
    "metadata of the wrong type": (RIGHT, every_cell(lambda c: c.update(metadata=[1])), ALL),
    "grade ids of the wrong type": (RIGHT, mark(grade_id={"a": 1}), ALL),
    "neither metadata nor ids": (
        RIGHT,
        every_cell(lambda c: (c.pop("metadata"), c.pop("id"))),
        0,
    ),
    "cells deleted": (RIGHT, lambda v: drop(v, "mini-scale", "mini-choice"), ALL - 5),
    "locked cells deleted": (
        RIGHT,
        lambda v: drop(v, "mini-scale-examples", "mini-choice-text"),
        ALL,
    ),
    "all cells deleted": (RIGHT, lambda v: v | {"cells": []}, 0),
    "cells reversed": (RIGHT, lambda v: v | {"cells": v["cells"][::-1]}, ALL),
    "answer cell split in two": (RIGHT, split, ALL),
    "two answers, the last is wrong": (RIGHT, lambda v: twice(v, "answer = 'a'"), ALL - 1),
    "a copy left blank": (
        RIGHT,
        lambda v: twice(v, build.starter(quizlab.mini().question("mini-choice"))),
        ALL,
    ),
    "cells retyped to raw": (RIGHT, every_cell(lambda c: c.update(cell_type="raw")), ALL),
    "cells of an unknown type": (RIGHT, every_cell(lambda c: c.update(cell_type="evil")), ALL),
    "extra test cell": (
        {},
        lambda v: added(
            v, extra("4", grade=True, solution=False, points=100, grade_id="bonus", locked=True)
        ),
        0,
    ),
    "extra cell that would run first": (
        {},
        lambda v: v | {"cells": [extra("import os; os._exit(0)")] + v["cells"]},
        0,
    ),
    "locked example cell changed": (
        {},
        lambda v: cell(v, "mini-scale-examples").update(source="raise SystemExit") or v,
        0,
    ),
    "outputs with a score": ({}, every_cell(lambda c: c.update(outputs=SCORED_OUTPUT)), 0),
    "no outputs at all": (RIGHT, every_cell(lambda c: c.pop("outputs", None)), ALL),
    "sources of the wrong type": (RIGHT, every_cell(lambda c: c.update(source={"a": 1})), 0),
    "sources as lists of lines": (
        RIGHT,
        every_cell(lambda c: c.update(source=c["source"].splitlines(keepends=True))),
        ALL,
    ),
    "an attachment and a widget state": (
        RIGHT,
        lambda v: (
            every_cell(
                lambda c: c.update(
                    attachments={"x.svg": {"image/svg+xml": "<svg onload=alert(1)>"}}
                )
            )(v)
            | {
                "metadata": {
                    "widgets": {"x": "<script>alert(1)</script>"},
                    "title": "</title><script>",
                }
            }
        ),
        ALL,
    ),
    "script in the written answer": (
        RIGHT | {"mini-essay": "<script>alert(1)</script><img src=x onerror=alert(2)>"},
        lambda v: v,
        ALL,
    ),
    "script in code": (
        RIGHT | {"mini-number": "answer = 0.5 # </pre><script>alert(1)</script>"},
        lambda v: v,
        ALL,
    ),
    "sql in an answer": (
        {"mini-essay": "'; update grade set auto_score = 100; --"},
        lambda v: v,
        0,
    ),
    "code instead of a literal": (
        {
            "mini-choice": "answer = __import__('os').system('touch /tmp/pwned')",
            "mini-number": "answer = open('BANK').read()",
        },
        lambda v: v,
        0,
    ),
    "a literal that is a bomb": (
        {
            "mini-choice": "answer = " + "[" * 9000,
            "mini-multiple": "answer = " + "(" * 150 + ")" * 150,
            "mini-number": "answer = 9" + "**9" * 900,
        },
        lambda v: v,
        0,
    ),
    "surrogates, marks and null": (
        {"mini-choice": "answer = 'b' # \ud800 \u202e \x00 \x1b[2J"},
        lambda v: v,
        1,
    ),
    "a notebook of format 5": (RIGHT, lambda v: v | {"nbformat": 5}, ALL),
    "a timestamp inside": (RIGHT, lambda v: v | {"metadata": {"timestamp": "1999-01-01"}}, ALL),
}
WITHOUT_AN_ANSWER = (  # in these a cell is missing: no points, and a person looks
    "ids swapped",
    "neither metadata nor ids",
    "cells deleted",
    "all cells deleted",
    "sources of the wrong type",
)
RAW = {
    "empty file": b"",
    "cut short": json.dumps(notebook(RIGHT)).encode()[:-40],
    "not JSON": b"\x89PNG\r\n" * 99,
    "not UTF-8": b'{"cells": ["\xff"]}',
    "a list": b"[1, 2]",
    "a number": b"7",
    "null": b"null",
    "cells not a list": b'{"cells": {"a": 1}}',
    "format 3": b'{"worksheets": [{"cells": []}], "nbformat": 3}',
    "deeply nested": b"[" * 200_000,
    "a huge number": b'{"cells": ' + b"9" * 10_000 + b"}",
    "larger than allowed": b'{"cells": [' + b" " * submission.SIZE_LIMIT + b"]}",
}


def check_after(course, before, record):
    assert (digest(course), digest(quizlab.BANK), grades(course), living()) == before
    assert record["state"] in grade.STATES and record["message"]
    for path in (course / "autograded").rglob("*.ipynb"):
        text = path.read_text()
        assert "<script" not in text or "mini-number" in text
        for item in json.loads(text)["cells"]:
            assert set(item["metadata"]) <= {"nbgrader", "deletable", "editable", "jupyter"}
            assert not item.get("outputs") and "attachments" not in item
            if item["cell_type"] == "markdown":
                assert (
                    "<script" not in item["source"]
                    and "onerror" not in item["source"].replace("&#61;", "")
                    or "mini-essay" in str(item["metadata"])
                )


def prepared(course):
    submit(course, "witness")
    graded(course)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_tampered_notebook_gets_what_its_answers_deserve(course, name):
    answers, change, deserved = NOTEBOOKS[name]
    value = notebook(answers)
    value = change(value) or value
    prepared(course)
    submit(course, "attacker", json.dumps(value).encode())
    before = digest(course), digest(quizlab.BANK), grades(course), living()
    record = graded(course)["attacker"]
    assert record["score"] == deserved, record
    state = "could_not_grade" if name in WITHOUT_AN_ANSWER else "graded"
    assert record["max_score"] == 12 and record["state"] == state
    check_after(course, before, record)
    released = build.release_notebook(quizlab.mini())
    kept = json.loads((course / "autograded/attacker/mini/mini.ipynb").read_text())
    answer_ids = {q.id for q in quizlab.mini().questions}
    for mine, theirs in zip(kept["cells"], released["cells"], strict=True):
        for item in (mine, theirs):
            if item["metadata"]["nbgrader"]["grade_id"] in answer_ids:
                item.pop("source")
                item["metadata"]["nbgrader"].pop("checksum")
        assert mine == theirs
    assert not os.path.exists("/tmp/pwned")


@pytest.mark.parametrize("name", RAW)
def test_an_unreadable_file_could_not_be_graded_and_has_no_zero(course, name):
    prepared(course)
    submit(course, "attacker", RAW[name])
    before = digest(course), digest(quizlab.BANK), grades(course), living()
    record = graded(course)["attacker"]
    assert record["state"] == "could_not_grade"
    assert {(q["state"], q["score"]) for q in record["questions"]} == {("could_not_grade", None)}
    check_after(course, before, record)


def link_notebook(course, path):
    path.unlink()
    path.symlink_to(course / "submitted/witness/mini/mini.ipynb")


def hard_link(course, path):
    path.unlink()
    os.link(course / "submitted/witness/mini/mini.ipynb", path)


def link_folder(course, path):
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(course / "submitted/witness/mini")


def link_student(course, path):
    link_folder(course, path)
    path.parent.unlink()
    path.parent.parent.rmdir()
    path.parent.parent.symlink_to(course / "submitted/witness")


def link_nowhere(course, path):
    path.unlink()
    path.symlink_to("/nowhere/../../etc/passwd")


def fifo(course, path):
    path.unlink()
    os.mkfifo(path)


def folder(course, path):
    path.unlink()
    path.mkdir()


def missing(course, path):
    path.unlink()


@pytest.mark.parametrize(
    "change",
    [link_notebook, hard_link, link_folder, link_student, link_nowhere, fifo, folder, missing],
)
def test_links_and_special_files_are_not_followed_and_could_not_be_graded(course, change):
    prepared(course)
    change(course, submit(course, "attacker"))
    before = digest(course), digest(quizlab.BANK), grades(course), living()
    started = time.monotonic()
    record = graded(course)["attacker"]
    assert record["state"] == "could_not_grade", record
    assert {q["score"] for q in record["questions"]} == {None}
    assert time.monotonic() - started < 60
    check_after(course, before, record)


def test_archives_and_extra_files_are_neither_unpacked_nor_copied_nor_followed(course):
    prepared(course)
    place = submit(course, "attacker").parent
    with zipfile.ZipFile(place / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("../../../pwned", bytes(5_000_000))
    with tarfile.open(place / "bomb.tar.gz", "w:gz") as bomb:
        info = tarfile.TarInfo("../../pwned")
        info.size = 5_000_000
        bomb.addfile(info, io.BytesIO(bytes(5_000_000)))
    (place / "secret").symlink_to(quizlab.BANK / "mini.yaml")
    (place / "numpy.py").write_text("raise SystemExit")
    (place / "sitecustomize.py").write_text("raise SystemExit")
    (place / "other.ipynb").write_bytes(json.dumps(notebook({})).encode())
    record = graded(course)["attacker"]
    assert (record["score"], record["state"]) == (RIGHT_SCORE, "graded")
    kept = [p.name for p in (course / "autograded/attacker").rglob("*") if p.is_file()]
    assert kept == ["mini.ipynb"]
    assert not list(course.rglob("pwned"))


@pytest.mark.parametrize(
    "name",
    [
        "<b>bold",
        "=cmd",
        "a\nb",
        "x/../y".replace("/", "\u2215"),
        "\u202eann",
        "'; drop table grade; --",
        "x" * 200,
    ],
)
def test_a_folder_with_a_name_that_is_no_students_waits_for_a_person(course, name):
    prepared(course)
    submit(course, name)
    before = grades(course), living()
    record = graded(course)[name]
    assert record["state"] == "waiting" and "name" in record["message"]
    assert {q["score"] for q in record["questions"]} == {None}
    assert (grades(course, without="witness-is-not-left-out"), living()) == before
    assert not (course / "autograded" / name).exists()


def test_many_hostile_submissions_at_once_do_not_touch_each_other(course):
    names = [n for n in NOTEBOOKS if not n.startswith("surrogates")]
    for index, name in enumerate(names):
        answers, change, _ = NOTEBOOKS[name]
        value = notebook(answers)
        submit(course, f"s{index:02}", json.dumps(change(value) or value).encode())
    records = graded(course)
    assert [records[f"s{i:02}"]["score"] for i in range(len(names))] == [
        NOTEBOOKS[n][2] for n in names
    ]
