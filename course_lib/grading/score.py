"""From an answer to points: literals parsed, outputs compared. Nothing here executes an answer."""

from __future__ import annotations

import ast
import builtins
import hashlib
import hmac
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading.inside import wire
from course_lib.grading.sandbox import Limits, Outcome
from course_lib.questions.format import Question

LITERAL_LIMIT, CODE_LIMIT = 10_000, 100_000  # characters of an answer
RTOL, ATOL = 1e-3, 1e-5  # a check file may set its own
BLANK = {"", "None", "[]", "()", "''", '""'}

Run = Callable[[dict, Limits], Outcome]


@dataclass(frozen=True)
class Result:
    """The score of one question. ``state`` is right, partial, wrong, not attempted, manual,
    invalid, error, timeout, out_of_memory, crashed or refused."""

    id: str
    state: str
    score: float
    max_score: float
    reason: str
    answer: str = ""  # what was understood of a choice or a number, for the report
    seconds: float = 0.0


class NotALiteral(ValueError):
    """An answer cell that does not hold a plain value; the text says what to write."""


def seed(secret: bytes, submission: str, question_id: str) -> int:
    """The seed of a submission's inputs: not guessable, and the same at every regrading."""
    text = f"{submission}\0{question_id}".encode()
    return int.from_bytes(hmac.new(secret, text, hashlib.sha256).digest()[:16], "big")


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
    rtol, atol = getattr(check, "RTOL", RTOL), getattr(check, "ATOL", ATOL)
    passed = [
        part
        for part in q.parts
        if all(
            part.id in want and part.id in have and same(want[part.id], have[part.id], rtol, atol)
            for want, have in zip(expected, answered, strict=True)
        )
    ]
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


def without_magics(source: str) -> str:
    """Blank the lines of a code cell that only IPython knows: magics, shell lines, ``?`` help."""
    lines = source.split("\n")
    for index, line in enumerate(lines):
        text = line.strip()
        if text.startswith(("%", "!")) or (
            text.endswith("?")
            and "#" not in text
            and text.rstrip("?").replace(".", "").isidentifier()
        ):
            lines[index] = line[: len(line) - len(line.lstrip())] + "pass"
    return "\n".join(lines)


def same(want: Any, have: Any, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Whether an output equals the expected one: same structure and shape, numbers within
    tolerance.

    A number's type does not matter (int, float32, array of one scalar); NaN never counts as equal.
    """
    if isinstance(want, dict):
        return (
            isinstance(have, dict)
            and set(want) == set(have)
            and all(same(want[k], have[k], rtol, atol) for k in want)
        )
    if want is None or isinstance(want, str):
        return type(want) is type(have) and want == have
    if isinstance(want, list) and not _numeric(want):
        have = list(have) if isinstance(have, np.ndarray) and have.ndim else have
        return (
            isinstance(have, list)
            and len(want) == len(have)
            and all(same(w, h, rtol, atol) for w, h in zip(want, have, strict=True))
        )
    if not _numeric(have):
        return False
    try:
        a, b = np.asarray(want, dtype=np.float64), np.asarray(have, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return False
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(b)) and np.all(np.abs(a - b) <= atol + rtol * np.abs(a)))


def _numeric(value: Any) -> bool:
    return _numbers(value) or _is_array(value)


def _numbers(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) > 0 and all(_numbers(v) for v in value)
    return isinstance(value, (bool, int, float)) or (_is_array(value) and value.ndim == 0)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))
