"""Scores as CSV for the grade books of Canvas and Moodle."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading.feedback import records
from course_lib.grading.grade import chosen
from course_lib.grading.store import Store
from course_lib.questions.format import load_bank


def as_csv(course: Path, bank: Path, names: Iterable[str] = (), style: str = "canvas") -> str:
    """One row per student, one column per quiz; every field quoted, formulas neutralised.

    A quiz of which an answer still waits for a person is left empty. Canvas: the student's folder
    name is the SIS Login ID. Moodle: it is the ID number.
    """
    totals: dict[str, dict[str, str]] = {}
    with Store(course) as store:
        quizzes = [q for q in chosen(load_bank(bank), names)]
        graded = {quiz.id: records(store, quiz) for quiz in quizzes}
    quizzes = [quiz for quiz in quizzes if graded[quiz.id]]
    if not quizzes:
        raise CourseError("Nothing is graded yet. Run `course quiz grade` first.")
    for quiz in quizzes:
        for record in graded[quiz.id]:
            row = totals.setdefault(record["student"], {})
            row[quiz.id] = "" if record["open"] else f"{record['total']:g}"
    ids = [quiz.id for quiz in quizzes]
    if style == "canvas":
        rows = [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *ids],
            ["    Points Possible", "", "", "", "", *(f"{q.points:g}" for q in quizzes)],
        ]
        rows += [
            [name, "", "", name, "", *(row.get(i, "") for i in ids)]
            for name, row in sorted(totals.items())
        ]
    else:
        rows = [["idnumber", *ids]]
        rows += [[name, *(row.get(i, "") for i in ids)] for name, row in sorted(totals.items())]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        [[neutral(field) for field in row] for row in rows]
    )
    return out.getvalue()


def neutral(field: str) -> str:
    """A field that a spreadsheet shows as text: what could start a formula gets an apostrophe."""
    if field[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        try:
            float(field)
        except ValueError:
            return "'" + field
    return field
