"""Scores as CSV: for the grade books of Canvas and Moodle, or as a table with the states."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading import roster
from course_lib.grading.overview import Sheet, opened, sheets
from course_lib.grading.signed import iso
from course_lib.grading.standing import Standing

STYLES = ("canvas", "moodle", "table")
LISTED = 10
COLUMNS = (
    *("student", "name", "quiz", "state", "points", "of", "attempt", "attempts", "arrived"),
    *("late_percent", "by_hand", "open"),
)


def as_csv(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    style: str = "canvas",
    *,
    accept: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """The scores that count; every field quoted, formulas neutralised.

    Canvas: one row per student, with names and ids as Canvas' own list had them; the id is the SIS
    Login ID where the roster has no other. Moodle: username, ID number and address, as far as the
    roster knows them. Table: one row per student and quiz, for a person with a spreadsheet. The
    heading of a quiz is its id, or what ``course.yaml`` says under ``column``.

    Raises CourseError while something is open, unless it is accepted as it is. That is logged, and
    what is open stays empty: an earlier attempt that was graded counts on, an answer without a
    score makes no total.
    """
    with opened(Path(course), bank, tell) as (store, quizzes):
        found = sheets(store, quizzes, names)
        waiting = [row for sheet in found for row in sheet.open]
        if waiting and not accept:
            raise CourseError(_refusal(waiting))
        for row in waiting:
            store.log.add("accepted as it is", row.student, row.quiz, open=list(row.open))
        people = roster.load(store.course) or {}
        heads = [store.policy.columns.get(sheet.quiz.id, sheet.quiz.id) for sheet in found]
    if style == "table":
        rows = _table(found, people)
    else:
        rows = {"canvas": _canvas, "moodle": _moodle}[style](found, people, heads)
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _refusal(waiting: list[Standing]) -> str:
    lines = [f"  {row.student}, {row.quiz}: {row.state}. {row.open[0]}" for row in waiting[:LISTED]]
    if len(waiting) > LISTED:
        lines.append(f"  and {len(waiting) - LISTED} more; `course quiz report` has them all.")
    return (
        f"{len(waiting)} hand-in{'s are' if len(waiting) > 1 else ' is'} open, and nothing was "
        "exported:\n" + "\n".join(lines) + "\nGive the points in formgrader or with `course quiz "
        "score`, or export with --accept: what is open is then left empty, and the log says so."
    )


def _points(row: Standing | None) -> str:
    """A number for a grade book; empty where there is no total that counts."""
    return number(row.total) if row is not None and row.whole else ""


def number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _by_student(found: list[Sheet]) -> list[tuple[str, list[str]]]:
    """Everybody's points, a text for each quiz, in order of student."""
    by_quiz = [{row.student: row for row in sheet.rows} for sheet in found]
    names = sorted({row.student for sheet in found for row in sheet.rows})
    return [(name, [_points(sheet.get(name)) for sheet in by_quiz]) for name in names]


def _canvas(found: list[Sheet], people: dict[str, dict], heads: list[str]) -> list[list[str]]:
    most = [number(sheet.quiz.points) for sheet in found]
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *heads],
        ["    Points Possible", "", "", "", "", *most],
    ]
    for name, points in _by_student(found):
        person = people.get(name, {})
        ids = [person.get(key) or "" for key in ("canvas_id", "sis_id", "login", "section")]
        ids[2] = ids[2] or name
        rows.append([*map(neutral, (person.get("name") or name, *ids)), *points])
    return rows


def _moodle(found: list[Sheet], people: dict[str, dict], heads: list[str]) -> list[list[str]]:
    # Moodle asks which column tells who somebody is; one that nobody has would only be in the way.
    more = [
        (head, key)
        for head, key in (("idnumber", "idnumber"), ("email", "email"))
        if any(person.get(key) for person in people.values())
    ]
    first = "username" if more else "idnumber"
    rows = [[first, *(head for head, _ in more), *heads]]
    for name, points in _by_student(found):
        person = people.get(name, {})
        rows.append([neutral(name), *(neutral(person.get(key) or "") for _, key in more), *points])
    return rows


def _table(found: list[Sheet], people: dict[str, dict]) -> list[list[str]]:
    rows = [list(COLUMNS)]
    for sheet in found:
        for row in sheet.rows:
            by_hand = sum(m.by_hand for m in (row.marks or {}).values())
            rows.append(
                [
                    neutral(row.student, number_too=True),
                    neutral(people.get(row.student, {}).get("name") or "", number_too=True),
                    row.quiz,
                    row.state,
                    _points(row),
                    number(sheet.quiz.points),
                    str(row.attempt.number) if row.attempt else "",
                    str(row.attempts),
                    iso(row.attempt.arrived) if row.attempt else "",
                    number(100 * row.penalty),
                    str(by_hand),
                    neutral(" | ".join(" ".join(text.split()) for text in row.open)),
                ]
            )
    return rows


def neutral(field: str, number_too: bool = False) -> str:
    """A field that a spreadsheet shows as text: what could start a formula gets an apostrophe.

    With ``number_too`` also what it would take for a number and rewrite, such as 0012 or 1e5. A
    grade book needs those as they are.
    """
    if field.lstrip()[:1] in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20") or (
        field[:1] in ("\t", "\r", "\n")
    ):
        return "'" + field
    if number_too and field:
        try:
            float(field.replace(",", "."))
        except ValueError:
            return field
        return "'" + field
    return field
