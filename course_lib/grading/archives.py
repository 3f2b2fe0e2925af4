"""Hand-ins in zip archives, as Canvas and Moodle write them; read, and never unpacked.

What the names say, the roster decides. Known are

- Canvas: ``rightann_LATE_1234_5678_lesson01.ipynb`` (name, lateness, the student's and the
  hand-in's number);
- Moodle: ``Ann Right_1234_assignsubmission_file/lesson01.ipynb``, a folder for each student, and
  ``Ann Right_1234_assignsubmission_file_lesson01.ipynb`` without folders;
- ``ann/lesson01.ipynb``, ``ann/lesson01/lesson01.ipynb`` and ``ann_lesson01.ipynb``.
"""

from __future__ import annotations

import datetime
import re
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from course_lib.errors import CourseError
from course_lib.grading.submission import SIZE_LIMIT

ENTRIES = 50_000  # of an archive
TIMES = 0x5455  # the extra field that has a file's time in seconds since 1970

_CANVAS = re.compile(r"(?P<name>[^/]+?)(?P<late>_LATE)?_(?P<canvas>\d+)_\d+_(?P<file>[^/]+)")
_MOODLE = re.compile(
    r"(?P<name>[^/]+)_(?P<moodle>\d+)_assignsubmission_[a-z]+(?:_?/|_|(?=\.))(?P<file>.+)"
)


@dataclass(frozen=True)
class Entry:
    """One file of an archive and whose it may be."""

    name: str  # of the student, as the archive has it
    file: str  # of the notebook
    when: float  # the file's own time, seconds since 1970
    data: bytes = b""
    canvas: str = ""  # the student's number in Canvas, in Moodle
    moodle: str = ""
    late: bool = False
    trouble: str = ""  # why the file was not read


def entries(path: Path, quiz: str, zone: ZoneInfo) -> Iterator[Entry]:
    """The notebooks of an archive, one file at a time; other files come with their trouble.

    Args:
        quiz: tells names such as ``ann_lesson01.ipynb`` apart.
        zone: of the times in archives that do not say it (most do).

    Raises CourseError for what is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            if len(listed) > ENTRIES:
                raise CourseError(f"{path} has more than {ENTRIES} files; that is no class.")
            for info in listed:
                name = info.filename.replace("\\", "/")
                if info.is_dir() or "__MACOSX" in name or name.split("/")[-1].startswith("."):
                    continue
                yield _entry(archive, info, name, quiz, zone)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise CourseError(f"{path} is no whole zip archive: {error}. Download it again.") from None
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror or error}.") from None


def _entry(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, quiz: str, zone: ZoneInfo
) -> Entry:
    found = _parts(name, quiz)
    found["when"] = _time(info, zone)
    if not name.lower().endswith(".ipynb"):
        return Entry(**found, trouble=f"{found['file']} is no notebook.")
    if info.file_size > SIZE_LIMIT:
        return Entry(**found, trouble=f"{found['file']} is larger than {SIZE_LIMIT >> 20} MB.")
    try:
        with archive.open(info) as file:
            data = file.read(SIZE_LIMIT + 1)
    except (RuntimeError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        return Entry(**found, trouble=f"{found['file']} cannot be read: {error}.")
    if len(data) > SIZE_LIMIT:
        return Entry(**found, trouble=f"{found['file']} is larger than {SIZE_LIMIT >> 20} MB.")
    return Entry(**found, data=data)


def _parts(name: str, quiz: str) -> dict:
    """What a path says: name, file, numbers, lateness."""
    for pattern in (_MOODLE, _CANVAS):
        # Moodle's folder may stand in a folder of the archive's own; Canvas has none.
        found = pattern.search(name) if pattern is _MOODLE else pattern.fullmatch(_last(name))
        if found:
            parts = found.groupdict()
            parts["file"] = _last(parts["file"])
            if "late" in parts:
                parts["late"] = bool(parts["late"])
            return parts
    found = re.fullmatch(rf"(.+)_({re.escape(quiz)}[^/]*\.ipynb)", _last(name), re.I)
    if found:
        return {"name": found[1], "file": found[2]}
    steps = name.split("/")
    # ann/lesson01.ipynb, ann/lesson01/lesson01.ipynb, class/ann/lesson01.ipynb
    folders = [step for step in steps[:-1] if step != quiz]
    owner = folders[-1] if folders else Path(steps[-1]).stem
    return {"name": owner, "file": steps[-1]}


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _time(info: zipfile.ZipInfo, zone: ZoneInfo) -> float:
    """When a file was written: from the extra field that says it in UTC, else by the zone."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == TIMES and len(field) >= 5 and field[0] & 1:
            return float(struct.unpack("<i", field[1:5])[0])
    try:
        return datetime.datetime(*info.date_time, tzinfo=zone).timestamp()
    except ValueError:  # a month 0 in a damaged header
        return time.time()
