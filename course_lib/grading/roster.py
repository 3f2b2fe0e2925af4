"""Who is in the class: ``roster.csv`` in the course folder, and whose a folder of hand-ins is.

The file has a column ``id`` and, if wanted, ``name``, ``email``, the ids that Canvas and Moodle
use, and ``also``: other names of a student as they stand on hand-ins, parted by semicolons. Without
the file every folder with a plain name is a student.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from pathlib import Path

from course_lib.errors import CourseError

FILE = "roster.csv"
PLAIN = re.compile(r"[\w.@+-][\w.@+ -]{0,99}", re.ASCII)
LETTERS = re.compile(r"[\w.@+-][\w.@+ -]{0,99}")  # of any script; for those on a roster


def same_form(name: str) -> str:
    """A name as it is compared: composed letters, whatever the file system made of them."""
    return unicodedata.normalize("NFC", name)


def load(course: Path) -> dict[str, dict] | None:
    """Rows by student id in order of the file; None without a roster. Raises CourseError."""
    path = course / FILE
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} is not readable as CSV in UTF-8: {error}.") from None
    if "id" not in (reader.fieldnames or ()):
        raise CourseError(f"{path}: its first line must name the columns, one of them id.")
    found: dict[str, dict] = {}
    for number, row in enumerate(rows, 2):
        name = same_form((row["id"] or "").strip())
        if not name:
            continue
        if not LETTERS.fullmatch(name) or name.startswith(".") or len(name.encode()) > 200:
            raise CourseError(
                f"{path}:{number}: {name!r} cannot be an id: letters, digits and . @ + - _ only."
            )
        if name in found:
            raise CourseError(f"{path}:{number}: {name!r} stands twice.")
        found[name] = row
    return found


def forms(row: dict) -> set[str]:
    """A student's name in the forms that archives use: in both orders, parted and run together."""
    found = set()
    for name in (row.get("name") or "", *(row.get("also") or "").split(";")):
        words = _words(name)
        for order in (words, _words(" ".join(reversed(name.split(",", 1)))), words[::-1]):
            for plain in (order, [_bare(word) for word in order]):
                found |= {" ".join(plain), "".join(plain)}
    return found - {""}


def named(name: str, roster: dict[str, dict] | None, canvas: str = "", moodle: str = "") -> str:
    """The id of the one student with this number in Canvas or Moodle, else with this name.

    Raises LookupError, with what a person should do, when there is none or there are several.
    """
    rows = roster or {}
    for key, number in (("canvas_id", canvas), ("moodle_id", moodle)):
        found = [entry for entry, row in rows.items() if number and row.get(key) == number]
        if len(found) == 1:
            return found[0]
    words = _words(name)
    wanted = {same_form(name).casefold(), " ".join(words), "".join(words)}
    bare = [_bare(word) for word in words]
    for form in (wanted, wanted | {" ".join(bare), "".join(bare)}):
        found = [
            entry
            for entry, row in rows.items()
            if form & (forms(row) | {same_form(entry).casefold()})
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise LookupError(
                f"{name!r} may be {' or '.join(found)}. Take a list with the numbers of the "
                f"archive's system into {FILE} (`course quiz roster FILE`), then collect again."
            )
    raise LookupError(
        f"{name!r} is not in {FILE}. Add the student, or write this name into the column `also` of "
        "the student whose it is, then collect again."
    )


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", same_form(name).casefold())


def _bare(word: str) -> str:
    """A word without accents: some archives drop them."""
    parts = unicodedata.normalize("NFKD", word)
    return "".join(c for c in parts if not unicodedata.combining(c))


def owner(folder: str, roster: dict[str, dict] | None) -> tuple[str | None, str]:
    """The student whose folder this is, or None and what a person should do about it."""
    if roster is None:
        if PLAIN.fullmatch(folder):
            return folder, ""
        return None, (
            f"The name of the folder {folder!r} is no plain id (letters, digits and . @ + - _). "
            f"Rename it, or write {FILE} with the ids of the class."
        )
    name = same_form(folder)
    if name in roster:
        return name, ""
    alike = [entry for entry in roster if entry.casefold() == name.casefold()]
    if len(alike) == 1:
        return alike[0], ""
    return None, f"{folder!r} is not in {FILE}. Add it there, or rename the folder."
