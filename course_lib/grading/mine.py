"""Grade one's own notebook, without an instructor: score, explanations, what to repeat.

The code is the learner's own and runs on their machine as it would in their notebook, in a process
of its own with a time limit; there is nobody to protect it from. It works where there is no sandbox
and no fork (Windows), and as root (Colab).
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading import assess, score
from course_lib.grading.submission import SIZE_LIMIT
from course_lib.questions.format import load_bank
from course_lib.questions.question import Quiz


def grade_notebook(path: Path, bank: Path) -> dict:
    """The record of one notebook, with explanations. Raises CourseError when it is no quiz."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > SIZE_LIMIT:
        raise CourseError(f"{path} is larger than {SIZE_LIMIT >> 20} MB; clear its outputs.")
    quiz = _quiz_of(data, load_bank(bank), path)
    if quiz.is_personal:
        raise CourseError(
            f"{quiz.id} differs between students: only the course that made your copy can grade it."
        )
    # A fixed secret is enough: who cheats here cheats nobody else.
    seeds = {q.id: score.seed(b"mine", quiz.id, q.id) for q in quiz.questions}
    try:
        record, _ = assess.grade_submission(assess.Job("me", quiz, data, seeds, "none"))
    finally:
        assess.close()
    for question, result in zip(quiz.questions, record["questions"], strict=True):
        result["explanation"] = question.explanation or " ".join(
            c.why for c in question.choices if c.correct
        )
        if question.kind == "written":
            result["reason"] = "Compare with: " + "; ".join(c.text for c in question.rubric)
    record["repeat"] = [
        q["id"]
        for q in record["questions"]
        if q["score"] is not None and q["score"] < q["max_score"]
    ]
    record["lesson"] = quiz.lesson
    return record


def unprotected() -> str:
    """What running one's own code here does not protect against, in words."""
    text = (
        "Code answers run unprotected, as in your notebook: they can read and change your files "
        "and use the network. Each is stopped when its time is over."
    )
    if importlib.util.find_spec("resource") is None:
        text += " Nothing limits their memory on this system."
    return text + " So grade notebooks of your own only."


def _quiz_of(data: bytes, bank: dict[str, Quiz], path: Path) -> Quiz:
    try:
        text = json.dumps(json.loads(data))
    except (ValueError, RecursionError):
        raise CourseError(f"{path} is not a readable notebook.") from None
    found = [
        quiz
        for quiz in bank.values()
        if f'"{quiz.id}-intro"' in text
        or any(f'"grade_id": "{q.id}"' in text for q in quiz.questions)
    ]
    if len(found) != 1:
        raise CourseError(f"{path} is not a quiz of this bank; it has {', '.join(bank)}.")
    return found[0]


def as_text(record: dict) -> str:
    """The record for a terminal."""
    lines = [
        f"{record['quiz']}: {record['score']:g} of {record['max_score']:g} points. "
        f"{record['message']}"
    ]
    for result in record["questions"]:
        points = "-" if result["score"] is None else f"{result['score']:g}"
        lines.append(
            f"  {points:>4} / {result['max_score']:g}  {result['id']}: "
            f"{' '.join(result['reason'].split())}"
        )
        if result["state"] not in ("right", "not attempted") and result["explanation"]:
            lines.append(f"              {' '.join(result['explanation'].split())}")
    if record["repeat"]:
        lines.append(f"Look again at lesson {record['lesson']}: {', '.join(record['repeat'])}.")
    return "\n".join(lines)
