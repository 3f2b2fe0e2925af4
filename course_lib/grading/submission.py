"""What a student handed in, read without trusting any of it.

Only the text of answer cells is taken, by ``grade_id``. Every other cell, tag, attachment, output,
piece of metadata and extra file is left behind.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

SIZE_LIMIT = 32 << 20
ANSWER_LIMIT = 200_000  # characters of one answer that are kept
STUDENT = re.compile(r"[\w.@+-][\w.@+ -]{0,99}", re.ASCII)


class Invalid(Exception):
    """A submission that cannot be graded; the text is the message for the student."""


@dataclass(frozen=True)
class Submission:
    student: str
    quiz: str
    path: Path


def find_submissions(course: Path, quiz: str) -> list[Submission]:
    """Everything under ``submitted/*/QUIZ``, in order of student; nothing is read yet."""
    root = course / "submitted"
    if not root.is_dir():
        return []
    return [
        Submission(folder.name, quiz, folder / quiz / f"{quiz}.ipynb")
        for folder in sorted(root.iterdir())
        if not folder.name.startswith(".") and os.path.lexists(folder / quiz)
    ]


def read_bytes(submission: Submission) -> bytes:
    """The notebook's bytes. Raises Invalid for links, special files, wrong names and sizes."""
    if not STUDENT.fullmatch(submission.student):
        raise Invalid(
            "The name of the student's folder may hold letters, digits and . @ + - _ only."
        )
    for folder in (submission.path.parent.parent, submission.path.parent):
        if folder.is_symlink():
            raise Invalid("The folder is a link; hand in the notebook itself.")
    try:
        fd = os.open(submission.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Invalid(f"There is no {submission.path.name} in the submission.") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR, errno.EMLINK):
            raise Invalid(
                "The notebook is a link or a special file; hand in the notebook itself."
            ) from None
        raise
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise Invalid("The notebook is not an ordinary file.")
    with os.fdopen(fd, "rb") as file:
        if info.st_size > SIZE_LIMIT:
            raise Invalid(
                f"The notebook is larger than {SIZE_LIMIT >> 20} MB; clear its outputs "
                "and hand it in again."
            )
        return file.read(SIZE_LIMIT + 1)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def answers(data: bytes, starters: dict[str, str]) -> dict[str, str]:
    """The text of each answer cell by ``grade_id``; the starter where nothing was handed in.

    A cell that was copied or split shares its id: copies still equal to the starter are left out
    and the rest is joined in order, which is what running the notebook would do. Raises Invalid.
    """
    cells = _cells(data)
    found: dict[str, list[str]] = {key: [] for key in starters}
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        metadata = cell.get("metadata")
        mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        key = mark.get("grade_id") if isinstance(mark, dict) else None
        if not isinstance(key, str) or key not in found:
            continue
        text = _text(cell.get("source"))
        if text is not None and not is_blank(text, starters[key]):
            found[key].append(text)
    result = {}
    for key, texts in found.items():
        joined = "\n".join(dict.fromkeys(texts))
        if len(joined) > ANSWER_LIMIT:
            joined = joined[:ANSWER_LIMIT] + "\n# cut here: too long"
        result[key] = joined if texts else starters[key]
    return result


def _cells(data: bytes) -> list:
    try:
        notebook = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Invalid("The notebook is not UTF-8 text.") from None
    except (ValueError, RecursionError, MemoryError):
        raise Invalid(
            "The notebook is not readable: it is empty, cut short or not a notebook."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Invalid("The file is not a notebook of format 4; save it with a current Jupyter.")
    return cells


def _text(source: object) -> str | None:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    # Lone surrogates cannot be written, control characters confuse what shows the text.
    text = source.encode("utf-8", "replace").decode("utf-8")
    return "".join(c for c in text if c in "\n\t" or ord(c) >= 32)


def is_blank(text: str, starter: str) -> bool:
    """True when nothing was added to the starter (white space and blank lines do not count)."""

    def normal(value: str) -> list[str]:
        return [line.rstrip() for line in value.strip().splitlines() if line.strip()]

    return not text.strip() or normal(text) == normal(starter)
