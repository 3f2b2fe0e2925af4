"""Delete a student: content and name, wherever the course keeps them; a pseudonym stays."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import roster, signed
from course_lib.grading.overview import opened
from course_lib.grading.policy import FILE as RULES
from course_lib.grading.store import GRADES

FOLDERS = ("submitted", "autograded", "feedback")
SEARCHED = 32 << 20  # bytes of a file that are searched for the name


def pseudonym(key: bytes, student: str) -> str:
    """The name that stands in the log from now on; without the course's secret it says nothing."""
    return "deleted-" + signed.mac(key, "pseudonym", student)[:12]


def forget(
    course: Path, bank: Path, student: str, tell: Callable[[str], None] = lambda text: None
) -> str:
    """Delete a student; return the pseudonym. Raises CourseError when there is no such student.

    Hand-ins, kept copies, autograded notebooks, feedback, results, gradebook and roster lose the
    name and all that belongs to it. ``tell`` gets what a person must look at.
    """
    student = roster.same_form(student)
    with opened(course, bank, tell) as (store, _):
        known = roster.load(course) or {}
        places = [
            path
            for folder in (*FOLDERS, store.handins.root.name)
            for path in _children(course / folder)
            if roster.same_form(path.name) == student
        ]
        places += [
            path
            for path in (course / "personal").glob("*/*")
            if roster.same_form(path.name) == student
        ]
        results = [
            path
            for path in (course / GRADES).glob("*/*.json")
            if roster.same_form(path.stem) == student
        ]
        in_book = store.gradebook.forget(student)
        if not (places or results or in_book or student in known):
            raise CourseError(f"There is no student {student!r} in {course}.")
        for path in places:
            _remove(path)
        for path in results:
            path.unlink()
        if student in known:
            _without_row(course / roster.FILE, student)
        name = pseudonym(store.key, student)
        store.log.rewrite(lambda event: _renamed(event, student, name))
        store.log.add("deleted", name)
        for path in _still_named(course, student):
            tell(f"{path} still has the name: look at it, and delete or change it by hand.")
    return name


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    for root, folders, _ in os.walk(path):  # nbgrader hands folders out without write permission
        os.chmod(root, stat.S_IRWXU)
        for folder in folders:
            inner = Path(root, folder)
            if not inner.is_symlink():
                os.chmod(inner, stat.S_IRWXU)
    shutil.rmtree(path)


def _without_row(path: Path, student: str) -> None:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    column = rows[0].index("id")
    kept = [
        row
        for row in rows
        if len(row) <= column or roster.same_form(row[column].strip()) != student
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(kept)
    write_atomically(path, out.getvalue())


def _renamed(event: dict, student: str, name: str) -> dict:
    """The event without the name, and without texts that may hold a student's words."""
    if event.get("student") != student:
        return event
    kept = ("when", "who", "what", "quiz", "attempt", "question", "state", "doubtful")
    return {k: v for k, v in event.items() if k in kept} | {"student": name}


def _still_named(course: Path, student: str) -> list[Path]:
    """Files that name the student all the same: the rules, lists that somebody exported."""
    forms = {unicodedata.normalize(form, student) for form in ("NFC", "NFD")}
    word = re.compile("|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms))
    own = (course / "bank", course / "release", course / "source")
    found = []
    for path in sorted(course.rglob("*")):
        if any(folder in path.parents for folder in own) or path.is_symlink():
            continue
        if path.name != RULES and path.suffix not in (".csv", ".json", ".jsonl", ".html", ".ipynb"):
            continue
        try:
            with open(path, encoding="utf-8", errors="ignore") as file:
                if word.search(file.read(SEARCHED)):
                    found.append(path)
        except OSError:
            continue
    return found
