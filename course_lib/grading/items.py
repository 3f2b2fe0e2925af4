"""How good each question is, from what a class answered: no page, no file, only numbers.

Classical test theory, as any textbook of educational measurement has it. What is counted: readable
hand-ins, and questions of which at least half have a score and whose points not everybody got by a
correction. Reliability needs all of these scores,
so a hand-in with one that is open waits. Where there are too few hand-ins a number would be chance,
and there is none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from scipy import stats

from course_lib.grading.overview import Sheet
from course_lib.grading.standing import Standing
from course_lib.questions.question import Question, Quiz

FEWEST = 10  # hand-ins below which a correlation says nothing
FEW = 50  # ... and below which its interval is wide
MOST_ANSWERS = 6  # of a number, or results of code, that are listed
CONFIDENCE = 0.95
NO_ANSWER = "no answer"
NOT_READ = "not understood"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reliability:
    """Cronbach's alpha with Feldt's interval, and the standard error of one student's points."""

    alpha: Estimate
    error: float  # points
    questions: int
    students: int


@dataclass(frozen=True)
class Answer:
    """One thing that was answered. Shares are of those who were asked, and of their best and worst
    quarter by the rest of the quiz; None where there are too few for quarters."""

    label: str
    text: str
    right: bool
    count: int
    share: float
    best: float | None
    worst: float | None
    stands_for: str = ""  # the mistake that it stands for


@dataclass(frozen=True)
class Item:
    """One question as it was asked; each variant and each member of a pool is one of its own."""

    question: Question
    asked: int  # readable hand-ins that had it
    scored: int
    difficulty: float | None  # mean share of the points; 1 is easy
    discrimination: Estimate | None  # correlation with the rest of the quiz
    answers: tuple[Answer, ...]
    suspect: str = ""  # why its key may be wrong


@dataclass(frozen=True)
class Analysis:
    """A quiz and what a class made of it."""

    students: int  # readable hand-ins
    unreadable: int  # hand-ins of which no answer was read; counted nowhere else
    whole: int  # of the readable ones, those with a score for every question that is counted
    items: tuple[Item, ...]
    left_out: tuple[str, ...]  # questions of which less than half have a score
    reliability: Reliability | None


def correlation(a: np.ndarray, b: np.ndarray) -> Estimate | None:
    """Pearson's r of two vectors (n,) with Fisher's interval. None when one of them does not vary,
    or n is below ``FEWEST``."""
    if len(a) < FEWEST or np.ptp(a) < 1e-12 or np.ptp(b) < 1e-12:
        return None
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
    if abs(r) > 1 - 1e-12:
        return Estimate(r, r, r)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) / math.sqrt(len(a) - 3)
    return Estimate(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))


def reliability(scores: np.ndarray) -> Reliability | None:
    """Cronbach's alpha of points (students, questions), with the interval of Feldt (1965).

    (1 - alpha) / (1 - its estimate) follows F with n - 1 and (n - 1)(k - 1) degrees of freedom. The
    standard error of measurement is the totals' standard deviation times sqrt(1 - alpha). None with
    fewer than two questions that vary, or than ``FEWEST`` students.
    """
    n, k = scores.shape
    if n < FEWEST or k < 2 or sum(np.ptp(scores, axis=0) > 1e-12) < 2:
        return None
    total = float(scores.sum(1).var(ddof=1))
    if total < 1e-12:
        return None
    alpha = k / (k - 1) * (1 - float(scores.var(axis=0, ddof=1).sum()) / total)
    tail = (1 - CONFIDENCE) / 2
    low, high = (
        1 - (1 - alpha) * float(stats.f.ppf(p, n - 1, (n - 1) * (k - 1))) for p in (1 - tail, tail)
    )
    error = math.sqrt(total * (1 - max(0.0, alpha)))
    return Reliability(Estimate(alpha, low, high), error, k, n)


def quarters(rest: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Who is in the best and who in the worst quarter by the rest of the quiz, as masks (n,).

    Who ties with the last one of a quarter belongs to it. None with fewer than ``FEWEST``, or when
    a tie makes a quarter hold more than half of all.
    """
    if len(rest) < FEWEST:
        return None
    size, ordered = math.ceil(len(rest) / 4), np.sort(rest)
    best, worst = rest >= ordered[-size] - 1e-9, rest <= ordered[size - 1] + 1e-9
    if max(best.sum(), worst.sum()) > len(rest) / 2:
        return None
    return best, worst


def analyse(sheet: Sheet, own: Callable[[str], Quiz] | None = None) -> Analysis:
    """What a class made of a quiz. ``own`` gives the copy of a student, for a quiz whose copies
    differ (``Store.own``)."""
    quiz = sheet.quiz
    graded = [(row, row.record) for row in sheet.rows if row.record is not None]
    rows = [row for row, record in graded if not is_unread(record)]
    records = [record for _, record in graded if not is_unread(record)]
    scores = np.array(
        [[_score(row, q.id) for q in quiz.questions] for row in rows], dtype=float
    ).reshape(len(rows), len(quiz.questions))
    known = np.isfinite(scores).sum(0) * 2 >= max(1, len(rows))
    counted = known & np.array([not q.credit for q in quiz.questions], dtype=bool)
    whole = np.isfinite(scores[:, counted]).all(1)
    copies = [own(row.student) if own else quiz for row in rows]
    items = []
    for place, q in enumerate(quiz.questions):
        others = counted.copy()
        others[place] = False
        had = [copy.questions[place].variant or q.id for copy in copies]
        for leaf in _leaves(q):
            asked = [i for i, name in enumerate(had) if name == leaf.id]
            if asked or leaf is q:
                chosen = [records[i]["questions"][place] for i in asked]
                items.append(_item(leaf, chosen, scores[asked, place], scores[asked][:, others]))
    return Analysis(
        students=len(rows),
        unreadable=len(graded) - len(rows),
        whole=int(whole.sum()),
        items=tuple(items),
        left_out=tuple(q.id for q, c in zip(quiz.questions, known, strict=True) if not c),
        reliability=reliability(scores[whole][:, counted]),
    )


def is_unread(record: dict) -> bool:
    """Whether no answer of a hand-in was read: a damaged file, or one that is too large."""
    state = record["state"]
    unread = state in ("invalid", "could_not_grade")
    return unread and all(result["state"] == state for result in record["questions"])


def _score(row: Standing, question: str) -> float:
    assert row.marks is not None  # there is a record
    score = row.marks[question].score
    return math.nan if score is None else score


def _leaves(q: Question) -> list[Question]:
    """The question, or all that may stand in its place."""
    return [leaf for one in q.alternatives for leaf in _leaves(one)] if q.alternatives else [q]


def _item(q: Question, results: Sequence[dict], own: np.ndarray, others: np.ndarray) -> Item:
    scored = np.isfinite(own)
    complete = scored & np.isfinite(others).all(1)
    rest = others[complete].sum(1)
    discrimination = correlation(own[complete], rest) if others.shape[1] else None
    places = np.flatnonzero(complete)
    groups = [[results[i] for i in places[mask]] for mask in quarters(rest) or ()]
    return Item(
        question=q,
        asked=len(results),
        scored=int(scored.sum()),
        difficulty=float(own[scored].mean()) / q.points if scored.any() and q.points else None,
        discrimination=discrimination,
        answers=_answers(q, results, groups),
        suspect=_suspect(q, discrimination, groups[0]) if groups else "",
    )


# --- what was answered ---------------------------------------------------------------------------


def _given(q: Question, result: dict) -> str:
    """A hand-in's answer to one question in a word that can be counted."""
    if result["state"] == "not attempted":
        return NO_ANSWER
    answer = result["answer"].removeprefix(f"{q.id}: ")
    if result["state"] == "invalid" or (not answer and q.kind not in ("code", "written")):
        return NOT_READ
    return answer


def _answers(
    q: Question, results: Sequence[dict], groups: Sequence[Sequence[dict]]
) -> tuple[Answer, ...]:
    """What was answered how often, in all, by the best and by the worst quarter."""
    if q.kind == "written":
        return ()
    if q.choices:
        named = [
            (f"{letter})", c.text, c.correct, c.misconception or ("" if c.correct else c.why))
            for letter, c in zip(ascii_lowercase, q.choices, strict=False)
        ]
    elif q.kind == "numeric":
        named = _numbers(q, results)
    else:
        named = _outcomes(results)

    def holds(label: str, result: dict) -> bool:
        if not q.choices:
            return _label(q, result) == label
        return label[0] in _given(q, result).split(", ") or _given(q, result) == label

    def share(label: str, group: Sequence[dict]) -> float:
        return sum(holds(label, one) for one in group) / len(group)

    labels = {label for label, *_ in named}
    named += [(x, "", False, "") for x in (NO_ANSWER, NOT_READ) if x not in labels]
    rows = []
    for label, text, right, stands_for in named:
        count = sum(holds(label, one) for one in results)
        if not count and label in (NO_ANSWER, NOT_READ):
            continue
        whole = count / len(results) if results else 0.0
        best, worst = (share(label, group) for group in groups) if groups else (None, None)
        rows.append(Answer(label, text, right, count, whole, best, worst, stands_for))
    return tuple(rows)


def _label(q: Question, result: dict) -> str:
    """In which row of the table an answer without choices is counted."""
    given = _given(q, result)
    if given in (NO_ANSWER, NOT_READ):
        return given
    if q.kind == "numeric":
        return f"{q.answer:g}" if result["state"] == "right" else given
    return result["state"] if result["state"] in ("right", "error") else result["reason"]


def _numbers(q: Question, results: Sequence[dict]) -> list[tuple]:
    """The right number, then the commonest others, with the mistake that leads to each."""
    right = f"{q.answer:g}"
    known = [(item.answer, item.tolerance, item.why) for item in q.partial]
    known += [(wrong.answer, 0.0, wrong.why) for wrong in q.wrong]

    def mistake(text: str) -> str:
        value = float(text)
        return next(
            (why for x, reach, why in known if why and abs(value - x) <= reach + 1e-5 * abs(x)), ""
        )

    others = Counter(_label(q, one) for one in results)
    for label in (right, NO_ANSWER, NOT_READ):
        others.pop(label, 0)
    listed = [(x, "", False, mistake(x)) for x, _ in others.most_common(MOST_ANSWERS)]
    return [(right, "", True, ""), *listed]


def _outcomes(results: Sequence[dict]) -> list[tuple]:
    """How runs of code ended: all parts right, an error, or which parts were missing."""
    found = Counter(
        one["state"] if one["state"] in ("right", "error") else one["reason"] for one in results
    )
    found.pop("Not attempted.", 0)
    return [(label, "", label == "right", "") for label, _ in found.most_common(MOST_ANSWERS)]


def _suspect(q: Question, discrimination: Estimate | None, best: Sequence[dict]) -> str:
    """Why the key may be wrong: who does well elsewhere loses here, to one and the same answer."""
    if discrimination is None or discrimination.value >= 0 or q.kind in ("code", "written"):
        return ""
    right = sum(one["state"] == "right" for one in best)
    others = Counter(
        _given(q, one) for one in best if one["state"] in ("wrong", "partial") and one["answer"]
    )
    if not others or others.most_common(1)[0][1] <= right:
        return ""
    text, count = others.most_common(1)[0]
    key = ", ".join(q.key) if q.choices else f"{q.answer:g}"
    return (
        f"{count} of the {len(best)} who did best in the rest of the quiz answered {text}, "
        f"{right} gave the key ({key}), and who is right here does worse elsewhere."
    )
