"""From an answer to points: literals parsed, outputs compared. Nothing here executes an answer.

Practice and grading share it; what a sandbox adds to it stands in ``course_lib.grading.score``.
"""

from __future__ import annotations

import ast
import math
import types
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from course_lib.errors import CourseError
from course_lib.questions.format import Part, Question
from course_lib.questions.values import ATOL, RTOL, same

LITERAL_LIMIT = 10_000  # characters of an answer


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


class NotALiteral(ValueError):
    """An answer cell that does not hold a plain value; the text says what to write."""


def parse_literal(source: str) -> Any:
    """The value of the last ``answer = ...`` of a cell, without running it.

    A bare value and a bare letter (``answer = b``) are taken as well. None means not attempted.
    """
    if len(source) > LITERAL_LIMIT:
        raise NotALiteral(f"The answer is longer than {LITERAL_LIMIT} characters; write one value.")
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        body = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise NotALiteral(
            'The cell is not readable Python; write for example answer = "a".'
        ) from None
    node = None
    for statement in body:
        if isinstance(statement, ast.Assign):
            if any(isinstance(t, ast.Name) and t.id == "answer" for t in statement.targets):
                node = statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            if isinstance(statement.target, ast.Name) and statement.target.id == "answer":
                node = statement.value
        elif isinstance(statement, ast.Expr) and node is None and len(body) == 1:
            node = statement.value
    if node is None:
        return None
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and len(inner.id) == 1:
            inner.__class__ = ast.Constant
            inner.value, inner.kind = inner.id, None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise NotALiteral(
            "The answer is not a plain value; write the value itself, for example "
            'answer = "a" or answer = 0.5.'
        ) from None


def _letters(value: Any, count: int) -> frozenset[str] | None:
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


def _number(value: Any) -> float | None:
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
            number = _number(value)
            if number is None:
                return result("not attempted", 0.0, "Not attempted.")
            text = f"{number:g}"
            if abs(number - q.answer) <= q.tolerance + 1e-12 * abs(q.answer):
                return result("right", q.points, f"Right. {q.explanation}", text)
            for item in q.partial:
                if abs(number - item.answer) <= item.tolerance + 1e-12 * abs(item.answer):
                    return result("partial", item.score, item.why, text)
            return result("wrong", 0.0, f"{text} is outside the tolerance.", text)
        letters = _letters(value, len(q.choices))
    except NotALiteral as error:
        return result("invalid", 0.0, str(error))
    if letters is None:
        return result("not attempted", 0.0, "Not attempted.")
    text, key = ", ".join(sorted(letters)), frozenset(q.key)
    if letters == key:
        why = q.choices[ascii_lowercase.index(q.key[0])].why if q.kind == "choice" else ""
        return result("right", q.points, f"Right. {why}".strip(), text)
    if q.kind == "choice":
        if len(letters) > 1:
            return result("invalid", 0.0, "Give one letter; several were given.", text)
        return result("wrong", 0.0, q.choices[ascii_lowercase.index(text)].why, text)
    good, bad = len(letters & key), len(letters - key)
    share = max(0.0, (good - bad) / len(key))
    reason = (
        f"{good} of {len(key)} true statements chosen, {bad} chosen that "
        f"{'is' if bad == 1 else 'are'} not true; each of these cancels a right one."
    )
    return result("partial" if share else "wrong", round(q.points * share, 4), reason, text)


def score_literal(question: Question, source: str) -> Result:
    """Score the answer cell of a choice, multiple or numeric question."""
    try:
        value = parse_literal(source)
    except NotALiteral as error:
        return Result(question.id, "invalid", 0.0, question.points, str(error))
    return score_value(question, value)


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
