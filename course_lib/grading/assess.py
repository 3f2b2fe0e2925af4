"""Score one submission: the pure half of grading, which any worker can do. Nothing is stored here.

A submission can end only in a record with a state. What it does to the sandbox or to the judge, and
what goes wrong in them, costs this submission at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

from course_lib.errors import CourseError
from course_lib.grading import build, score, submission
from course_lib.grading.judging import Judge, JudgeLost
from course_lib.grading.outcome import Limits, Outcome
from course_lib.grading.sandbox import Sandbox
from course_lib.grading.submission import digest
from course_lib.questions import scoring
from course_lib.questions.personal import in_bank_order
from course_lib.questions.question import Question, Quiz

STATES = ("graded", "waiting", "could_not_grade", "timeout", "out_of_memory", "crashed", "invalid")
MESSAGES = {
    "graded": "Graded.",
    "could_not_grade": "An answer could not be graded; see there. It has no points yet.",
    "timeout": "Graded; an answer ran longer than allowed and was stopped.",
    "out_of_memory": "Graded; an answer asked for more memory than allowed and was stopped.",
    "crashed": "Graded; an answer ended its process before it gave a result.",
}
NO_SANDBOX = "Not run: this machine has no sandbox for code answers. Grade it on one that has."
JUDGE_LOST = {
    "memory": "It takes more memory than a reader may use.",
    "time": "Reading it took too long and was stopped.",
    "ended": "The process that reads it ended, twice.",
}


@dataclass(frozen=True)
class Job:
    """All that a worker needs for one submission, as plain data."""

    student: str
    quiz: Quiz
    data: bytes
    seeds: dict[str, int]
    sandbox: str  # bubblewrap, container, none, or "" where code answers cannot be run
    hidden: tuple[str, ...] = ()


def grade_submission(job: Job) -> tuple[dict, bytes]:
    """Score one submission; return its record and the autograded notebook. Never raises for what
    was handed in, for a failing sandbox, reference or judge."""
    started = time.monotonic()
    try:
        record, notebook = _graded(job)
    except JudgeLost as lost:
        reason = JUDGE_LOST.get(lost.reason, f"The grader raised {lost.reason}.")
        if lost.reason == "memory":
            reason += " Clear its outputs and hand it in again."
            record, notebook = record_without(job.quiz, job.student, job.data, "invalid", reason)
        else:
            record, notebook = record_without(
                job.quiz, job.student, job.data, "could_not_grade", reason
            )
    except Exception as error:
        reason = f"The grader failed on this submission ({type(error).__name__}): {error}"
        record, notebook = record_without(
            job.quiz, job.student, job.data, "could_not_grade", reason[:500]
        )
    return record | {"seconds": round(time.monotonic() - started, 3)}, notebook


def _graded(job: Job) -> tuple[dict, bytes]:
    found = _judge().ask("read", job.quiz, job.data)
    if "state" in found:
        return record_without(job.quiz, job.student, job.data, found["state"], found["message"])
    results = []
    for question in job.quiz.questions:
        if question.id in found["blank"]:
            result = scoring.Result(
                question.id, "not attempted", 0.0, question.points, "Not attempted."
            )
        elif question.id in found["missing"]:
            result = scoring.Result(
                question.id, "could_not_grade", None, question.points, submission.NO_CELL
            )
        elif question.id in found["results"]:
            result = scoring.Result(**found["results"][question.id])
            result = replace(result, answer=in_bank_order(question, result.answer))
        else:
            text = found["code"].get(question.id, found["texts"][question.id])
            result = grade_answer(job, question, text)
        results.append(result)
    states = {result.state for result in results}
    order = ("could_not_grade", "crashed", "out_of_memory", "timeout")
    state = next((s for s in order if s in states), "graded")
    notebook = build.serialise(build.rebuilt_notebook(job.quiz, found["texts"]))
    message = MESSAGES[state]
    return _record(job.quiz, job.student, job.data, state, message, results, notebook), notebook


def grade_answer(job: Job, question: Question, text: str) -> scoring.Result:
    """The result of an answer that is no plain value: code, or what a person reads."""

    def result(state: str, reason: str) -> scoring.Result:
        return scoring.Result(question.id, state, None, question.points, reason)

    if question.kind == "written":
        return result("waiting", "A person reads this answer.")
    if not job.sandbox:
        return result("could_not_grade", NO_SANDBOX)

    def run(request: dict, limits: Limits) -> Outcome:
        return _sandbox(question.imports, job.sandbox, job.hidden).run(request, limits)

    return scored_code(question, text, job.seeds[question.id], run)


def scored_code(question: Question, text: str, seed: int, run: score.Run) -> scoring.Result:
    """The result of a code answer that runs through ``run``, whatever comes back."""

    def result(state: str, reason: str) -> scoring.Result:
        return scoring.Result(question.id, state, None, question.points, reason)

    def compare(*args) -> dict:
        return _judge().ask("compare", *args)

    try:
        found = score.score_code(question, text, seed, run, compare)
    except CourseError as error:  # the sandbox, or the bank
        return result("could_not_grade", str(error))
    except JudgeLost as lost:
        return result("could_not_grade", f"Nothing was compared: {JUDGE_LOST.get(lost.reason)}")
    except Exception as error:
        return result("could_not_grade", f"The grader failed ({type(error).__name__}): {error}")
    if found.score is not None and not 0 <= found.score <= question.points:
        return result("could_not_grade", f"A score of {found.score} was found; it is not stored.")
    return found


def record_without(
    quiz: Quiz, student: str, data: bytes, state: str, message: str
) -> tuple[dict, bytes]:
    """The record and notebook of a submission of which no answer was read: invalid (0 points) or
    could_not_grade (none)."""
    points = 0.0 if state == "invalid" else None
    results = [scoring.Result(q.id, state, points, q.points, message) for q in quiz.questions]
    notebook = build.serialise(build.rebuilt_notebook(quiz, {}))
    return _record(quiz, student, data, state, message, results, notebook), notebook


def _record(
    quiz: Quiz,
    student: str,
    data: bytes,
    state: str,
    message: str,
    results: Iterable[scoring.Result],
    notebook: bytes,
) -> dict:
    questions = [
        asdict(replace(result, max_score=question.points))
        for question, result in zip(quiz.questions, results, strict=True)
    ]
    return {
        "student": student,
        "quiz": quiz.id,
        "state": state,
        "message": message,
        "score": round(sum(q["score"] or 0.0 for q in questions), 4),
        "max_score": quiz.points,
        "needs_manual": any(q["score"] is None for q in questions),
        "seconds": 0.0,
        "questions": questions,
        "submission": digest(data),
        "notebook": digest(notebook),
    }


# --- what a thread keeps warm --------------------------------------------------------------------

_local = threading.local()


def _kept(key: object, make: Callable):
    kept = _local.__dict__.setdefault("kept", {})
    if key not in kept:
        kept[key] = make()
    return kept[key]


def _sandbox(imports: tuple[str, ...], kind: str, hidden: tuple[str, ...]) -> Sandbox:
    """The warm sandbox of this thread for these imports; started at its first use."""
    return _kept((imports, kind, hidden), lambda: Sandbox(imports, kind, hidden))


def _judge() -> Judge:
    """The warm judge of this thread; started at its first use."""
    return _kept("judge", Judge)


def close() -> None:
    """Stop this thread's warm sandboxes and its judge."""
    kept = _local.__dict__.get("kept", {})
    for item in kept.values():
        item.close()
    kept.clear()
