"""Predict first: a learner's guess beside what their own run measured.

judge("l02-winner", result)     one prediction, after its run
expectations()                  all of the lesson, at its end
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.questions.progress import Progress
from course_lib.questions.verdict import Verdict

# What this notebook asked, by id, in its order: a notebook has a kernel of its own.
_asked: dict[str, str] = {}


def asked(prediction_id: str, prompt: str) -> None:
    """Remember what is predicted under this id, for ``expectations``."""
    _asked[prediction_id] = prompt


def judge(
    prediction_id: str, outcome: str, because: str = "", progress: str | Path | None = None
) -> Verdict:
    """Set a prediction beside the outcome of the learner's own run (one of the choices).

    The outcome is kept beside the answer, for ``expectations``.
    """
    _asked.setdefault(prediction_id, prediction_id)
    store, outcome = Progress(progress), str(outcome)
    with suppress(CourseError, OSError):  # where nothing can be written, the comparison still is
        store.note("outcomes", prediction_id, outcome)
    guess = _guess(store.read(), prediction_id)
    if guess is None:
        return Verdict(
            "not attempted", f"You made no prediction. Your run says: {outcome}. {because}".strip()
        )
    state = "right" if guess == outcome else "wrong"
    start = "As you predicted" if state == "right" else f"You predicted {guess}"
    return Verdict(state, f"{start}; your run says: {outcome}. {because}".strip())


def expectations(progress: str | Path | None = None) -> Verdict:
    """Which of this notebook's predictions held: a table of those that were judged.

    Its columns: the question, what was expected, what the learner's own run gave, held or not.
    """
    stored = Progress(progress).read()
    rows = []
    for key, prompt in _asked.items():
        if (outcome := stored["outcomes"].get(key)) is not None:
            rows.append((prompt.rstrip(": "), _guess(stored, key), outcome))
    if not rows:
        text = "Nothing to compare yet: run the lesson's predictions and experiments first."
        return Verdict("not attempted", text)
    made = [guess == outcome for _, guess, outcome in rows if guess is not None]
    table = [
        "| question | you expected | your run gave | |",
        "|---|---|---|---|",
        *(f"| {_cell(q)} | {_cell(g or '–')} | {_cell(o)} | {_held(g, o)} |" for q, g, o in rows),
    ]
    if not made:
        told = "You made no predictions."
    else:
        told = f"{sum(made)} of your {len(made)} predictions held."
        if len(made) < len(rows):
            told += f" {len(rows) - len(made)} more could have been made."
    return Verdict("noted", "\n".join([told, "", *table]))


def _guess(stored: dict[str, dict], key: str) -> str | None:
    answer = stored["answers"].get(key, {}).get("answer")
    return str(answer) if answer else None


def _held(guess: str | None, outcome: str) -> str:
    if guess is None:
        return "no prediction"
    return "✓ held" if guess == outcome else "✗ did not hold"


def _cell(text: str) -> str:
    """Text that cannot end a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def compare(guess: float | str | None, measured: float | str, what: str) -> Verdict:
    """Set a prediction beside the measured value.

    Args:
        guess: a share between 0 and 1, a word such as the name of a strategy, or None for no
            prediction yet.
        measured: the value from the learner's own run, of the same kind.
        what: what was predicted, such as "test accuracy of the new head".

    Raises:
        CourseError: a guess that is neither, or outside 0..1.
    """
    if guess is None:
        return Verdict(
            "not attempted",
            f"No prediction yet for the {what}. Write yours above, run that cell, then this "
            "one: a guess that you can be wrong about is what makes the number stick.",
        )
    if isinstance(measured, str):
        same = str(guess).strip().lower() == measured.lower()
        word = "As you predicted." if same else "Not what you predicted: read on for the reason."
        return Verdict("noted", f"You predicted **{guess}**; your run says **{measured}**. {word}")
    guess = checks.number(guess, "A prediction of a share, such as 0.75,", least=0, most=1)
    off = measured - guess
    if math.isclose(off, 0, abs_tol=0.05):
        word = "Within 5 points: well predicted."
    else:
        word = f"{abs(100 * off):.0f} points {'better' if off > 0 else 'worse'} than you thought."
    return Verdict(
        "noted",
        f"You predicted **{guess:.2f}** for the {what}; your run measured **{measured:.2f}**. "
        f"{word}",
    )


@dataclass(frozen=True)
class Bands:
    """Ranges to choose from when a number is to be predicted.

    edges: rising numbers between the ranges. unit: what follows them, such as "points".

        GAP = Bands((10, 30), "points")
        GAP.choices      # ("under 10 points", "10 to 30 points", "over 30 points")
        GAP.of(12.5)     # "10 to 30 points"
    """

    edges: tuple[float, ...]
    unit: str

    def __post_init__(self):
        if not self.edges or list(self.edges) != sorted(set(self.edges)):
            raise CourseError(f"Bands needs rising edges, such as (10, 30); got {self.edges!r}.")

    @property
    def choices(self) -> tuple[str, ...]:
        """One text for each range, from the lowest."""
        middle = (f"{low:g} to {high:g} {self.unit}" for low, high in pairwise(self.edges))
        first, last = self.edges[0], self.edges[-1]
        return (f"under {first:g} {self.unit}", *middle, f"over {last:g} {self.unit}")

    def of(self, value: float) -> str:
        """The range that holds the value; an edge belongs to the range above it."""
        return self.choices[sum(value >= edge for edge in self.edges)]
