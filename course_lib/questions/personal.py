"""A student's own copy of a quiz: which variant, which of a pool, in which order.

All of it follows from the course's secret, the student and the question, by HMAC: nobody can guess
it, nothing is stored, and a regrading finds the same.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from string import ascii_lowercase

from course_lib.questions.question import Question, Quiz


def _mac(key: bytes, *parts: str) -> str:
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def _order(key: bytes, count: int, *parts: str) -> tuple[int, ...]:
    """A permutation of range(count)."""
    return tuple(sorted(range(count), key=lambda i: _mac(key, *parts, str(i))))


def personal(quiz: Quiz, key: bytes, student: str) -> Quiz:
    """The quiz as this student has it; the quiz itself where all have the same.

    Ids and points stay those of the quiz. ``copy`` tells the copies of two students apart.
    """
    if not quiz.is_personal:
        return quiz
    questions = tuple(_own(q, quiz.id, key, student) for q in quiz.questions)
    tag = _mac(key, "copy", quiz.id, student)[:16]
    return replace(quiz, questions=questions, copy=tag)


def _own(q: Question, quiz: str, key: bytes, student: str) -> Question:
    found = q
    while found.alternatives:
        kind, name = ("pool", found.pool) if found.pool else ("variant", found.id)
        order = _order(key, len(found.alternatives), kind, quiz, name, student)
        found = found.alternatives[order[found.place]]
    order = ()
    choices, also = found.choices, found.also
    if found.shuffle:
        order = _order(key, len(choices), "shuffle", quiz, q.id, student)
        choices = tuple(choices[i] for i in order)
        shown = {ascii_lowercase[i]: ascii_lowercase[k] for k, i in enumerate(order)}
        also = tuple(tuple(sorted(shown[x] for x in letters)) for letters in also)
    return replace(
        found,
        id=q.id,
        choices=choices,
        also=also,
        wrong=(),  # in letters of the bank
        credit=q.credit or found.credit,
        shuffle=False,
        alternatives=(),
        pool="",
        place=0,
        order=order,
        variant=found.id if found.id != q.id else "",
    )


def in_bank_order(question: Question, answer: str) -> str:
    """What was understood of an answer, in the bank's own terms: its letters, its variant."""
    if question.order and answer:
        letters = [part.strip() for part in answer.split(",")]
        if all(len(x) == 1 and x in ascii_lowercase[: len(question.order)] for x in letters):
            places = sorted(question.order[ascii_lowercase.index(x)] for x in letters)
            answer = ", ".join(ascii_lowercase[i] for i in places)
    return f"{question.variant}: {answer}" if question.variant and answer else answer
