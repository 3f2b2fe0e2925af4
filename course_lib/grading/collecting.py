"""From folders to attempts: whose each hand-in is, and a copy of everything that can be read."""

from __future__ import annotations

from pathlib import Path

from course_lib.grading import roster
from course_lib.grading.handins import FOLDER, arrival
from course_lib.grading.signed import iso
from course_lib.grading.standing import Trouble
from course_lib.grading.store import Store
from course_lib.grading.submission import Invalid, Submission, find_submissions, read_bytes


def has_any(course: Path, quiz: str) -> bool:
    """Whether anything of this quiz was handed in, now or before."""
    kept = course / FOLDER
    return bool(find_submissions(course, quiz)) or any(kept.glob(f"*/{quiz}"))


def collect(store: Store, quiz: str) -> dict[str, Trouble]:
    """Keep what is new under ``submitted``; return what could not be taken, by student.

    A folder that is nobody's stands under its own name.
    """
    known = roster.load(store.course)
    troubles: dict[str, Trouble] = {}
    by_student: dict[str, list[Submission]] = {}
    for item in find_submissions(store.course, quiz):
        student, why = roster.owner(item.student, known)
        if student is None:
            troubles[item.student] = Trouble("waiting", why, student=False)
        else:
            by_student.setdefault(student, []).append(item)
    for student, items in by_student.items():
        if len(items) > 1:
            folders = ", ".join(repr(item.student) for item in items)
            text = f"Several folders are of one student: {folders}. Leave one."
            troubles[student] = Trouble("waiting", text)
            continue
        try:
            data, info = read_bytes(items[0])
        except Invalid as error:
            troubles[student] = Trouble(error.state, str(error))
            continue
        if info.st_nlink > 1 and not store.handins.has(quiz, student, data):
            text = "The notebook is the same file as another one (a hard link); hand in a copy."
            troubles[student] = Trouble("could_not_grade", text)
            continue
        when = arrival(items[0], info, store.policy)
        new = store.handins.keep(quiz, student, data, when)
        if new is not None:
            store.log.add("handed in", student, quiz, attempt=new.number, arrived=iso(new.arrived))
    return troubles
