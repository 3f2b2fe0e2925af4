"""Class lists as Canvas, Moodle and people write them, turned into ``roster.csv``.

Canvas: the grade book's export. Moodle: a grade export, the list of participants, or an
assignment's grading worksheet. Anything else: CSV with a column ``id``.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import roster

COLUMNS = (
    *("id", "name", "email", "canvas_id", "sis_id", "login", "section"),
    *("idnumber", "moodle_id", "also"),
)
LIMIT = 32 << 20  # bytes of a class list

# Headings by what they mean, in the languages that were seen; compared without case.
_MOODLE = {
    "first": ("first name", "vorname", "pr\u00e9nom", "nombre"),
    "last": ("surname", "last name", "nachname", "nom de famille", "nom", "apellido(s)"),
    "name": ("full name", "vollst\u00e4ndiger name", "nom complet", "nombre completo"),
    "email": ("email address", "e-mail-adresse", "adresse de courriel", "direcci\u00f3n de correo"),
    "idnumber": ("id number", "id-nummer", "num\u00e9ro d'identification", "n\u00famero de id"),
    "username": ("username", "anmeldename", "nom d'utilisateur", "nombre de usuario"),
    "participant": ("identifier", "id", "identifiant", "identificador"),
}


@dataclass(frozen=True)
class ClassList:
    """What a file says: its system (canvas, moodle, csv) and a row for each student."""

    system: str
    rows: tuple[dict[str, str], ...]


def read(path: Path, column: str = "") -> ClassList:
    """Read a class list.

    ``column`` names the one whose entries are the students' ids (their names on the JupyterHub or
    of their folders); default: Canvas' SIS Login ID, Moodle's username, else ID number, else the
    address. Raises CourseError with the headings that were found.
    """
    try:
        if path.stat().st_size > LIMIT:
            raise CourseError(f"{path} is larger than {LIMIT >> 20} MB; that is no class list.")
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CourseError(f"{path} is not UTF-8 text ({error.reason}); save it as such.") from None
    first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark) if row]
    except csv.Error as error:
        raise CourseError(f"{path} is not readable as CSV: {error}.") from None
    if not table:
        raise CourseError(f"{path} is empty.")
    heads = [head.strip() for head in table[0]]
    rows = [dict(zip(heads, (f.strip() for f in row), strict=False)) for row in table[1:]]
    if column and column not in heads:
        raise CourseError(f"{path}: no column {column!r}; it has {', '.join(heads)}.")
    if {"Student", "ID", "SIS Login ID"} <= set(heads):
        found = ClassList("canvas", tuple(_canvas(rows, column)))
    elif not column and "id" in heads and "Identifier" not in heads:
        known = [{k: r.get(k, "") for k in COLUMNS if r.get(k)} for r in rows]
        found = ClassList("csv", tuple(r for r in known if r.get("id")))
    else:
        found = ClassList("moodle", tuple(_moodle(path, heads, rows, column)))
    if not found.rows:
        raise CourseError(f"{path}: there is no student in it.")
    return found


def _canvas(rows: list[dict], column: str) -> list[dict]:
    found = []
    for row in rows:
        name, number = row.get("Student", ""), row.get("ID", "")
        if not number or "points possible" in name.lower() or name == "Student, Test":
            continue
        login, sis = row.get("SIS Login ID", ""), row.get("SIS User ID", "")
        entry = {
            "id": row.get(column, "") if column else login or sis or number,
            "name": name,
            "email": login if "@" in login else "",
            "canvas_id": number,
            "sis_id": sis,
            "login": login,
            "section": row.get("Section", ""),
        }
        found.append({k: v for k, v in entry.items() if v})
    return found


def _moodle(path: Path, heads: list[str], rows: list[dict], column: str) -> list[dict]:
    lower = {head.casefold(): head for head in heads}
    at = {
        key: next((lower[n] for n in names if n in lower), None) for key, names in _MOODLE.items()
    }
    if not (at["name"] or (at["first"] and at["last"]) or column):
        raise CourseError(
            f"{path} is no class list that is known: it has {', '.join(heads)}. Give it a column "
            "id (and name, email), or name the column of the ids with --id."
        )

    def value(row: dict, key: str) -> str:
        return row.get(at[key], "") if at[key] else ""

    found = []
    for row in rows:
        name = value(row, "name") or f"{value(row, 'first')} {value(row, 'last')}".strip()
        number = re.search(r"(\d+)$", value(row, "participant"))
        usual = value(row, "username") or value(row, "idnumber") or value(row, "email")
        entry = {
            "id": row.get(column, "") if column else usual,
            "name": name,
            "email": value(row, "email"),
            "idnumber": value(row, "idnumber"),
            "moodle_id": number[1] if number else "",
        }
        found.append({k: v for k, v in entry.items() if v})
    return [entry for entry in found if entry.get("id") or entry.get("moodle_id")]


def merge(old: list[dict], new: ClassList) -> tuple[list[dict], list[str], list[str]]:
    """A roster with a class list taken in: its rows, who is new, who is not in the list.

    A row belongs to the student of the same id, else of the same number or address, else of the
    same name, in either order, where only one has it. Ids and names on the roster stay. Nobody is
    removed. Raises CourseError for a new student without an id.
    """
    rows = [dict(row) for row in old]
    added, seen = [], set()
    for entry in new.rows:
        row = _same(rows, entry)
        if row is None:
            if not entry.get("id"):
                raise CourseError(
                    f"{entry.get('name', 'A student')} has no id in this list and is not on the "
                    "roster; take in a list with ids first."
                )
            row = {}
            rows.append(row)
            added.append(entry["id"])
        # Names and ids in use stay: folders, hand-ins and grades go by them.
        row.update({k: v for k, v in entry.items() if k not in ("id", "name") or not row.get(k)})
        seen.add(row["id"])
    gone = [row["id"] for row in rows if row["id"] not in seen]
    return rows, added, gone


def _same(rows: list[dict], entry: dict) -> dict | None:
    for key in ("id", "canvas_id", "moodle_id", "email"):
        wanted = roster.same_form(entry.get(key, "")).casefold()
        found = [
            r for r in rows if wanted and roster.same_form(r.get(key, "")).casefold() == wanted
        ]
        if len(found) == 1:
            return found[0]
    wanted = roster.forms({"name": entry.get("name", "")})
    found = [r for r in rows if wanted & roster.forms({"name": r.get("name", "")})]
    return found[0] if len(found) == 1 else None


def take_in(course: Path, path: Path, column: str = "") -> tuple[ClassList, int, list[str]]:
    """Take a class list into the course's roster; the list, how many are new, who is not in it.

    Raises CourseError, and then the roster is as it was.
    """
    new = read(path, column)
    old = [dict(row) for row in (roster.load(course) or {}).values()]
    rows, added, gone = merge(old, new)
    extra = [key for row in rows for key in row if key and key not in COLUMNS]
    heads = [c for c in COLUMNS if c in ("id", "name") or any(r.get(c) for r in rows)]
    heads += list(dict.fromkeys(extra))
    out = io.StringIO()
    writer = csv.DictWriter(out, heads, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    target = course / roster.FILE
    before = target.read_bytes() if target.exists() else None
    write_atomically(target, out.getvalue())
    try:
        roster.load(course)
    except CourseError:
        if before is None:
            target.unlink()
        else:
            write_atomically(target, before)
        raise
    return new, len(added), gone
