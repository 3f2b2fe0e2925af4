"""From a run in the sandbox to points: inputs drawn, the answer run, a harness run, compared."""

from __future__ import annotations

import ast
import hashlib
import hmac
from collections.abc import Callable
from functools import cache

import numpy as np

from course_lib.grading.outcome import Limits, Outcome
from course_lib.questions.question import Question
from course_lib.questions.scoring import Result, answer_case, load_check

CODE_LIMIT = 100_000  # characters of an answer
NOT_FOR_ANSWERS = ("inputs", "test", "explain")  # functions of a check

Run = Callable[[dict, Limits], Outcome]
Compare = Callable[[Question, bytes, bytes, int, int], dict]  # see judge.compare


def seed(secret: bytes, submission: str, question_id: str) -> int:
    """The seed of a submission's inputs: not guessable, and the same at every regrading."""
    text = f"{submission}\0{question_id}".encode()
    return int.from_bytes(hmac.new(secret, text, hashlib.sha256).digest()[:16], "big")


def score_code(question: Question, source: str, number: int, run: Run, compare: Compare) -> Result:
    """Score a coding task on fresh inputs drawn from ``number``; ``source`` is plain Python.

    The answer runs through ``run`` in one process, the reference and the check's ``test`` in
    another; ``compare`` looks at what both sent. When the reference or its check fails, the state
    is could_not_grade and there is no score. Raises what ``run`` and ``compare`` raise.
    """
    q = question

    def result(state: str, score: float | None, reason: str, seconds: float = 0.0) -> Result:
        return Result(q.id, state, score, q.points, reason, seconds=round(seconds, 3))

    if len(source) > CODE_LIMIT:
        return result("invalid", 0.0, f"The answer is longer than {CODE_LIMIT} characters.")
    check = load_check(q)
    cases = check.inputs(np.random.default_rng(number))
    limits = Limits(seconds=q.seconds, cpu=q.seconds, memory_mb=q.memory_mb)
    given = _twice(
        run,
        {
            "role": "answer",
            "answer": source,
            "check": answer_side(q.check),
            "cases": [answer_case(case) for case in cases],
        },
        limits,
        lambda outcome: outcome.state != "lost",
    )
    ends = {
        "lost": ("could_not_grade", None, "The sandbox ended under this answer, twice."),
        "timeout": ("timeout", 0.0, f"Stopped after {q.seconds:g} seconds."),
        "out_of_memory": ("out_of_memory", 0.0, "Stopped: it asked for too much memory."),
        "flooded": ("crashed", 0.0, "Stopped: it sent far too much output."),
        "crashed": ("crashed", 0.0, "The process ended before it gave a result."),
    }
    if given.state != "done":
        return result(*ends[given.state], given.seconds)
    request = {"role": "harness", "reference": q.reference, "check": q.check, "cases": cases}
    if hasattr(check, "test"):
        request["given"] = np.frombuffer(given.data, np.uint8)
    found: dict = {}

    def compared(outcome: Outcome) -> bool:
        nonlocal found
        lines = source.count("\n") + 1
        found = compare(q, outcome.data, given.data, len(cases), lines)
        return not found["fault"]

    harness = _twice(run, request, limits, compared)
    if found["fault"]:
        reason = (
            f"Not judged: {found['fault']} ({harness.state}). Check the bank, or give the machine "
            "more time, and grade again."
        )
        return result("could_not_grade", None, reason, given.seconds)
    if found["malformed"]:
        return result(*ends["crashed"], given.seconds)
    if found["error"] and found["error"][0] == "MemoryError":
        return result(*ends["out_of_memory"], given.seconds)
    passed = [part for part in q.parts if part.id in found["passed"]]
    if len(passed) == len(q.parts):
        return result("right", q.points, "Right: all parts pass.", given.seconds)
    if not passed and harness.state in ("timeout", "out_of_memory"):
        return result(*ends[harness.state], given.seconds)
    failed = [part.text for part in q.parts if part not in passed]
    reason = f"{len(passed)} of {len(q.parts)} parts pass. Not yet: {'; '.join(failed)}."
    if found["error"]:
        kind, line = found["error"]
        where = f" in line {line} of your cell" if line else ""
        reason += f" Your code raised {kind}{where}."
    score = round(min(max(sum(part.points for part in passed), 0.0), q.points), 4)
    state = "partial" if score > 0 else "error" if found["error"] else "wrong"
    return result(state, score, reason, given.seconds)


def _twice(run: Run, request: dict, limits: Limits, good: Callable[[Outcome], bool]) -> Outcome:
    """Run a request, and once more if it did not go well by no fault of the answer."""
    outcome = run(request, limits)
    if not good(outcome):
        outcome = run(request, limits)
        good(outcome)
    return outcome


@cache
def answer_side(check: str) -> str:
    """A check without what an answer's process must not see: inputs, test, explanations, words."""
    tree = ast.parse(check)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.FunctionDef) and node.name in NOT_FOR_ANSWERS)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return ast.unparse(tree)
