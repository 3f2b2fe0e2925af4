"""From an answer to points: literals parsed, outputs compared. Nothing here executes an answer.

Practice and grading share it; what a sandbox adds to it stands in ``course_lib.grading.score``.
"""

from __future__ import annotations

import math
import types
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from course_lib.errors import CourseError
from course_lib.questions.literals import NotALiteral, Unclear, parse_literal, parse_number
from course_lib.questions.question import Part, Question
from course_lib.questions.values import ATOL, RTOL, same

UNKNOWN = ("waiting", "could_not_grade")  # states without a score


@dataclass(frozen=True)
class Result:
    """The score of one question.

    ``state`` is right, partial, wrong, not attempted or error (all of them graded), invalid,
    timeout, out_of_memory or crashed; or waiting (for a person) or could_not_grade, and then there
    is no score.
    """

    id: str
    state: str
    score: float | None
    max_score: float
    reason: str
    answer: str = ""  # what was understood of a choice or a number, for the report
    seconds: float = 0.0


def letters_of(value: Any, count: int) -> frozenset[str] | None:
    """The letters of a choice, ``count`` being allowed; None for nothing. Raises NotALiteral."""
    if value is None:
        return None
    items = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not all(isinstance(item, str) for item in items):
        raise NotALiteral('Answer with letters, for example "a".')
    text = "".join(items).lower()
    letters = frozenset(c for c in text if c.isalnum())
    if letters - set(ascii_lowercase[:count]) or len(text) > 100:
        raise NotALiteral(f"The choices are a to {ascii_lowercase[count - 1]}.")
    return letters or None


def number_of(value: Any) -> float | None:
    """A finite number; None for nothing. Raises NotALiteral."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = float(value.strip())
        except ValueError:
            raise NotALiteral("Answer with a number, for example 0.5.") from None
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotALiteral("Answer with a number, for example 0.5.")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise NotALiteral("The number is not finite.")
    return value


def score_value(question: Question, value: Any) -> Result:
    """Score a choice, multiple or numeric answer that is already a plain value."""
    q = question

    def result(state: str, score: float, reason: str, answer: str = "") -> Result:
        return Result(q.id, state, score, q.points, reason, answer)

    try:
        if q.kind == "numeric":
            number = number_of(value)
            if number is None:
                return result("not attempted", 0.0, "Not attempted.")
            text = f"{number:g}"
            if any(_close(number, x, q.tolerance, q.relative) for x in (q.answer, *q.also)):
                return result("right", q.points, f"Right. {q.explanation}", text)
            for item in q.partial:
                if _close(number, item.answer, item.tolerance):
                    return result("partial", item.score, item.why, text)
            return result("wrong", 0.0, f"{text} is outside the tolerance.", text)
        letters = letters_of(value, len(q.choices))
    except NotALiteral as error:
        return result("invalid", 0.0, str(error))
    if letters is None:
        return result("not attempted", 0.0, "Not attempted.")
    text = ", ".join(sorted(letters))
    keys = [frozenset(key) for key in (q.key, *q.also)]
    if letters in keys:
        why = q.choices[ascii_lowercase.index(text)].why if q.kind == "choice" else ""
        return result("right", q.points, f"Right. {why}".strip(), text)
    if q.kind == "choice":
        if len(letters) > 1:
            return result("invalid", 0.0, "Give one letter; several were given.", text)
        return result("wrong", 0.0, q.choices[ascii_lowercase.index(text)].why, text)
    share, key = max(((_share(letters, key), key) for key in keys), key=lambda found: found[0])
    good, bad = len(letters & key), len(letters - key)
    reason = (
        f"{good} of {len(key)} true statements chosen, {bad} chosen that "
        f"{'is' if bad == 1 else 'are'} not true; each of these cancels a right one."
    )
    return result("partial" if share else "wrong", round(q.points * share, 4), reason, text)


def _close(number: float, right: float, tolerance: float, relative: float = 0.0) -> bool:
    return abs(number - right) <= max(tolerance, relative * abs(right)) + 1e-12 * abs(right)


def _share(letters: frozenset[str], key: frozenset[str]) -> float:
    return max(0.0, (len(letters & key) - len(letters - key)) / len(key))


def score_literal(question: Question, source: str) -> Result:
    """Score the answer cell of a choice, multiple or numeric question."""
    q = question
    try:
        value = parse_number(source, q.unit) if q.kind == "numeric" else parse_literal(source)
    except Unclear as error:
        return Result(q.id, "waiting", None, q.points, f"{error} A person reads this answer.")
    except NotALiteral as error:
        return Result(q.id, "invalid", 0.0, q.points, str(error))
    return score_value(q, value)


def load_check(question: Question) -> types.ModuleType:
    """The check of a coding task as a module: ``inputs(rng)``, ``run(answer, case)``, RTOL,
    ATOL."""
    module = types.ModuleType(f"check_{question.id}")
    try:
        exec(compile(question.check, f"<check {question.id}>", "exec"), module.__dict__)
    except Exception as error:
        raise CourseError(f"The check of {question.id} cannot be loaded: {error!r}.") from error
    for name in ("inputs", "run"):
        if not callable(getattr(module, name, None)):
            raise CourseError(f"The check of {question.id} has no function {name}().")
    return module


def answer_case(case: dict[str, Any]) -> dict[str, Any]:
    """A case as the answer's process sees it: without what the check keeps for its ``test``."""
    return {key: value for key, value in case.items() if key != "test"}


def passed_parts(
    question: Question,
    check: types.ModuleType,
    wanted: Sequence[dict[str, Any]],
    given: Sequence[dict[str, Any]],
) -> list[Part]:
    """The parts of a coding task whose output is the expected one in every case.

    Args:
        check: the task's check, which may set RTOL and ATOL.
        wanted, given: for every case the outputs by part, plain values (``values.plain``); a part
            that is missing has not passed.
    """
    rtol, atol = getattr(check, "RTOL", RTOL), getattr(check, "ATOL", ATOL)
    return [
        part
        for part in question.parts
        if all(
            part.id in want and part.id in have and same(want[part.id], have[part.id], rtol, atol)
            for want, have in zip(wanted, given, strict=True)
        )
    ]
