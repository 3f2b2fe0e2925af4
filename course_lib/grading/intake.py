"""Hand-ins from outside into the course: nbgrader's exchange, a shared folder, archives.

Each is kept as an attempt with the time that its way in knows, and the newest lies under
``submitted``. What is nobody's lies there under the name that it came with, and waits for a person.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import archives, exchange, roster
from course_lib.grading.signed import iso
from course_lib.grading.store import Store
from course_lib.grading.submission import Invalid, Submission, digest, named_copy, read_bytes

BACKDATED = 600.0  # seconds by which a hand-in may get its place after the time that it says

Tell = Callable[[str], None]


@dataclass
class Taken:
    """What came of one way in."""

    new: int = 0
    known: int = 0
    open: int = 0  # nobody's, not readable, no notebook: a person looks


@dataclass(frozen=True)
class _Came:
    """One notebook that came, of one who may be a student."""

    name: str  # as it came
    file: str
    data: bytes
    when: float
    trouble: str = ""


def from_exchange(store: Store, quiz: str, tell: Tell) -> Taken:
    """Take every hand-in of a quiz from the exchange. Raises CourseError without an exchange."""
    taken, known = Taken(), roster.load(store.course)
    rule = store.policy.arrival
    for one in exchange.laid(store.course, quiz):
        student, why = roster.owner(one.student, known)
        forger = one.forged(known or ())
        if forger:
            tell(f"{one.folder.name} was laid down by {forger}, not by {one.student}; not taken.")
            taken.open += 1
            continue
        try:
            data, info = read_bytes(one.item)
        except Invalid as error:
            text = f"{one.folder.name}: {error}"
            _empty(store, quiz, student or one.student, text, one.stamp, tell, taken)
            continue
        when = {"placed": one.placed, "modified": info.st_mtime}.get(rule, one.stamp)
        if rule in ("", "timestamp") and one.placed > one.stamp + BACKDATED:
            tell(
                f"{one.student}, {quiz}: says {iso(one.stamp)}, but got its place in the exchange "
                f"{iso(one.placed)}. The first counts; look whether that can be (arrival: placed "
                "in course.yaml takes the other)."
            )
        came = _Came(one.student, one.item.path.name, data, min(when, time.time()))
        _take(store, quiz, student, why, came, tell, taken)
    return taken


def from_folder(store: Store, quiz: str, place: Path, tell: Tell) -> Taken:
    """Take ``STUDENT/QUIZ/QUIZ.ipynb`` or ``STUDENT/QUIZ.ipynb`` from a folder of students'."""
    if not place.is_dir():
        raise CourseError(f"{place} is no folder.")
    place = place.resolve()
    taken, known = Taken(), roster.load(store.course)
    for own in sorted(place.iterdir()):
        if own.name.startswith(".") or not own.is_dir():
            continue
        inner = own / quiz
        item = named_copy(own.name, quiz, inner if os.path.lexists(inner) else own)
        if not os.path.lexists(inner) and item.trouble is None and not item.path.exists():
            continue  # nothing of this quiz
        student, why = _whose(own.name, known)
        try:
            data, info = read_bytes(item)
        except Invalid as error:
            text = f"{own.name}: {error}"
            _empty(store, quiz, student or own.name, text, time.time(), tell, taken)
            continue
        when = info.st_mtime if store.policy.arrival == "modified" else info.st_ctime
        came = _Came(own.name, item.path.name, data, min(when, time.time()))
        _take(store, quiz, student, why, came, tell, taken)
    return taken


def from_archive(store: Store, quiz: str, path: Path, tell: Tell) -> Taken:
    """Take a zip archive of Canvas or Moodle; whose each notebook is, the roster says."""
    taken, known = Taken(), roster.load(store.course)
    by_owner: dict[tuple[str | None, str], list[archives.Entry]] = {}
    whys: dict[str, str] = {}
    for entry in archives.entries(path, quiz, store.policy.zone):
        if known is None and (entry.canvas or entry.moodle):
            raise CourseError(
                f"Whose {entry.name!r} is, only a class list can say: take one in with `course "
                "quiz roster FILE`, then collect again."
            )
        student, whys[entry.name] = _whose(entry.name, known, entry.canvas, entry.moodle)
        by_owner.setdefault((student, "" if student else entry.name), []).append(entry)
    for (student, _), found in by_owner.items():
        name = found[0].name
        books = [entry for entry in found if not entry.trouble]
        if not books:
            text = f"{name}: no notebook in {path.name}. {found[0].trouble}"
            _empty(store, quiz, student or name, text, found[0].when, tell, taken)
            continue
        fitting = [entry for entry in books if quiz.casefold() in entry.file.casefold()]
        if len(books) > 1 and len(fitting) != 1:
            names = ", ".join(entry.file for entry in books[:5])
            text = f"{name}: {len(books)} notebooks ({names}); leave the one that counts."
            _several(store, quiz, student or name, books, text, tell, taken)
            continue
        entry = fitting[0] if len(fitting) == 1 else books[0]
        when = time.time() if store.policy.arrival == "placed" else entry.when
        when = min(when, time.time())
        due = store.policy.due_for(quiz, student or "")
        if entry.late and due is not None and when <= due:
            tell(
                f"{name}: Canvas calls it late, but its time in the archive, {iso(when)}, is not "
                "after the due date. The time counts; look whether course.yaml's timezone and due "
                "date are those of Canvas."
            )
        came = _Came(name, entry.file, entry.data, when)
        _take(store, quiz, student, whys[name], came, tell, taken)
    return taken


def _whose(
    name: str, known: dict[str, dict] | None, canvas: str = "", moodle: str = ""
) -> tuple[str | None, str]:
    """The student and "", or None and what a person should do."""
    student, why = roster.owner(name, known)
    if student is not None and not (canvas or moodle):
        return student, ""
    try:
        return roster.named(name, known, canvas, moodle), ""
    except LookupError as error:
        return None, str(error.args[0])


def _take(
    store: Store, quiz: str, student: str | None, why: str, came: _Came, tell: Tell, taken: Taken
) -> None:
    if student is None:
        _write(store, quiz, came.name, f"{quiz}.ipynb", came.data, came.when)
        tell(f"{came.name}: waiting. {why}")
        taken.open += 1
        return
    _claimed(store, quiz, student, came)
    if not store.handins.keep_dated(quiz, student, came.data, came.when):
        taken.known += 1
        return
    taken.new += 1
    attempts = store.handins.attempts(quiz, student)
    store.log.add("handed in", student, quiz, attempt=len(attempts), arrived=iso(came.when))
    if attempts[-1].submission == digest(came.data):
        _write(store, quiz, student, f"{quiz}.ipynb", came.data, came.when)


def _claimed(store: Store, quiz: str, student: str, came: _Came) -> None:
    """Remove what waited under the name it came with, now that it is known whose it is."""
    place = store.course / "submitted" / _folder(came.name) / quiz
    if _folder(came.name) == student or not place.is_dir():
        return
    for path in place.iterdir():
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.read_bytes() == came.data:
                path.unlink()
    with contextlib.suppress(OSError):  # not empty: something else waits there
        place.rmdir()
        place.parent.rmdir()


def _empty(
    store: Store, quiz: str, name: str, text: str, when: float, tell: Tell, taken: Taken
) -> None:
    """A hand-in without a notebook that can be read: an empty folder stands for it, so that the
    grader says so until a better one comes."""
    attempts = store.handins.attempts(quiz, name)
    if attempts and attempts[-1].arrived >= when:
        return  # what counts came later
    tell(text)
    taken.open += 1
    place = store.course / "submitted" / _folder(name) / quiz
    place.mkdir(parents=True, exist_ok=True)
    path = named_copy(name, quiz, place).path
    if path.is_file() and store.handins.has(quiz, name, path.read_bytes()):
        path.unlink()  # an earlier one, which is kept


def _several(
    store: Store,
    quiz: str,
    name: str,
    books: list[archives.Entry],
    text: str,
    tell: Tell,
    taken: Taken,
) -> None:
    """Several notebooks of one student: they lie side by side until a person has chosen."""
    tell(text)
    taken.open += 1
    if any(
        a.submission == digest(book.data)
        for a in store.handins.attempts(quiz, name)
        for book in books
    ):
        return  # somebody chose already
    for number, entry in enumerate(books, 1):
        _write(store, quiz, name, f"{quiz} ({number}).ipynb", entry.data, entry.when)


def _write(store: Store, quiz: str, name: str, file: str, data: bytes, when: float) -> None:
    """Lay a notebook under ``submitted``, with its own time; one that is kept gives way."""
    place = store.course / "submitted" / _folder(name) / quiz
    found: Submission = named_copy(name, quiz, place)
    if found.trouble is None and found.path.name != file and found.path.is_file():
        if store.handins.has(quiz, name, found.path.read_bytes()):
            found.path.unlink()
    path = place / file
    write_atomically(path, data)
    os.utime(path, (when, when))


def _folder(name: str) -> str:
    """A name from outside as the name of one folder."""
    text = roster.same_form(name).replace("/", "_").replace("\0", "_").strip()
    return ("_" + text[1:] if text.startswith(".") else text)[:80] or "_"
