"""Every hand-in is kept: a copy named by its hash, when it arrived, which attempt it was.

``.handins/STUDENT/QUIZ/`` holds the copies and ``attempts.json``, which only the grader can write.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import signed
from course_lib.grading.policy import Policy
from course_lib.grading.submission import Submission, digest

FOLDER = ".handins"
SAME = 2.0  # seconds within which two times of one hand-in are the same: archives round them
STAMP_LIMIT = 200  # characters of nbgrader's timestamp.txt


@dataclass(frozen=True)
class Attempt:
    number: int
    submission: str  # sha256 of the notebook
    arrived: float  # seconds since 1970


class Handins:
    """The hand-ins of one course. Only the holder of the course's lock may keep new ones."""

    def __init__(self, course: Path, key: bytes):
        self.root, self.key = course / FOLDER, key
        self._known: dict[tuple[str, str], list[Attempt]] = {}  # this process alone writes

    def folder(self, quiz: str, student: str) -> Path:
        return self.root / student / quiz

    def attempts(self, quiz: str, student: str) -> list[Attempt]:
        """All attempts in order of arrival here.

        Where the list was lost or changed by hand it is made again from the copies.
        """
        if (quiz, student) not in self._known:
            self._known[quiz, student] = self._listed(quiz, student)
        return self._known[quiz, student]

    def _listed(self, quiz: str, student: str) -> list[Attempt]:
        place = self.folder(quiz, student)
        found = signed.read(place / "attempts.json", self.key, f"attempts/{quiz}/{student}")
        if found is not None:
            return [Attempt(**entry) for entry in found]
        copies = sorted(place.glob("*.ipynb"), key=lambda p: (p.stat().st_mtime, p.name))
        return [Attempt(n, p.stem, p.stat().st_mtime) for n, p in enumerate(copies, 1)]

    def has(self, quiz: str, student: str, data: bytes) -> bool:
        """Whether this is the hand-in that came last."""
        known = self.attempts(quiz, student)
        return bool(known) and known[-1].submission == digest(data)

    def keep(self, quiz: str, student: str, data: bytes, arrived: float) -> Attempt | None:
        """Keep a hand-in unless it is the one that came last; None says that nothing is new."""
        known, name = self.attempts(quiz, student), digest(data)
        place = self.folder(quiz, student)
        new = not known or known[-1].submission != name
        path = place / f"{name}.ipynb"
        if not path.exists():  # one that comes back keeps the time of its first arrival
            write_atomically(path, data, 0o400)
            os.utime(path, (arrived, arrived))
        if not new:
            if not (place / "attempts.json").exists():
                self._write(quiz, student, known)
            return None
        attempt = Attempt(len(known) + 1, name, arrived)
        self._write(quiz, student, [*known, attempt])
        return attempt

    def keep_dated(self, quiz: str, student: str, data: bytes, arrived: float) -> bool:
        """Keep a hand-in whose time the way in knows, such as the exchange; False: it is known.

        The attempts then stand in order of these times, whatever came here first.
        """
        known, name = self.attempts(quiz, student), digest(data)
        before = [a for a in known if a.arrived <= arrived + SAME]
        if before and before[-1].submission == name:
            return False  # the same once more
        if any(a.submission == name and abs(a.arrived - arrived) < SAME for a in known):
            return False
        path = self.folder(quiz, student) / f"{name}.ipynb"
        if not path.exists():
            write_atomically(path, data, 0o400)
            os.utime(path, (arrived, arrived))
        found = sorted([*known, Attempt(0, name, arrived)], key=lambda a: a.arrived)
        self._write(
            quiz, student, [Attempt(n, a.submission, a.arrived) for n, a in enumerate(found, 1)]
        )
        return True

    def _write(self, quiz: str, student: str, attempts: list[Attempt]) -> None:
        path = self.folder(quiz, student) / "attempts.json"
        value = [asdict(attempt) for attempt in attempts]
        signed.write(path, self.key, f"attempts/{quiz}/{student}", value)
        self._known[quiz, student] = attempts

    def read(self, quiz: str, student: str, submission: str) -> bytes:
        """The bytes of a kept hand-in. Raises CourseError when it is lost or was changed."""
        path = self.folder(quiz, student) / f"{submission}.ipynb"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CourseError(
                f"The kept hand-in {path} cannot be read: {error.strerror}."
            ) from None
        if digest(data) != submission:
            raise CourseError(f"The kept hand-in {path} was changed; restore it from a backup.")
        return data

    def students(self, quiz: str) -> list[str]:
        """Everybody who ever handed in this quiz."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{quiz}"))

    def forget(self, student: str) -> None:
        shutil.rmtree(self.root / student, ignore_errors=True)
        self._known.clear()


def arrival(item: Submission, info: os.stat_result, policy: Policy) -> float:
    """When a hand-in arrived, by the course's rule; never later than now.

    ``placed``, and where the course says nothing: when the file got its place here, which nothing
    inside a hand-in can change.
    ``modified``: the file's own time, which archives keep. ``timestamp``: nbgrader's
    ``timestamp.txt`` beside it, which the exchange writes and a student with a pen can forge.
    """
    now, when = time.time(), info.st_ctime
    if policy.arrival == "modified":
        when = info.st_mtime
    elif policy.arrival == "timestamp":
        when = _stamp(item.path.parent / "timestamp.txt") or when
    return min(when, now)


def _stamp(path: Path) -> float | None:
    import datetime

    from nbgrader.utils import parse_utc

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            text = file.read(STAMP_LIMIT).decode("ascii").strip()
        return parse_utc(text).replace(tzinfo=datetime.UTC).timestamp()
    except (OSError, ValueError, TypeError, OverflowError):
        return None
