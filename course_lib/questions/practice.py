"""Practice: try an answer, get help, see the solution.

    check("02-freeze", freeze)      tries the learner's function on fresh inputs
    help_for("02-freeze")           hints and solution, folded, each opened by a click
    hint("02-freeze")               the next hint
    solution("02-freeze")           the reference answer, once something was tried

These run the learner's own code in the learner's own notebook, to help; grades are made elsewhere.
Questions are shown by ``course_lib.widgets.selfcheck``; predictions are compared in ``predicting``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from string import ascii_lowercase
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_lib.errors import CourseError
from course_lib.questions.format import load_bank
from course_lib.questions.progress import Progress
from course_lib.questions.question import Question
from course_lib.questions.scoring import answer_case, load_check, passed_parts, score_value
from course_lib.questions.values import plain
from course_lib.questions.verdict import Folded, Verdict

BANK = Path(__file__).resolve().parent / "bank"


@cache
def bank() -> dict[str, Question]:
    """All practice questions by id."""
    return {q.id: q for quiz in load_bank(BANK).values() for q in quiz.questions}


def find(question_id: str) -> Question:
    """One practice question. Raises CourseError for an unknown id."""
    if question_id not in bank():
        raise CourseError(
            f"There is no practice question {question_id!r}; there are {', '.join(bank())}."
        )
    return bank()[question_id]


def check(
    question_id: str,
    answer: Callable | dict[str, Any] | None = None,
    *,
    seed: int | None = None,
    progress: str | Path | None = None,
) -> Verdict:
    """Try the learner's code for a practice coding task on fresh random inputs.

    Args:
        question_id: a coding task.
        answer: the function that the task asks for, or a namespace that holds it; default: the
            notebook's own.
        seed: of the inputs; default: others at every call.
        progress: the file that keeps the outcome; default: see ``Progress``.

    Raises:
        CourseError: an unknown id, a question that is no coding task, an answer of another kind.
    """
    q = find(question_id)
    if q.kind != "code":
        raise CourseError(f"{q.id} is a {q.kind} question; use ask({q.id!r}) for it.")
    verdict = tried(q, _namespace(q, answer), np.random.default_rng(seed))
    if verdict.state != "not attempted":
        with suppress(CourseError, OSError):  # where nothing can be written, help is still help
            Progress(progress).note("checks", q.id, verdict.state)
    return verdict


def hint(question_id: str, progress: str | Path | None = None) -> Verdict:
    """The next hint of a question; after the last one they start again."""
    q = find(question_id)
    if not q.hints:
        return Verdict("noted", "There is no hint for this one.")
    store = Progress(progress)
    shown = store.read()["hints"].get(q.id, 0)
    with suppress(CourseError, OSError):
        store.note("hints", q.id, shown + 1)
    place = shown % len(q.hints) + 1
    more = " Run this again for the next one." if place < len(q.hints) else ""
    hinted = q.hints[place - 1].strip()
    return Verdict("noted", f"Hint {place} of {len(q.hints)}: {hinted}{more}")


def solution(question_id: str, *, now: bool = False, progress: str | Path | None = None) -> Verdict:
    """The right answer and why, folded; only after an attempt, unless it is wanted ``now``."""
    q = find(question_id)
    if not now:
        stored = Progress(progress).read()
        if q.id not in stored["checks"] and not stored["answers"].get(q.id, {}).get("answer"):
            return Verdict(
                "not attempted",
                f"Try it first: the solution stays with you longer then. To see it all the same: "
                f"`solution({q.id!r}, now=True)`.",
            )
    return Verdict("noted", f"Solution of {q.id}", details=_solved(q))


def help_for(question_id: str) -> Folded:
    """All hints of a question and its solution, folded: a page opens each by a click.

    Raises CourseError for an unknown id.
    """
    q = find(question_id)
    many = len(q.hints)
    hints = [
        (f"Hint {k} of {many}" if many > 1 else "Hint", text.strip())
        for k, text in enumerate(q.hints, 1)
    ]
    return Folded((*hints, ("Solution", _solved(q))))


def answered(progress: str | Path | None = None) -> dict[str, str]:
    """State of every practice question that was answered or tried: right, partial, wrong."""
    stored = Progress(progress).read()
    found = {key: state for key, state in stored["checks"].items() if key in bank()}
    for key, given in stored["answers"].items():
        if key in bank():
            found[key] = score_value(bank()[key], given["answer"]).state
    return found


# --- how an answer is tried ----------------------------------------------------------------------


def tried(q: Question, space: dict[str, Any], rng: np.random.Generator) -> Verdict:
    helps = f" `hint({q.id!r})` may help." if q.hints else ""
    for name in asked(q):
        if not callable(space.get(name)):
            text = f"`{name}` is not defined yet. Run your cell first."
            return Verdict("not attempted", text)
    if all(_is_empty(space[name]) for name in asked(q)):
        return Verdict("not attempted", f"The function is still empty.{helps}")
    module = load_check(q)
    cases = module.inputs(rng)
    wanted, problem = _outputs(module, executed(q.reference), cases)
    if problem:
        raise CourseError(f"The reference answer of {q.id} failed: {problem!r}.")
    given, problem = _outputs(module, space, cases)
    if isinstance(problem, NotImplementedError) and not problem.args:  # the starter's own line
        text = f"Write your lines in place of `raise NotImplementedError`.{helps}"
        return Verdict("not attempted", text)
    passed = passed_parts(q, module, wanted, given)
    if len(passed) == len(q.parts):
        return Verdict("right", q.explanation.strip())
    if problem:  # the learner's own code: any error is theirs to read
        text = f"Your code raised {type(problem).__name__}: {problem}"
    else:
        text = _explained(q, module, cases, wanted, given)
    return Verdict("partial" if passed else "wrong", text + helps)


def _explained(q: Question, module: Any, cases: list, wanted: list, given: list) -> str:
    """What is wrong: the check's own words for the first case with a mistake that it knows."""
    if hasattr(module, "explain"):
        for case, want, have in zip(cases, wanted, given, strict=True):
            if len(passed_parts(q, module, [want], [have])) < len(q.parts):
                with suppress(Exception):  # an answer can be anything; then the parts' texts do
                    if text := module.explain(case, want, have):
                        return text
    passed = passed_parts(q, module, wanted, given)
    return f"Not yet: {'; '.join(p.text for p in q.parts if p not in passed)}."


def _outputs(module: Any, space: dict, cases: list) -> tuple[list[dict], Exception | None]:
    """The outputs by part for every case, and the first error."""
    answer = SimpleNamespace(**{k: v for k, v in space.items() if isinstance(k, str)})
    results, first = [], None
    for case in cases:
        parts = {}
        try:
            for name, value in module.run(answer, copy.deepcopy(answer_case(case))):
                parts[name] = plain(value)
            if hasattr(module, "test"):
                given, parts = parts, {}
                for name, value in module.test(case, given):
                    parts[name] = plain(value)
        except Exception as error:
            first = first or error
        results.append(parts)
    return results, first


def asked(q: Question) -> list[str]:
    """The functions that the starter defines, or its classes if there is no function."""
    body = ast.parse(q.starter).body
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    return functions or [node.name for node in body if isinstance(node, ast.ClassDef)]


def _namespace(q: Question, answer: Callable | dict | None) -> dict[str, Any]:
    if isinstance(answer, dict):
        return answer
    names = asked(q)
    if callable(answer) and len(names) == 1:
        return {names[0]: answer}
    if answer is not None:
        raise CourseError(
            f"check({q.id!r}, ...) takes {' and '.join(names)}, or a namespace that holds what was "
            f"defined, such as globals(); got a {type(answer).__name__}."
        )
    return notebook()


def notebook() -> dict[str, Any]:
    """What is defined in the notebook that is running."""
    try:
        from IPython import get_ipython

        return get_ipython().user_ns
    except (ImportError, AttributeError):
        raise CourseError(
            "check() found no notebook. Give it the functions: check(id, globals())."
        ) from None


def _nothing(): ...


def _is_empty(function: Any) -> bool:
    code, nothing = getattr(function, "__code__", None), _nothing.__code__
    return code is not None and (code.co_code, code.co_consts) == (
        nothing.co_code,
        nothing.co_consts,
    )


def executed(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "reference"}
    exec(compile(source, "<reference>", "exec"), space)
    return space


def _solved(q: Question) -> str:
    if q.kind in ("choice", "multiple"):
        right = [(ascii_lowercase[i], c) for i, c in enumerate(q.choices) if c.correct]
        return "\n".join(f"- **{letter})** {c.text}: {c.why}" for letter, c in right)
    explained = q.explanation.strip()
    if q.kind == "numeric":
        return f"**{q.answer:g}{f' {q.unit}' if q.unit else ''}.** {explained}"
    if q.kind == "written":
        return f"{q.reference.strip()}\n\n{explained}"
    return f"```python\n{q.reference.strip()}\n```\n\n{explained}"
