"""Who is in the class: ``roster.csv`` in the course folder, and whose a folder of hand-ins is.

The file has a column ``id`` and, if wanted, ``name`` and ``email``. Without it every folder with a
plain name is a student.
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
