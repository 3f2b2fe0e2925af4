"""What counts: which attempt, whose score for each answer, what is still open.

All of it is worked out from signed records: the machine's result for each attempt, the scores given
by hand, each bound to the answer that it judged, and the course's rules. Nothing here is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course_lib.grading.handins import Attempt
from course_lib.grading.policy import Policy
from course_lib.grading.signed import iso
from course_lib.questions.question import Quiz
from course_lib.questions.scoring import UNKNOWN

WORST_FIRST = ("could_not_grade", "waiting", "invalid", "crashed", "out_of_memory", "timeout")
LATE = "It came after closing. If it shall count, give the student extra_time in course.yaml."


@dataclass(frozen=True)
class Trouble:
    """A hand-in that was not taken: waiting or could_not_grade, and what to do."""

    state: str
    message: str
    student: bool = True  # False: nobody knows whose it is


@dataclass(frozen=True)
class Mark:
    """The score that counts for one question; ``open`` says why there is none yet."""

    score: float | None
    state: str
    open: str = ""
    extra: float = 0.0
    comment: str | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Standing:
    """Where one student stands in one quiz.

    ``open`` are the reasons that keep the total from counting; ``total`` is after the late penalty
    and leaves out what is open.
    """

    student: str
    quiz: str
    state: str
    total: float = 0.0
    penalty: float = 0.0  # share of the points that came too late
    attempt: Attempt | None = None
    attempts: int = 0
    marks: Mapping[str, Mark] | None = None
    record: dict | None = None
    open: tuple[str, ...] = ()
    whole: bool = False  # every answer of ``attempt`` has a score, whatever else is open

    def as_dict(self) -> dict:
        """Plain data for a report in JSON."""
        return {
            "state": self.state,
            "total": self.total if self.whole else None,
            "penalty": self.penalty,
            "attempt": self.attempt.number if self.attempt else None,
            "attempts": self.attempts,
            "arrived": iso(self.attempt.arrived) if self.attempt else None,
            "open": list(self.open),
        }


def judgement(judged: Sequence[dict], question: str, shown: str) -> dict | None:
    """The last score that a person gave to this answer of this question."""
    found = [j for j in judged if j["question"] == question and j["answer"] == shown]
    return found[-1] if found else None


def mark(result: dict, judged: Sequence[dict], credited: bool = False) -> Mark:
    """The score that counts for one question of one attempt.

    Args:
        result: the machine's, from a record; ``shown`` is the hash of the answer.
        judged: all scores that persons gave this student in this quiz.
        credited: everybody has these points, whatever was answered or given by hand.
    """
    most, state = result["max_score"], result["state"]
    if credited:
        return Mark(result["score"], state)
    mine = judgement(judged, result["id"], result["shown"])
    if mine is not None:
        score, extra = mine["score"], mine["extra"]
        if not _within(score, most) or not _within(extra, most):
            given = f"{score:g}" + (f" and {extra:g} extra" if extra else "")
            text = f"{given} by hand is outside 0 to {most:g}; give another score."
            return Mark(None, "waiting", text, comment=mine["comment"])
        return Mark(score, "graded", "", extra, mine["comment"], True)
    if any(j["question"] == result["id"] for j in judged):
        text = "A person gave a score to another answer; this one is new and needs its own."
        return Mark(None, "waiting", text)
    if result["score"] is None:
        open_as = state if state in UNKNOWN else "could_not_grade"
        return Mark(None, open_as, result["reason"])
    return Mark(result["score"], state)


def _within(value: float, most: float) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= most


def marks(quiz: Quiz, record: dict, judged: Sequence[dict]) -> dict[str, Mark]:
    """The scores that count for one attempt, by question."""
    credited = {q.id for q in quiz.questions if q.credit}
    return {r["id"]: mark(r, judged, r["id"] in credited) for r in record["questions"]}


def total(found: Mapping[str, Mark]) -> float:
    return sum((m.score or 0.0) + m.extra for m in found.values())


def eligible(policy: Policy, quiz: str, student: str, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that may count, the likeliest first. Empty: all came after closing."""
    closes = policy.closes_for(quiz, student)
    found = [a for a in attempts if closes is None or a.arrived <= closes]
    found.reverse()
    due = policy.due_for(quiz, student)
    if policy.counts == "last_before_due" and due is not None:
        found.sort(key=lambda a: a.arrived > due + policy.grace)  # stable: the last of each kind
    return found


def chosen(
    policy: Policy,
    quiz: Quiz,
    student: str,
    attempts: Sequence[Attempt],
    records: Mapping[str, dict],
    judged: Sequence[dict],
) -> Attempt | None:
    """The attempt whose scores are stored: of those with a record the first by the course's rule,
    but one that could not be graded gives way to one that was."""
    found = [a for a in eligible(policy, quiz.id, student, attempts) if a.submission in records]
    if not found:
        return None

    def failed(attempt: Attempt) -> bool:
        given = marks(quiz, records[attempt.submission], judged)
        return any(m.state == "could_not_grade" for m in given.values())

    if policy.counts == "best":
        found.sort(
            key=lambda a: (
                -total(marks(quiz, records[a.submission], judged))
                * (1 - policy.penalty(quiz.id, student, a.arrived))
            )
        )
    return next((a for a in found if not failed(a)), found[0])


def standing(
    policy: Policy,
    quiz: Quiz,
    student: str,
    attempts: Sequence[Attempt],
    records: Mapping[str, dict],
    judged: Sequence[dict],
    trouble: Trouble | None = None,
) -> Standing:
    """Where a student stands; ``trouble`` is of the newest hand-in, if that was not taken."""
    states = [trouble.state] if trouble else []
    reasons = [trouble.message] if trouble else []
    wanted = eligible(policy, quiz.id, student, attempts)
    if attempts and not wanted:
        return Standing(student, quiz.id, "waiting", attempts=len(attempts), open=(LATE,))
    best = chosen(policy, quiz, student, attempts, records, judged)
    needed = wanted if policy.counts == "best" else wanted[:1]
    for attempt in needed:
        record = records.get(attempt.submission)
        if record is None:
            states.append("could_not_grade")
            reasons.append(f"Attempt {attempt.number} is not graded yet; run `course quiz grade`.")
        elif attempt != best:
            for name, m in marks(quiz, record, judged).items():
                if m.state == "could_not_grade":
                    states.append(m.state)
                    reasons.append(f"Attempt {attempt.number}, {name}: {m.open}")
    if best is None:
        return Standing(
            student, quiz.id, _worst(states), attempts=len(attempts), open=tuple(reasons)
        )
    record = records[best.submission]
    found = marks(quiz, record, judged)
    reasons += [f"{name}: {m.open}" for name, m in found.items() if m.score is None]
    states += [m.state for m in found.values()]
    penalty = policy.penalty(quiz.id, student, best.arrived)
    points = total(found) * (1 - penalty)
    points = min(points + policy.add.get(quiz.id, 0.0), max(quiz.points, points))
    return Standing(
        student,
        quiz.id,
        _worst(states),
        round(points, 4),
        penalty,
        best,
        len(attempts),
        found,
        record,
        tuple(reasons),
        all(m.score is not None for m in found.values()),
    )


def _worst(states: Sequence[str]) -> str:
    return next((state for state in WORST_FIRST if state in states), "graded")
