"""Self-checks: questions that answer in the page, and predictions.

    ask("p01-recipe", "p01-probe")     questions; judged in the page, also while the kernel is busy
    predict("l02-winner", "Which one wins?", ["scratch", "frozen"])

What was answered is kept in a small file beside the notebooks; ``course_lib.questions`` judges a
prediction and checks code.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.errors import CourseError
from course_lib.questions import practice, predicting
from course_lib.questions.progress import Progress
from course_lib.questions.question import Question
from course_lib.widgets.live import module


class SelfCheck(anywidget.AnyWidget):
    """Questions on a page. ``answers`` is ``{id: {"answer": ..., "at": milliseconds}}``."""

    _esm = module("selfcheck")
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
        "tolerance": max(q.tolerance, q.relative * abs(q.answer or 0.0)),
        "explanation": q.explanation,
        "partial": [
            {"answer": p.answer, "tolerance": p.tolerance, "why": p.why} for p in q.partial
        ],
    }


def ask(*question_ids: str, progress: str | Path | None = None) -> SelfCheck:
    """Show practice questions (choice, multiple, numeric). Raises CourseError for other ids."""
    questions = [practice.find(i) for i in question_ids]
    for q in questions:
        if q.kind not in ("choice", "multiple", "numeric"):
            raise CourseError(f"{q.id} is a {q.kind} question; use check({q.id!r}) for it.")
    return SelfCheck([_public(q) for q in questions], Progress(progress))


def predict(
    prediction_id: str, prompt: str, choices: Sequence[str], progress: str | Path | None = None
) -> SelfCheck:
    """Ask for a prediction; nothing is right or wrong until judge() sees the learner's own run.

    Raises CourseError for fewer than two choices and for the id of a practice question.
    """
    if prediction_id in practice.bank():
        raise CourseError(
            f"{prediction_id!r} is a practice question, whose answer would be overwritten. Give "
            "the prediction an id of its own."
        )
    if len(choices) < 2:
        raise CourseError("A prediction needs at least two choices.")
    predicting.asked(prediction_id, prompt)
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
