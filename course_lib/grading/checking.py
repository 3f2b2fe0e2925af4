"""``course quiz check``: what is wrong with a bank, before students find it.

Everything is tried: the right answer must get all points, each known wrong one its own score,
nothing and answers without work none; code runs in the sandbox, as students' does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from course_lib.errors import CourseError
from course_lib.grading import build, judge, score
from course_lib.grading.inside import wire
from course_lib.grading.outcome import Limits
from course_lib.grading.sandbox import Sandbox, status
from course_lib.questions import lint, scoring
from course_lib.questions.format import QuestionError, load_quiz
from course_lib.questions.lint import Finding
from course_lib.questions.question import Question, Quiz

SLOW = 0.5  # share of the time limit that the reference may take
CLOSE = 1e-3  # scores that differ by less are the same
CHECK_NOTHING = "def run(answer, case):\n    yield 'done', 1\n"
SEEDS = (1, 2, 3)

Tell = Callable[[str], None]
Tried = Callable[[str, int], scoring.Result]  # a program and a seed


def load(bank: Path) -> tuple[dict[str, Quiz], list[Finding]]:
    """The quizzes of a bank that can be read, and what is wrong with the others."""
    files = sorted(bank.glob("*.yaml"))
    if not files:
        raise QuestionError(f"{bank}:1: folder: no .yaml quiz file in it.")
    quizzes: dict[str, Quiz] = {}
    owners: dict[str, str] = {}
    found = []
    for file in files:
        try:
            quiz = load_quiz(file)
        except QuestionError as error:
            found.append(Finding("bank", str(error), grave=True))
            continue
        if quiz.id in quizzes:
            text = f"its quiz {quiz.id!r} is also in {quizzes[quiz.id].path}."
            found.append(Finding(file.name, text, grave=True))
            continue
        for name in {q.id for q in (*quiz.questions, *quiz.every)}:
            if name in owners:
                text = f"the id is also used in {owners[name]}."
                found.append(Finding(f"{file.name}: {name}", text, grave=True))
            owners[name] = file.name
        quizzes[quiz.id] = quiz
    return quizzes, found


def check(bank: Path, names: Iterable[str] = (), tell: Tell = lambda text: None) -> list[Finding]:
    """All findings on a bank, or on some of its quizzes. Raises CourseError for unknown names."""
    quizzes, found = load(bank)
    names = list(names)
    for name in names:
        if name not in quizzes:
            listed = ", ".join(quizzes)
            problem = f"There is no quiz {name!r} that can be read; the bank has {listed}."
            raise CourseError("\n".join([*map(str, found), problem]))
    if names:  # what is wrong with the others was not asked
        found = []
    wanted = [quizzes[name] for name in names] if names else list(quizzes.values())
    questions = [q for quiz in wanted for q in quiz.every]
    for quiz in wanted:
        tell(f"{quiz.id}: {len(quiz.every)} questions.")
        found += of_quiz(quiz, tell)
    found += lint.prompts(questions)
    found += lint.cues(questions)
    return found


def of_quiz(quiz: Quiz, tell: Tell = lambda text: None, *, right_only: bool = False) -> list:
    """Findings on the questions of one quiz.

    ``right_only`` looks only whether right answers get their points, which is what a quiz that is
    handed out needs.
    """
    found = []
    code = [q for q in quiz.every if q.kind == "code"]
    for q in quiz.every:
        where = f"{quiz.id}, {q.id}"
        if q.kind in ("choice", "multiple", "numeric"):
            found += _literal(q, where)
        if not right_only:
            found += lint.of_question(q, where)
    if not code:
        return found
    state = status()
    if not state.ok:
        text = f"code was not tried, since there is no sandbox here. {state.message}"
        return [*found, Finding(quiz.id, text)]
    boxes: dict[tuple, Sandbox] = {}
    try:
        for q in code:
            box = boxes.setdefault(q.imports, Sandbox(q.imports, state.kind))
            tell(f"{q.id}: running its reference" + ("" if right_only else " and wrong answers"))
            found += _code(q, f"{quiz.id}, {q.id}", box, right_only)
    finally:
        for box in boxes.values():
            box.close()
    return found


# --- values --------------------------------------------------------------------------------------


def _literal(q: Question, where: str) -> Iterator[Finding]:
    def points(value: object) -> float | None:
        return scoring.score_literal(q, f"answer = {value!r}").score

    if points(q.right_answer) != q.points:
        yield Finding(where, f"its own answer {q.right_answer!r} does not get all points.", True)
    for wrong in q.wrong:
        got = points(wrong.answer)
        if got is None or abs(got - wrong.score) > CLOSE:
            text = f"the wrong answer {wrong.answer!r} gets {_told(got)}, not {wrong.score:g}."
            yield Finding(where, text, True)
    if scoring.score_literal(q, build.starter(q)).state != "not attempted":
        yield Finding(where, "the empty answer counts as one.", True)


def _told(points: float | None) -> str:
    return "no score" if points is None else f"{points:g} points"


# --- code ----------------------------------------------------------------------------------------


def _code(q: Question, where: str, box: Sandbox, right_only: bool) -> Iterator[Finding]:
    try:
        module = scoring.load_check(q)
    except CourseError as error:
        yield Finding(where, str(error), True)
        return

    def tried(source: str, seed: int) -> scoring.Result:
        return score.score_code(q, source, seed, box.run, judge.compare)

    try:
        yield from _inputs(module, where)
        for seed in SEEDS[:1] if right_only else SEEDS:
            result = tried(q.reference, seed)
            if result.score != q.points:
                got = _told(result.score)
                reason = f"its reference gets {got} of {q.points:g}: {result.reason}"
                reason += _why(q, module, seed)
                yield Finding(where, reason, True)
                return
        if result.seconds > SLOW * q.seconds:
            text = f"its reference takes {result.seconds:.1f} of {q.seconds:g} seconds."
            yield Finding(where, text)
        if not right_only:
            yield from _wrong(q, where, tried)
            yield from _examples(q, where, box)
    except CourseError as error:
        yield Finding(where, f"it could not be tried: {error}", True)


def _inputs(module, where: str) -> Iterator[Finding]:
    draws = []
    for seed in (1, 1, 2):
        try:
            cases = module.inputs(np.random.default_rng(seed))
            draws.append(wire.encode(cases))
        except Exception as error:  # the bank's own code; whatever it is, a person must look
            text = f"its inputs cannot be drawn ({type(error).__name__}: {error})."
            yield Finding(where, text, True)
            return
    if draws[0] != draws[1]:
        text = "its inputs differ for one seed; draw them from rng alone, or grades change."
        yield Finding(where, text, True)
    elif draws[0] == draws[2]:
        yield Finding(
            where, "its inputs are the same for every seed: an answer may know them.", True
        )
    if not cases:
        yield Finding(where, "it draws no inputs, so that nothing is tried.", True)


def _why(q: Question, module, seed: int) -> str:
    """What the reference raises, tried here: it is the bank's own code."""
    from types import SimpleNamespace

    space: dict = {"__name__": "reference"}
    try:
        exec(compile(q.reference, "<reference>", "exec"), space)
        for case in module.inputs(np.random.default_rng(seed)):
            list(module.run(SimpleNamespace(**space), scoring.answer_case(case)))
    except Exception as error:
        return f" It raises {type(error).__name__}: {error}."
    return ""


def _wrong(q: Question, where: str, tried: Tried) -> Iterator[Finding]:
    for number, wrong in enumerate(q.wrong, 1):
        result = tried(wrong.answer, SEEDS[1])
        if result.score is None or abs(result.score - wrong.score) > CLOSE:
            text = f"its wrong answer {number} gets {_told(result.score)}, not {wrong.score:g}."
            yield Finding(where, f"{text} {wrong.why}".strip(), True)
    if (tried(q.starter, SEEDS[0]).score or 0) > 0:
        yield Finding(where, "the starter, as it is handed out, gets points.", True)
    for name, source in degenerate(q.starter).items():
        result = tried(source, SEEDS[0])
        if result.score is not None and result.score >= q.points:
            text = f"an answer that does no work gets all points: {name}."
            yield Finding(where, text, True)
        elif result.score and result.score > q.points / 2:
            text = f"an answer that does no work gets {result.score:g} of {q.points:g}: {name}."
            yield Finding(where, text)


def degenerate(starter: str) -> dict[str, str]:
    """Programs in which every function that is asked for exists and does nothing of worth."""
    bodies = {
        "None": "return None",
        "its first argument": "return args[0] if args else None",
        "its last argument": "return args[-1] if args else None",
        "zero": "return 0",
        "one": "return 1",
        "an empty list": "return []",
        "its first argument times zero": "return args[0] * 0",
    }
    names = [n.name for n in ast.parse(starter).body if isinstance(n, ast.FunctionDef)]
    if not names:
        return {}
    return {
        f"it returns {name}": "\n".join(
            f"def {each}(*args, **more):\n    {body}\n" for each in names
        )
        for name, body in bodies.items()
    }


def _examples(q: Question, where: str, box: Sandbox) -> Iterator[Finding]:
    request = {
        "role": "answer",
        "answer": q.reference + "\n" + q.examples,
        "check": CHECK_NOTHING,
        "cases": [{}],
    }
    outcome = box.run(request, Limits(seconds=q.seconds, cpu=q.seconds, memory_mb=q.memory_mb))
    try:
        kinds = [kind for _, kind, _, _ in wire.frames(outcome.data)]
    except wire.WireError:
        kinds = []
    if outcome.state != "done" or kinds != ["p"]:
        yield Finding(where, "its public examples do not run with the reference.", True)
