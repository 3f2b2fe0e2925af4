"""What turned out after a quiz was handed out: other right answers, a dropped question, new points.

Corrections stand in ``course.yaml``, not in the bank: the notebook that students have stays what it
was, and all hand-ins are graded again by the corrected question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

from course_lib.errors import CourseError
from course_lib.grading import policy
from course_lib.questions.question import Question, Quiz

DROPPED = "This question was dropped; it carries no points."
FULL_CREDIT = "Everybody who handed in gets full credit for this question."


def corrected(quiz: Quiz, corrections: Mapping[str, dict]) -> Quiz:
    """The quiz as it is graded. Raises CourseError for a correction that fits no question."""
    known = {q.id for q in (*quiz.questions, *quiz.every)}
    if not known & set(corrections):
        return quiz
    return replace(quiz, questions=tuple(_with_its_own(q, corrections) for q in quiz.questions))


def check(bank: Mapping[str, Quiz], corrections: Mapping[str, dict]) -> None:
    """Raise CourseError for a correction of a question that no quiz has, or that does not fit."""
    known = {q.id for quiz in bank.values() for q in (*quiz.questions, *quiz.every)}
    for name in corrections:
        if name not in known:
            raise CourseError(
                f"{policy.FILE}: corrections.{name}: no question of the bank has this id."
            )
    for quiz in bank.values():
        corrected(quiz, corrections)


def _with_its_own(q: Question, corrections: Mapping[str, dict]) -> Question:
    """A question, corrected, and so its alternatives, by their own ids and by its."""
    change = corrections.get(q.id, {})
    if q.alternatives:
        for name in ("key", "accept", "tolerance"):
            ids = ", ".join(one.id for one in q.alternatives)
            _need(q, name not in change, name, f"is for one alternative: {ids}")
        inner = []
        for one in q.alternatives:
            for name in ("drop", "points"):
                short = name not in corrections.get(one.id, {})
                _need(one, short, name, f"would make totals differ between students; see {q.id}")
            inner.append(_corrected(_with_its_own(one, corrections), change))
        q = replace(q, alternatives=tuple(inner))
    return _corrected(q, change)


def _corrected(q: Question, change: dict) -> Question:
    if "points" in change:
        q = _rescaled(q, float(change["points"]))
    if "key" in change:
        q = _rekeyed(q, change["key"], change)
    if "accept" in change:
        q = replace(q, also=tuple(_answer(q, value) for value in change["accept"]))
    if "tolerance" in change:
        _need(q, q.kind == "numeric", "tolerance", "is for numbers")
        q = replace(q, tolerance=float(change["tolerance"]))
    if change.get("full_credit"):
        q = replace(q, credit=FULL_CREDIT)
    if change.get("drop"):
        q = replace(q, credit=DROPPED, points=0.0)
    return q


def _rekeyed(q: Question, key: Any, change: dict) -> Question:
    answer = _answer(q, key)
    if q.kind == "numeric":
        return replace(q, answer=answer)
    choices = tuple(
        replace(c, correct=letter in answer)
        for letter, c in zip(ascii_lowercase, q.choices, strict=False)
    )
    return replace(q, choices=choices)


def _answer(q: Question, value: Any) -> Any:
    """A right answer in the question's own terms: a number, or a tuple of letters."""
    if q.kind == "numeric":
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        _need(q, number, "accept and key", "are numbers here")
        return float(value)
    _need(q, q.kind in ("choice", "multiple"), "accept and key", "are for choices and numbers")
    letters = [value] if isinstance(value, str) else value
    allowed = ascii_lowercase[: len(q.choices)]
    fits = isinstance(letters, list) and set(letters) <= set(allowed)
    fits = fits and (q.kind == "multiple" or len(letters) == 1)
    _need(q, fits, "accept and key", f"are letters from a to {allowed[-1] if allowed else 'a'}")
    return tuple(sorted(set(letters)))


def _need(q: Question, good: bool, name: str, rule: str) -> None:
    if not good:
        raise CourseError(f"{policy.FILE}: corrections.{q.id}: {name} {rule} ({q.kind} question).")


def _rescaled(q: Question, points: float) -> Question:
    """The question with other points; parts keep their shares."""
    by = points / q.points
    return replace(
        q,
        points=points,
        parts=tuple(replace(p, points=p.points * by) for p in q.parts),
        partial=tuple(replace(p, score=p.score * by) for p in q.partial),
        rubric=tuple(replace(c, points=c.points * by) for c in q.rubric),
    )
