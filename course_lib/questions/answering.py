"""Help while answering a graded quiz, in the student's own kernel.

    understood("choice 4", 'answer = "e"')    how an answer cell is read
    look("lesson01")                          what is empty or unreadable in the saved notebook

``course_lib.widgets.quiz`` shows it after each run of an answer cell. Both know what is asked for
(a letter of four, a number in m/s), and no key: they read an answer as the grader will, and never
say whether it is right.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from course_lib.questions.literals import NotALiteral, Unclear, parse_literal, parse_number
from course_lib.questions.question import Question
from course_lib.questions.scoring import letters_of, number_of
from course_lib.questions.verdict import Verdict

EMPTY, READ, WAITS, UNREADABLE = "empty", "read", "waits", "unreadable"
SAVED_LATELY = 120.0  # seconds

_facts: dict[str, str] = {}


def cell_id(name: str) -> str:
    """Jupyter's own id of a cell; it is the same at every build."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def fact(question: Question, starter: str) -> str:
    """What a student's kernel may know of a question, in a line: ``choice 4``, ``numeric m/s``,
    ``code 1a2b3c4d`` (of what stands in the cell before one starts)."""
    if question.kind in ("choice", "multiple"):
        return f"{question.kind} {len(question.choices)}"
    if question.kind == "numeric":
        return f"numeric {question.unit}".strip()
    return f"{question.kind} {_mark(starter)}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines() if line.strip()]


def _mark(text: str) -> str:
    return hashlib.sha256("\n".join(_lines(text)).encode()).hexdigest()[:8]


def is_blank(text: str, starter: str) -> bool:
    """True when nothing was added to the starter (white space and blank lines do not count)."""
    return not text.strip() or _lines(text) == _lines(starter)


def understood(told: str, text: str) -> tuple[str, str]:
    """How an answer cell is read: empty, read, waits or unreadable, and words for the student."""
    kind, _, rest = told.partition(" ")
    if kind in ("code", "written"):
        blank = not text.strip() or _mark(text) == rest
        return (EMPTY, "Nothing is written here yet.") if blank else (READ, "Something is written.")
    try:
        if kind == "numeric":
            return _number(parse_number(text, rest), rest)
        return _choice(kind, int(rest), parse_literal(text))
    except Unclear as error:
        return WAITS, f"{error} As it stands, a person would have to read it."
    except NotALiteral as error:
        return UNREADABLE, str(error)


def _number(value: Any, unit: str) -> tuple[str, str]:
    number = number_of(value)
    if number is None:
        return EMPTY, "No number is written here yet."
    return READ, f"Read as {number:.10g}{f' {unit}' if unit else ''}."


def _choice(kind: str, count: int, value: Any) -> tuple[str, str]:
    letters = letters_of(value, count)
    last = ascii_lowercase[count - 1]
    if letters is None:
        return EMPTY, f"Nothing is chosen yet: a to {last}."
    if kind == "choice" and len(letters) > 1:
        return UNREADABLE, f"Give one letter, a to {last}; several were given."
    return READ, f"Read as {', '.join(sorted(letters))}."


def know(facts: dict[str, str]) -> None:
    """Remember what the questions of this notebook ask for, by id."""
    _facts.clear()
    _facts.update(facts)


def asked_in(cell: str | None) -> tuple[str, str] | None:
    """The question that is answered in a cell, and what it asks for; None for any other cell."""
    for name, told in _facts.items():
        if cell == cell_id(name):
            return name, told
    return None


def shown(state: str, words: str) -> Verdict:
    """The words as a notebook shows them, with a mark that is no colour."""
    mark = {EMPTY: "○ ", READ: "✓ ", WAITS: "⚠ ", UNREADABLE: "✗ Not readable. "}[state]
    return Verdict("noted", mark + words)


def look(quiz: str, path: str | Path | None = None) -> Verdict:
    """Go through the saved notebook; a table of what is empty or cannot be read.

    ``path`` is the notebook; default: the one that this kernel belongs to.
    """
    if not _facts:
        return Verdict("not attempted", "Run the first code cell of the notebook, then this one.")
    found = Path(path) if path else _notebook(quiz)
    if found is None:
        return Verdict(
            "not attempted", "The notebook's file was not found; look through it yourself."
        )
    try:
        cells = json.loads(found.read_bytes())["cells"]
        age = time.time() - found.stat().st_mtime
        texts = _texts(cells)
    except (OSError, ValueError, TypeError, KeyError) as error:
        return Verdict("not attempted", f"{found.name} could not be read: {error}.")
    rows, count = [], {EMPTY: 0, READ: 0, WAITS: 0, UNREADABLE: 0}
    for number, (name, told) in enumerate(_facts.items(), 1):
        if name not in texts:
            state, words = UNREADABLE, "Its cell is gone: fetch the notebook again."
        else:
            state, words = understood(told, texts[name])
        count[state] += 1
        if state != READ:
            rows.append(f"| {number} | {name} | {shown(state, words).text} |")
    when = f"saved {age / 60:.0f} minutes ago" if age > SAVED_LATELY else "saved just now"
    head = f"{found.name}, {when}: {count[READ]} of {len(_facts)} questions answered"
    if not rows:
        return Verdict("noted", f"✓ {head}; all can be read. You can hand it in.")
    table = ["| | question | |", "|---|---|---|", *rows]
    return Verdict("noted", "\n".join([f"{head}.", "", *table]))


def _texts(cells: list) -> dict[str, str]:
    """Answers by question: by nbgrader's name of a cell, else by the cell's own id."""
    by_cell = {cell_id(name): name for name in _facts}
    texts = {}
    for cell in cells:
        mark = cell.get("metadata", {}).get("nbgrader", {})
        name = mark.get("grade_id") or by_cell.get(cell.get("id", ""))
        if name in _facts:
            source = cell["source"]
            texts[name] = source if isinstance(source, str) else "".join(source)
    return texts


def _notebook(quiz: str) -> Path | None:
    """The notebook's file: as Jupyter names it, else the only one here that holds this quiz."""
    named = os.environ.get("JPY_SESSION_NAME", "")
    if named and Path(named).is_file():
        return Path(named)
    mark = json.dumps(f"{quiz}-intro").encode()
    found = [p for p in Path.cwd().glob("*.ipynb") if mark in p.read_bytes()]
    return found[0] if len(found) == 1 else None
