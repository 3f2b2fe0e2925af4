"""Self-checks: practice questions with instant feedback, hints and checks for coding cells,
predictions.

    ask("p01-recipe", "p01-probe")     questions; judged in the page, also while the kernel is busy
    predict("p02-winner", "Which one wins?", ["scratch", "frozen"])
    judge("p02-winner", result)        the prediction beside the learner's own run
    check("p01-code-probe")            tries the learner's function on fresh inputs
    hint("p01-code-probe")             the next hint

What was answered is kept in a small file beside the notebooks, so it survives a kernel restart and
a reload.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import score
from course_lib.grading.inside import wire
from course_lib.grading.questions import Question, load_bank

PRACTICE = Path(__file__).resolve().parents[1] / "practice"
PROGRESS = "course-progress.json"


@cache
def practice() -> dict[str, Question]:
    """All practice questions by id."""
    return {q.id: q for quiz in load_bank(PRACTICE).values() for q in quiz.questions}


def question(question_id: str) -> Question:
    """One practice question. Raises CourseError for an unknown id."""
    try:
        return practice()[question_id]
    except KeyError:
        raise CourseError(
            f"There is no practice question {question_id!r}; there are "
            + ", ".join(practice())
            + "."
        ) from None


class Progress:
    """Answers, predictions and hints in a JSON file beside the notebooks.

    ``COURSE_PROGRESS`` names another file. A damaged file is put aside, not overwritten.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = Path(path or os.environ.get("COURSE_PROGRESS") or PROGRESS).resolve()

    def read(self) -> dict[str, dict]:
        """``{"answers": {id: {"answer", "at"}}, "hints": {id: number shown}}``."""
        empty: dict[str, dict] = {"answers": {}, "hints": {}}
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            if not all(isinstance(data[key], dict) for key in empty):
                raise ValueError("not a progress file")
        except FileNotFoundError:
            return empty
        except (ValueError, KeyError, TypeError):
            os.replace(self.path, self.path.with_suffix(".damaged.json"))
            return empty
        return {key: data[key] for key in empty}

    def write(self, data: dict) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(data, indent=1, sort_keys=True) + "\n")

    def merge(self, answers: dict[str, dict]) -> None:
        """Keep the later of two answers to a question; two notebooks may write to one file."""
        data = self.read()
        for key, given in answers.items():
            old = data["answers"].get(key)
            if old is None or given["at"] >= old["at"]:
                data["answers"][key] = {"answer": given["answer"], "at": given["at"]}
        self.write(data)


class SelfCheck(anywidget.AnyWidget):
    """Questions on a page. ``answers`` is ``{id: {"answer": ..., "at": milliseconds}}``."""

    _esm = Path(__file__).with_suffix(".js")
    questions = traitlets.List().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, questions: list[dict], progress: Progress, **options: Any):
        stored = progress.read()["answers"]
        ids = {q["id"] for q in questions}
        self._progress = progress
        super().__init__(
            questions=questions, answers={k: v for k, v in stored.items() if k in ids}, **options
        )
        self.observe(self._keep, names="answers")

    def _keep(self, change: dict) -> None:
        try:
            self._progress.merge(change["new"])
            self.error = ""
        except (CourseError, OSError, KeyError, TypeError) as problem:
            self.error = f"Your answer could not be stored in {self._progress.path}: {problem}"

    _ipython_display_ = None  # ipywidgets 7 would show itself, without the HTML

    def _repr_mimebundle_(self, **options: Any):
        """The widget, and beside it the questions as HTML for pages that run no widgets."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/html"] = _static(self.questions)
        return bundle


def _static(questions: Sequence[dict]) -> str:
    parts = []
    for q in questions:
        items = "".join(f"<li>{html.escape(c['text'])}</li>" for c in q["choices"])
        parts.append(
            f"<p>{html.escape(q['prompt'])}</p>" + (f"<ol type='a'>{items}</ol>" if items else "")
        )
    return "<div><p><b>Self-check</b> (run the notebook to answer)</p>" + "".join(parts) + "</div>"


def _public(q: Question) -> dict:
    return {
        "id": q.id,
        "kind": q.kind,
        "prompt": q.prompt.strip(),
        "unit": q.unit,
        "choices": [{"text": c.text, "why": c.why, "correct": c.correct} for c in q.choices],
        "answer": q.answer,
        "tolerance": q.tolerance,
        "explanation": q.explanation,
        "partial": [
            {"answer": p.answer, "tolerance": p.tolerance, "why": p.why} for p in q.partial
        ],
    }


def ask(*question_ids: str, progress: str | Path | None = None) -> SelfCheck:
    """Show practice questions (choice, multiple, numeric). Raises CourseError for other ids."""
    questions = [question(i) for i in question_ids]
    for q in questions:
        if q.kind not in ("choice", "multiple", "numeric"):
            raise CourseError(f"{q.id} is a {q.kind} question; use check({q.id!r}) for it.")
    return SelfCheck([_public(q) for q in questions], Progress(progress))


def predict(
    prediction_id: str, prompt: str, choices: Sequence[str], progress: str | Path | None = None
) -> SelfCheck:
    """Ask for a prediction; nothing is right or wrong until judge() sees the learner's own run."""
    if len(choices) < 2:
        raise CourseError("A prediction needs at least two choices.")
    listed = [{"text": str(c), "why": "", "correct": False} for c in choices]
    return SelfCheck(
        [
            {
                "id": prediction_id,
                "kind": "prediction",
                "prompt": prompt,
                "choices": listed,
                "unit": "",
                "answer": None,
                "tolerance": 0,
                "explanation": "",
                "partial": [],
                "labels": [str(c) for c in choices],
            }
        ],
        Progress(progress),
    )


class Verdict:
    """The outcome of a check in words. ``state`` is not attempted, right, partial, wrong or
    noted."""

    def __init__(self, state: str, text: str):
        self.state, self.text = state, text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        mark = {"right": "✓ ", "wrong": "✗ ", "partial": "◐ "}.get(self.state, "")
        return f"**{mark}{self.state.capitalize()}.** {self.text}"


def judge(
    prediction_id: str, outcome: str, because: str = "", progress: str | Path | None = None
) -> Verdict:
    """Set the prediction beside the outcome of the learner's own run (one of the choices)."""
    given = Progress(progress).read()["answers"].get(prediction_id)
    if not given or not given.get("answer"):
        return Verdict(
            "not attempted", f"You made no prediction. Your run says: {outcome}. {because}"
        )
    guess = str(given["answer"])
    state = "right" if guess == str(outcome) else "wrong"
    start = "As you predicted" if state == "right" else f"You predicted {guess}"
    return Verdict(state, f"{start}; your run says: {outcome}. {because}".strip())


def check(question_id: str, answer: Any = None, seed: int | None = None) -> Verdict:
    """Try the learner's code for a practice coding task on fresh random inputs.

    Args:
        question_id: a coding task.
        answer: a namespace (dict or object) with the functions; default: the notebook's own.
        seed: of the inputs; default: another one at every call.
    """
    q = question(question_id)
    if q.kind != "code":
        raise CourseError(f"{q.id} is a {q.kind} question; use ask({q.id!r}) for it.")
    names = _defined(q)
    space = _notebook() if answer is None else answer if isinstance(answer, dict) else vars(answer)
    missing = [name for name in names if not callable(space.get(name))]
    if missing:
        return Verdict("not attempted", f"`{missing[0]}` is not defined yet. Run your cell first.")
    if all(_is_starter(q, name, space[name]) for name in names):
        return Verdict("not attempted", "The cell still is as it was given.")
    import types

    import numpy as np

    module, reference = load(q), types.SimpleNamespace(**_executed(q.reference))
    mine = types.SimpleNamespace(**{k: v for k, v in space.items() if isinstance(k, str)})
    cases = module.inputs(np.random.default_rng(seed))
    wanted, _ = _run(module.run, reference, cases)
    have, error = _run(module.run, mine, cases)
    rtol, atol = getattr(module, "RTOL", score.RTOL), getattr(module, "ATOL", score.ATOL)
    passed = [
        p
        for p in q.parts
        if all(
            p.id in w and p.id in h and score.same(w[p.id], h[p.id], rtol, atol)
            for w, h in zip(wanted, have, strict=True)
        )
    ]
    if len(passed) == len(q.parts):
        return Verdict("right", q.explanation.strip())
    failed = "; ".join(p.text for p in q.parts if p not in passed)
    text = f"Not yet: {failed}." + (f" Your code raised {error}." if error else "")
    return Verdict("partial" if passed else "wrong", f"{text} hint({q.id!r}) may help.")


load = score.load_check


def _run(run: Callable, answer: Any, cases: list[dict]) -> tuple[list[dict], str]:
    import copy

    results, error = [], ""
    for case in cases:
        parts = {}
        try:
            for name, value in run(answer, copy.deepcopy(case)):
                parts[name] = wire.decode(wire.encode(value))
        except Exception as problem:
            error = error or f"{type(problem).__name__}: {problem}"
        results.append(parts)
    return results, error


def _executed(source: str) -> dict:
    space: dict = {}
    exec(compile(source, "<reference>", "exec"), space)
    return space


def _defined(q: Question) -> list[str]:
    import ast

    return [
        node.name
        for node in ast.parse(q.starter).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]


def _is_starter(q: Question, name: str, value: Any) -> bool:
    """True when a function has the starter's empty body."""
    given = _executed(q.starter)[name]
    code = getattr(value, "__code__", None)
    return (
        code is not None
        and code.co_code == given.__code__.co_code
        and (code.co_consts == given.__code__.co_consts)
    )


def _notebook() -> dict:
    try:
        from IPython import get_ipython

        return get_ipython().user_ns
    except (ImportError, AttributeError):
        raise CourseError(
            "check() found no notebook. Give it the functions: check(id, globals())."
        ) from None


def hint(question_id: str, progress: str | Path | None = None) -> Verdict:
    """The next hint of a question; after the last one it starts again."""
    q = question(question_id)
    if not q.hints:
        return Verdict("noted", "There is no hint for this one.")
    store = Progress(progress)
    data = store.read()
    index = int(data["hints"].get(q.id, 0))
    data["hints"][q.id] = index + 1
    store.write(data)
    place = index % len(q.hints)
    return Verdict("noted", f"Hint {place + 1} of {len(q.hints)}: {q.hints[place].strip()}")


def answered(progress: str | Path | None = None) -> dict[str, str]:
    """State of every stored answer to a practice question: right, partial, wrong."""
    found = {}
    for key, given in Progress(progress).read()["answers"].items():
        if key in practice():
            found[key] = score.score_value(practice()[key], given["answer"]).state
    return found
