"""From questions to notebooks: the instructor's source and what students get.

Both are the same at every build, byte for byte. The released notebook is made from the fields that
are public and from nothing else: prompt, choices' texts, starter, public examples, points.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from course_lib.files import write_atomically
from course_lib.questions.answering import cell_id, fact
from course_lib.questions.format import PICTURE
from course_lib.questions.personal import personal
from course_lib.questions.question import Question, Quiz

INERT = ('<pre style="white-space: pre-wrap">', "</pre>")  # around a written answer
SCHEMA_VERSION = 3  # of nbgrader's cell metadata
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


# Help for whoever answers: what is asked for in which cell, and nothing that tells a key. Without
# course_lib on the student's machine the notebook works all the same.
_START = """\
# Run this first: each answer then says at once how it is understood, and choices can be clicked.
try:
    from course_lib.widgets import quiz
except ImportError:
    print("Not installed here; write your answers into their cells, as the text above each says.")
else:
    display(quiz.start({facts}))"""
_LOOK = """\
# Before you hand in: save the notebook (Ctrl+S), then run this. It says what is still empty.
try:
    from course_lib.questions import answering
except ImportError:
    print("Not installed here; look through your answers yourself.")
else:
    display(answering.look({quiz}))"""


def _listed(facts: dict[str, str]) -> str:
    lines = [f"        {json.dumps(key)}: {json.dumps(value)}," for key, value in facts.items()]
    return "\n".join(["{", *lines, "    }"])


def starter(question: Question) -> str:
    """What stands in the answer cell before the student starts."""
    q = question
    if q.kind == "choice":
        return f'answer = ""  # one letter, {_range(q)}'
    if q.kind == "multiple":
        return 'answer = []  # the letters of all true statements, such as ["a", "c"]'
    if q.kind == "numeric":
        return f"answer = None  # a number{' in ' + q.unit if q.unit else ''}"
    if q.kind == "written":
        return "*Write your answer here.*"
    return q.starter.strip("\n")


def _range(q: Question) -> str:
    return f"a to {ascii_lowercase[len(q.choices) - 1]}"


def solution(question: Question) -> str:
    """The answer cell of the source notebook."""
    if question.kind in ("code", "written"):
        return question.reference.strip("\n")
    return f"answer = {json.dumps(question.right_answer)}"


def notebook(quiz: Quiz, texts: dict[str, str] | None = None, *, keys: bool = False) -> dict:
    """The notebook of a quiz; ``texts`` replaces answer cells, ``keys`` adds the explanations."""
    cells = [_locked(f"{quiz.id}-intro", "markdown", _intro(quiz))]
    facts = {q.id: fact(q, starter(q)) for q in quiz.questions}
    cells.append(_locked(f"{quiz.id}-help", "code", _START.format(facts=_listed(facts))))
    cells[-1]["metadata"]["jupyter"] = {"source_hidden": True}
    for number, question in enumerate(quiz.questions, 1):
        cells.append(_locked(f"{question.id}-text", "markdown", _prompt(question, number)))
        if question.pictures:
            cells[-1]["attachments"] = _attached(question)
        if question.kind == "code":
            text = "# Public examples: run this cell after yours.\n" + question.examples.strip("\n")
            cells.append(_answer(question, texts))
            cells.append(_locked(f"{question.id}-examples", "code", text))
        else:
            cells.append(_answer(question, texts))
        if keys:
            cells.append(_locked(f"{question.id}-key", "markdown", _key(question)))
    cells.append(_locked(f"{quiz.id}-look", "code", _LOOK.format(quiz=json.dumps(quiz.id))))
    metadata: dict[str, Any] = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    if quiz.copy:
        metadata["course"] = {"copy": quiz.copy}
    return {
        "cells": cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def source_notebook(quiz: Quiz) -> dict:
    """The instructor's notebook: right answers and explanations in place."""
    return notebook(quiz, {q.id: solution(q) for q in quiz.questions}, keys=True)


def release_notebook(quiz: Quiz) -> dict:
    return notebook(quiz)


def rebuilt_notebook(quiz: Quiz, texts: dict[str, str]) -> dict:
    """The released notebook with a student's answers in it, safe to open with an instructor's
    rights.

    Code is shown as code. Written answers are shown as the characters they are: as Markdown they
    could carry scripts.
    """
    shown = dict(texts)
    for question in quiz.questions:
        text = texts.get(question.id, "")
        if question.kind == "written" and text != starter(question):
            shown[question.id] = inert(text)
    return notebook(quiz, shown)


def inert(text: str) -> str:
    """Text as preformatted HTML in which no Markdown, HTML, or formula can come alive."""
    safe = "".join(c if c.isalnum() or c in " \n" else f"&#{ord(c)};" for c in text)
    return INERT[0] + safe + INERT[1]


def shown_answers(notebook: bytes) -> dict[str, str]:
    """The texts of the answer cells of what ``rebuilt_notebook`` made; {} for anything else."""
    try:
        cells = json.loads(notebook)["cells"]
        return {
            cell["metadata"]["nbgrader"]["grade_id"]: _alive("".join(cell["source"]))
            for cell in cells
            if cell["metadata"]["nbgrader"]["solution"]
        }
    except (ValueError, TypeError, KeyError):
        return {}


def _alive(text: str) -> str:
    if not text.startswith(INERT[0]):
        return text
    return html.unescape(text.removeprefix(INERT[0]).removesuffix(INERT[1]))


def serialise(value: dict) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def write_quiz(quiz: Quiz, course: Path) -> list[Path]:
    """Write ``source/QUIZ/QUIZ.ipynb`` and ``release/QUIZ/QUIZ.ipynb``; return their paths."""
    paths = []
    for step, value in (("source", source_notebook(quiz)), ("release", release_notebook(quiz))):
        path = course / step / quiz.id / f"{quiz.id}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, serialise(value))
        paths.append(path)
    return paths


def write_personal(quiz: Quiz, course: Path, key: bytes, students: Iterable[str]) -> list[Path]:
    """Write each student's own copy, ``personal/QUIZ/STUDENT/QUIZ/QUIZ.ipynb``."""
    paths = []
    for student in students:
        path = course / "personal" / quiz.id / student / quiz.id / f"{quiz.id}.ipynb"
        write_atomically(path, serialise(release_notebook(personal(quiz, key, student))))
        paths.append(path)
    return paths


def quiz_hash(quiz: Quiz) -> str:
    """Changes when anything that bears on a score or on what is shown changes."""
    return hashlib.sha256(repr(quiz).encode()).hexdigest()


def _intro(quiz: Quiz) -> str:
    text = f"# {quiz.title}\n\n"
    if quiz.intro:
        text += quiz.intro.strip() + "\n\n"
    return text + (
        f"{len(quiz.questions)} questions, {quiz.points:g} points. Write your answers into the "
        "cells that say so; each answer is read from its own cell alone, so a cell must not need "
        "another. "
        "Cells that you add are not read."
    )


def _prompt(q: Question, number: int) -> str:
    text = f"### Question {number} ({q.points:g} point{'' if q.points == 1 else 's'})\n\n"
    text += PICTURE.sub(lambda m: f"![{m[1]}](attachment:{_file(m[2])})", q.prompt.strip())
    if q.choices:
        text += "\n\n" + "\n".join(
            f"- **{letter})** {' '.join(choice.text.split())}"
            for letter, choice in zip(ascii_lowercase, q.choices, strict=False)
        )
    if q.kind == "multiple":
        text += "\n\nChoose all that are true. A wrong choice cancels a right one."
    if q.kind == "numeric":
        text += (
            "\n\nWrite a number with a point, such as `answer = 0.8`; arithmetic such as "
            "`answer = 8/10` is fine, a comma is not."
            + (f" The unit is {q.unit}; you may write it behind." if q.unit else " It has no unit.")
        )
    if q.kind == "written":
        text += "\n\nA person reads this answer."
    return text


def _file(name: str) -> str:
    """A picture's name as an attachment."""
    return name.replace("/", "-")


def _attached(q: Question) -> dict:
    """The pictures of a prompt, inside the notebook: one file to hand out."""
    return {
        _file(name): {
            mimetypes.guess_type(name)[0] or "image/png": base64.b64encode(data).decode("ascii")
        }
        for name, data in q.pictures
    }


def _key(q: Question) -> str:
    lines = ["**Key.** " + (q.explanation.strip() or f"Right: {', '.join(q.key)}.")]
    lines += [
        f"- **{letter})** {'right' if c.correct else 'wrong'}: {' '.join(c.why.split())}"
        for letter, c in zip(ascii_lowercase, q.choices, strict=False)
    ]
    lines += [f"- {c.points:g}: {c.text}" for c in q.rubric]
    lines += [f"- {p.points:g}: {p.text}" for p in q.parts]
    return "\n".join(lines)


def _cell(name: str, kind: str, text: str, mark: dict[str, Any], **metadata: Any) -> dict:
    mark = {
        "grade_id": name,
        "schema_version": SCHEMA_VERSION,
        "task": False,
        "cell_type": kind,
        **mark,
    }
    cell = {
        "cell_type": kind,
        "id": cell_id(name),
        "metadata": {"nbgrader": mark, **metadata},
        "source": text,
    }
    mark["checksum"] = checksum(cell)
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def _locked(name: str, kind: str, text: str) -> dict:
    mark = {"grade": False, "solution": False, "locked": True}
    return _cell(name, kind, text, mark, deletable=False, editable=False)


def _answer(q: Question, texts: dict[str, str] | None) -> dict:
    # "grade" and "solution" at once is nbgrader's manually graded answer: should anybody run the
    # stock autograder on it, it gives no points but asks for a person.
    text = (texts or {}).get(q.id, starter(q))
    kind = "markdown" if q.kind == "written" else "code"
    return _cell(
        q.id,
        kind,
        text,
        {"grade": True, "solution": True, "locked": False, "points": q.points},
        deletable=False,
    )


def checksum(cell: dict) -> str:
    """nbgrader's checksum of a cell (``nbgrader.utils.compute_checksum``, schema 3)."""
    mark = cell["metadata"]["nbgrader"]
    locked = mark["locked"] and not mark["solution"]
    parts = [
        cell["source"],
        cell["cell_type"],
        str(mark["grade"]),
        str(mark["solution"]),
        str(locked),
        mark["grade_id"],
    ]
    if mark["grade"]:
        parts.append(str(float(mark["points"])))
    return hashlib.md5("".join(parts).encode("utf-8"), usedforsecurity=False).hexdigest()


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)
