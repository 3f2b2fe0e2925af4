"""When code answers may not run without a sandbox, whatever was asked for."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from course_lib.errors import CourseError

OPTION = "--unsafe-no-sandbox"


def refuse(course: Path) -> None:
    """Raise CourseError where unprotected answers could do the most harm: for root, and beside a
    gradebook that has students. (An answer could read the bank and the grader's secret.)"""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        raise CourseError(
            f"{OPTION} is refused for root: an answer could change anything on this machine. Grade "
            "as an ordinary user, or install bubblewrap and leave the option out."
        )
    count = students(course)
    if count:
        raise CourseError(
            f"{OPTION} is refused beside a gradebook with {count} "
            f"student{'' if count == 1 else 's'}: an answer could read keys, the grader's secret "
            "and other students' work. Install bubblewrap, or use an empty course folder."
        )


def students(course: Path) -> int:
    """How many students a course's gradebook names; 0 if there is none."""
    path = Path(course) / "gradebook.db"
    if not path.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True) as book:
            return book.execute("select count(*) from student").fetchone()[0]
    except sqlite3.Error as error:
        raise CourseError(
            f"{path} cannot be read ({error}), so {OPTION} is refused: it may have students."
        ) from None
