"""nbgrader's exchange: a folder in which an instructor lays quizzes and students lay hand-ins.

    EXCHANGE/COURSE/outbound/QUIZ/QUIZ.ipynb
    EXCHANGE/COURSE/inbound/STUDENT+QUIZ+TIME+RANDOM/QUIZ.ipynb, timestamp.txt
    EXCHANGE/COURSE/feedback/HASH.html

Students use nbgrader's own commands and buttons. On this side nothing in a hand-in is believed but
its bytes: a link is not followed, a folder that belongs to another student is not taken.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import folder, policy, roster
from course_lib.grading.submission import Submission, named_copy

try:
    import pwd
except ImportError:  # Windows, which has no exchange either
    pwd = None  # type: ignore[assignment]

USUAL = "/usr/local/share/nbgrader/exchange"
SMALL = 1000  # bytes of timestamp.txt and of the submission's secret that are read

# Permissions as nbgrader sets them: everybody looks, students lay down but do not list.
OUT, IN, READ = 0o755, 0o2733, 0o644
FEEDBACK = 0o711

# A name may hold a plus, a time holds a colon, and what stands after it is random.
_NAME = re.compile(r"(?P<student>.+)\+(?P<quiz>[^+]+)\+(?P<time>[^+]*:[^+]*)(?:\+[^+]*)?")


@dataclass(frozen=True)
class Laid:
    """One hand-in in the exchange."""

    student: str  # who it says it is
    item: Submission
    stamp: float  # when it says it came, seconds since 1970
    placed: float  # when the notebook got its place there; nobody can date that back
    uid: int  # of the account whose folder it is
    folder: Path

    def forged(self, known: Collection[str]) -> str:
        """Who laid it down, if that is somebody else than it says; else "".

        Where all students share one account, as in containers, nobody can tell.
        """
        owner, claimed = _account(self.uid), _uid(self.student)
        if owner == self.student or (claimed is None and owner not in known):
            return ""
        return owner or f"account {self.uid}"


def root(course: Path) -> Path:
    """The course's folder in the exchange. Raises CourseError when there is no exchange."""
    rules = policy.load(course)
    place = Path(rules.exchange).expanduser() if rules.exchange else Path(USUAL)
    place = place if place.is_absolute() else course / place
    if not place.is_dir():
        raise CourseError(
            f"There is no exchange {place}. Make the folder (mode 777), or name another one in "
            f"{policy.FILE}: exchange."
        )
    return place / folder.name_of(course)


def release(course: Path, quiz: str, force: bool = False) -> Path:
    """Lay the released notebook where students can fetch it; return its folder there.

    Raises CourseError when another one lies there, which students may have fetched, unless forced.
    """
    source, place = course / "release" / quiz / f"{quiz}.ipynb", root(course)
    target = place / "outbound" / quiz
    try:
        for path, mode in ((place, OUT), (place / "outbound", OUT), (place / "inbound", IN)):
            if not path.is_dir():
                path.mkdir()
                path.chmod(mode)  # mkdir takes the umask off
        there = target / source.name
        data = source.read_bytes()
        if there.exists() and there.read_bytes() != data and not force:
            raise CourseError(
                f"Another {quiz} was released, and students may have fetched it: {there}. To "
                "replace it give --force. Corrections of points and keys belong into "
                f"{policy.FILE} instead."
            )
        target.mkdir(exist_ok=True)
        target.chmod(OUT)
        write_atomically(there, data)
        there.chmod(READ)
    except OSError as error:
        raise CourseError(
            f"{error.filename or place}: {error.strerror}. Nothing was released."
        ) from None
    return target


def laid(course: Path, quiz: str) -> list[Laid]:
    """All hand-ins of a quiz, by student and time."""
    inbound = root(course) / "inbound"
    if not inbound.is_dir():
        raise CourseError(f"{inbound} is not there: release the quiz first.")
    found = []
    for place in inbound.iterdir():
        name = _NAME.fullmatch(place.name)
        if name is None or name["quiz"] != quiz:
            continue
        info = place.lstat()
        item = named_copy(name["student"], quiz, place)
        stamp = _stamp(_small(place / "timestamp.txt")) or _stamp(name["time"])
        try:
            placed = item.path.lstat().st_ctime
        except OSError:
            placed = info.st_ctime
        stamp = placed if stamp is None else stamp
        found.append(Laid(name["student"], item, stamp, placed, info.st_uid, place))
    return sorted(found, key=lambda one: (one.student, one.stamp, one.folder.name))


def _small(path: Path) -> str:
    """The text of a small ordinary file; "" for anything else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return ""
            return file.read(SMALL).decode("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _stamp(text: str) -> float | None:
    """A time as nbgrader writes it, such as ``2026-03-09 12:00:00.123456 UTC``."""
    from nbgrader.utils import parse_utc  # a second of imports

    try:
        return parse_utc(text).replace(tzinfo=datetime.UTC).timestamp()
    except (ValueError, TypeError, OverflowError, AttributeError):
        return None


def _account(uid: int) -> str:
    """The name of an account; "" where the system has none."""
    try:
        return pwd.getpwuid(uid).pw_name if pwd else ""
    except KeyError:
        return ""


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid if pwd else None
    except (KeyError, ValueError):
        return None


def release_feedback(course: Path, quiz: str, pages: dict[str, Path]) -> list[str]:
    """Lay feedback pages where ``nbgrader fetch_feedback`` finds them; return the students.

    ``pages`` are files by student. Each hand-in of a student gets the page; its name there is a
    hash of a secret that only this hand-in and its student have. One that another account laid
    down in a student's name gets none.
    """
    target = root(course) / "feedback"
    known = {*pages, *(roster.load(course) or {})}
    done = []
    try:
        if not target.is_dir():
            target.mkdir(parents=True)
            target.chmod(FEEDBACK)
        for one in laid(course, quiz):
            page, secret = pages.get(one.student), _small(one.folder / "submission_secret.txt")
            if page is None or not secret or one.forged(known):
                continue
            name = one.item.path.stem
            # nbgrader.utils.notebook_hash
            known = hashlib.md5((secret + name).encode(), usedforsecurity=False).hexdigest()
            part = target / f".{known}.part"
            shutil.copyfile(page, part)
            part.chmod(READ)
            os.replace(part, target / f"{known}.html")
            done.append(one.student)
    except OSError as error:
        raise CourseError(f"{error.filename or target}: {error.strerror}.") from None
    return list(dict.fromkeys(done))
