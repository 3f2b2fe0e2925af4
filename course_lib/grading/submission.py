"""What a student handed in, read without trusting any of it.

Only the text of answer cells is taken, by ``grade_id`` (or by the cell's own id where a tool lost
the metadata). Every other cell, tag, attachment, output and extra file is left behind.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from course_lib.questions.answering import cell_id, is_blank
from course_lib.questions.magics import without_magics

SIZE_LIMIT = 32 << 20
ANSWER_LIMIT = 200_000  # characters of one answer that are kept
NO_CELL = (
    "The notebook has no cell for this answer: it was deleted, or a tool lost the notebook's "
    "metadata. A person looks for the answer."
)
SPLIT_LIMIT = 100  # cells of one id that are looked at; copies beyond are the student's own doing


class Invalid(Exception):
    """A hand-in that cannot be read; the text says why, for the student and for the grader.

    ``state`` is could_not_grade, or waiting where a person only has to choose.
    """

    def __init__(self, text: str, state: str = "could_not_grade"):
        super().__init__(text)
        self.state = state


@dataclass(frozen=True)
class Submission:
    """A student's folder for a quiz; ``trouble`` says why the notebook in it cannot be named."""

    student: str  # the folder's name, which need not be an id
    quiz: str
    path: Path
    trouble: Invalid | None = None


def find_submissions(course: Path, quiz: str) -> list[Submission]:
    """Everything under ``submitted/*/QUIZ``, in order of folder; no notebook is read yet."""
    root = course / "submitted"
    if not root.is_dir():
        return []
    found = []
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(".") or folder.is_file():
            continue
        place = folder / quiz
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            trouble = Invalid(f"The folder cannot be read: {error.strerror}.")
            found.append(Submission(folder.name, quiz, place / f"{quiz}.ipynb", trouble))
            continue
        found.append(named_copy(folder.name, quiz, place))
    return found


def named_copy(student: str, quiz: str, place: Path) -> Submission:
    """The hand-in's notebook: ``QUIZ.ipynb``, or the one copy that a browser gave another name."""
    path = place / f"{quiz}.ipynb"
    copy = re.compile(
        rf"{re.escape(quiz)}( ?\(\d{{1,3}}\)|[-_ ]?copy ?\d{{0,3}}|[-_ ]\d{{1,2}})?\.ipynb", re.I
    )
    try:
        names = [] if place.is_symlink() else sorted(os.listdir(place))
    except NotADirectoryError:
        names = []
    except OSError as error:
        trouble = Invalid(f"The folder cannot be read: {error.strerror}.")
        return Submission(student, quiz, path, trouble)
    names = [name for name in names if copy.fullmatch(name)]
    if len(names) > 1:
        listed = ", ".join(names[:5])
        text = f"There are {len(names)} notebooks ({listed}); leave the one that counts."
        return Submission(student, quiz, path, Invalid(text, "waiting"))
    return Submission(student, quiz, place / names[0] if names else path)


def read_bytes(submission: Submission) -> tuple[bytes, os.stat_result]:
    """The notebook's bytes and the file's own facts.

    Raises Invalid for links, special files, several notebooks, and what cannot be read.
    """
    if submission.trouble:
        raise submission.trouble
    for folder in (submission.path.parent.parent, submission.path.parent):
        if folder.is_symlink():
            raise Invalid("The folder is a link; hand in the notebook itself.")
    try:
        fd = os.open(submission.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Invalid(f"There is no {submission.path.name} in the submission.") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR, errno.EMLINK):
            text = "The notebook is a link or a special file; hand in the notebook itself."
            raise Invalid(text) from None
        raise Invalid(f"The notebook cannot be read: {error.strerror}.") from None
    info = os.fstat(fd)
    try:
        if not stat.S_ISREG(info.st_mode):
            raise Invalid("The notebook is not an ordinary file.")
        if info.st_size > SIZE_LIMIT:
            raise Invalid(
                f"The notebook is larger than {SIZE_LIMIT >> 20} MB; clear its outputs "
                "and hand it in again."
            )
        with open(fd, "rb", closefd=False) as file:
            return file.read(SIZE_LIMIT + 1), info
    except OSError as error:
        raise Invalid(f"The notebook cannot be read: {error.strerror}.") from None
    finally:
        os.close(fd)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def answers(data: bytes, starters: dict[str, str]) -> dict[str, str | None]:
    """The text of each answer cell by ``grade_id``: the starter where nothing was written, None
    where the notebook has no such cell.

    Of several cells with one id the last counts. One that was split is put together again: code
    before it stays if it defines something that the later cells do not. Raises Invalid.
    """
    found: dict[str, list[str]] = {key: [] for key in starters}
    present: set[str] = set()
    by_cell = {cell_id(key): key for key in starters}
    for cell in _cells(data):
        if not isinstance(cell, dict):
            continue
        metadata = cell.get("metadata")
        mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        key = mark.get("grade_id") if isinstance(mark, dict) else None
        if not isinstance(key, str):
            key = cell.get("id")
            key = by_cell.get(key) if isinstance(key, str) else None
        text = _text(cell.get("source")) if key in found else None
        if text is not None:
            present.add(key)
            if not is_blank(text, starters[key]):
                found[key].append(text)
    result: dict[str, str | None] = {}
    for key, texts in found.items():
        whole = _last(texts[-SPLIT_LIMIT:], starters[key]) if texts else starters[key]
        if len(whole) > ANSWER_LIMIT:
            whole = whole[:ANSWER_LIMIT] + "\n# cut here: too long"
        result[key] = whole if key in present else None
    return result


def require_copy(data: bytes, copy: str) -> None:
    """Raise Invalid for a copy that was made for another student; ``copy`` is this one's, or ""."""
    try:
        given = json.loads(data)["metadata"]["course"]["copy"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return  # a tool lost it; the answers are read as they stand
    if given != copy:
        text = "This copy of the quiz was made for another student; its questions are others."
        raise Invalid(text, "waiting")


def _last(texts: list[str], starter: str) -> str:
    if len(texts) == 1:
        return texts[0]
    if _names(starter) is None:  # prose: a person reads all of it
        return "\n\n".join(dict.fromkeys(texts))
    taken, known = [texts[-1]], _names(texts[-1])
    if known is None:  # not Python by itself: cut in the middle of something
        return "\n".join(texts)
    for text in reversed(texts[:-1]):
        names = _names(text)
        if names is None:
            break
        if names - known:
            taken.insert(0, text)
            known |= names
    return "\n".join(taken)


def _names(text: str) -> set[str] | None:
    """What a cell defines at its top level; None when it is no Python."""
    if len(text) > ANSWER_LIMIT:
        return None
    try:
        body = ast.parse(without_magics(text)).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    names: set[str] = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            names |= {
                inner.id
                for inner in ast.walk(node)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            }
    return names


def _cells(data: bytes) -> list:
    try:
        text = data.decode(json.detect_encoding(data[:4]))
        notebook = json.loads(text.removeprefix("\ufeff"))
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
