"""A small course folder for the grading tests, and what they do with it."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import yaml
from nbgrader.api import Gradebook

from course_lib.grading import build, grade
from course_lib.questions.format import load_bank
from course_lib.questions.question import Quiz

BANK = Path(__file__).parent / "bank"
RIGHT_CODE = """
import numpy as np
def scale(x, factor):
    return x * factor
def total(x):
    return x.sum()
"""
RIGHT = {
    "mini-choice": 'answer = "b"',
    "mini-multiple": 'answer = ["a", "c"]',
    "mini-number": "answer = 0.5",
    "mini-scale": RIGHT_CODE,
    "mini-essay": "Because they leave no rest.",
}
RIGHT_SCORE = 9.0  # the essay's three points wait for a person


def mini() -> Quiz:
    return load_bank(BANK)["mini"]


def new_course(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for quiz in load_bank(BANK).values():
        build.write_quiz(quiz, folder)
    return folder


def notebook(answers: dict[str, str], quiz: str = "mini") -> dict:
    """The released notebook with these answers written into their cells, as a student would."""
    value = build.release_notebook(load_bank(BANK)[quiz])
    for cell in value["cells"]:
        key = cell["metadata"]["nbgrader"]["grade_id"]
        if key in answers:
            cell["source"] = answers[key]
    return value


def cell(value: dict, key: str) -> dict:
    return next(c for c in value["cells"] if c["metadata"]["nbgrader"]["grade_id"] == key)


def submit(
    course: Path,
    student: str,
    content: dict | bytes | None = None,
    quiz: str = "mini",
    at: str | None = None,
) -> Path:
    """Hand in a notebook: a dict of answers, a whole notebook, or raw bytes.

    ``at`` (UTC) is the file's own time, which counts with ``arrival: modified``.
    """
    if content is None:
        content = RIGHT
    if isinstance(content, dict) and "cells" not in content:
        content = notebook(content, quiz)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = course / "submitted" / student / quiz / f"{quiz}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if at is not None:
        moment = datetime.datetime.fromisoformat(at).replace(tzinfo=datetime.UTC).timestamp()
        os.utime(path, (moment, moment))
    return path


def graded(course: Path, **options) -> dict[str, dict]:
    """Grade the course in this process; records by student."""
    report = grade.grade_course(course, BANK, **options)
    return {record["student"]: record for record in report["submissions"]}


def rules(course: Path, /, **fields) -> None:
    """Write the course's rules; ``quizzes={"mini": {...}}`` and so on."""
    (course / "course.yaml").write_text(yaml.safe_dump(fields))


def by_hand(
    course: Path,
    student: str,
    points: float,
    question: str = "mini-essay",
    comment=None,
    extra=None,
) -> None:
    """Give points as formgrader does."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        mark = book.find_grade(question, "mini", "mini", student)
        mark.manual_score, mark.extra_credit, mark.needs_manual_grade = points, extra, False
        book.find_comment(question, "mini", "mini", student).manual_comment = comment
        book.db.commit()


def standings(course: Path, **options) -> dict[str, dict]:
    """Where everybody stands after grading, by student."""
    report = grade.grade_course(course, BANK, **options)
    return {record["student"]: record["standing"] for record in report["submissions"]}


def scores(record: dict) -> dict[str, float | None]:
    return {q["id"]: q["score"] for q in record["questions"]}


def states(record: dict) -> dict[str, str]:
    return {q["id"]: q["state"] for q in record["questions"]}


def children() -> set[int]:
    """Process ids of all descendants of this process."""
    import psutil

    return {p.pid for p in psutil.Process(os.getpid()).children(recursive=True)}
