"""From a run in the sandbox to points: inputs drawn, what came back read with distrust, scored."""

from __future__ import annotations

import builtins
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading.inside import wire
from course_lib.grading.sandbox import Limits, Outcome
from course_lib.questions.format import Question
from course_lib.questions.magics import without_magics
from course_lib.questions.scoring import Result, load_check, passed_parts

CODE_LIMIT = 100_000  # characters of an answer

Run = Callable[[dict, Limits], Outcome]


def seed(secret: bytes, submission: str, question_id: str) -> int:
    """The seed of a submission's inputs: not guessable, and the same at every regrading."""
    text = f"{submission}\0{question_id}".encode()
    return int.from_bytes(hmac.new(secret, text, hashlib.sha256).digest()[:16], "big")


def score_code(question: Question, source: str, number: int, run: Run) -> Result:
    """Score a coding task on fresh inputs drawn from ``number``.

    The answer and the reference run through ``run``, each by itself; the outputs are compared here.
    Raises CourseError when the *reference* fails, which is the grader's fault and gives no score.
    """
    q = question

    def result(state: str, score: float, reason: str, seconds: float = 0.0) -> Result:
        return Result(q.id, state, score, q.points, reason, seconds=round(seconds, 3))

    if len(source) > CODE_LIMIT:
        return result("invalid", 0.0, f"The answer is longer than {CODE_LIMIT} characters.")
    check = load_check(q)
    cases = check.inputs(np.random.default_rng(number))
    limits = Limits(seconds=q.seconds, cpu=q.seconds, memory_mb=q.memory_mb)
    code = without_magics(source)
    given = run({"answer": code, "check": q.check, "cases": cases}, limits)
    if given.state == "timeout":
        return result("timeout", 0.0, f"Stopped after {q.seconds:g} seconds.", given.seconds)
    if given.state == "out_of_memory":
        return result("out_of_memory", 0.0, "Stopped: it asked for too much memory.", given.seconds)
    if given.state != "done":
        return result(
            "crashed",
            0.0,
            {"flooded": "Stopped: it sent far too much output."}.get(
                given.state, "The process ended before it gave a result."
            ),
            given.seconds,
        )
    answered, error = _outputs(given.value, len(cases))
    if error and error["kind"] == "MemoryError":
        return result("out_of_memory", 0.0, "Stopped: it asked for too much memory.", given.seconds)
    if answered is None:
        return result("error" if error else "crashed", 0.0, _said(error), given.seconds)
    for _ in range(2):
        wanted = run({"answer": q.reference, "check": q.check, "cases": cases}, limits)
        expected, failure = (
            _outputs(wanted.value, len(cases)) if wanted.state == "done" else (None, None)
        )
        if expected is not None and failure is None:
            break
    else:
        raise CourseError(
            f"The reference answer of {q.id} failed ({wanted.state}, {failure}); "
            "nothing was scored. Check the bank, or give the machine more time."
        )
    passed = passed_parts(q, check, expected, answered)
    score = q.points if len(passed) == len(q.parts) else sum(p.points for p in passed)
    if len(passed) == len(q.parts):
        return result("right", score, "Right: all parts pass.", given.seconds)
    failed = [part.text for part in q.parts if part not in passed]
    reason = f"{len(passed)} of {len(q.parts)} parts pass. Not yet: {'; '.join(failed)}."
    if error:
        reason += f" {_said(error)}"
    state = "partial" if score > 0 else "error" if error else "wrong"
    return result(state, round(min(max(score, 0.0), q.points), 4), reason, given.seconds)


def _said(error: dict | None) -> str:
    if not error:
        return "The process ended before it gave a result."
    line = f" in line {error['line']} of your cell" if error["line"] else ""
    return f"Your code raised {error['kind']}{line}."


def _outputs(value: Any, count: int) -> tuple[list[dict] | None, dict | None]:
    """Parts of every case out of a message that may be forged, and the first error it admits."""
    if not isinstance(value, dict):
        return None, None
    error = _error(value.get("error"))
    cases = value.get("cases")
    if error or not isinstance(cases, list) or len(cases) != count:
        return None, error
    result = []
    for case in cases:
        parts = case.get("parts") if isinstance(case, dict) else None
        if not isinstance(parts, dict):
            return None, None
        error = error or _error(case.get("error"))
        decoded = {}
        for name, data in parts.items():
            try:
                if isinstance(data, np.ndarray) and data.dtype == np.uint8:
                    decoded[name] = wire.decode(data.tobytes())
            except (wire.WireError, MemoryError):
                pass
        result.append(decoded)
    return result, error


def _error(value: Any) -> dict | None:
    """Only the name of a built-in exception and a line number get through."""
    if not isinstance(value, dict):
        return None
    kind = value.get("kind")
    known = getattr(builtins, kind, None) if isinstance(kind, str) and kind.isascii() else None
    if not (isinstance(known, type) and issubclass(known, BaseException)):
        kind = "an exception"
    line = value.get("line")
    return {"kind": kind, "line": line if type(line) is int and 0 < line < 10_000 else 0}
