"""Lesson 02: how much data and how similar (C09), and where pretraining does not help (C12)."""

from dataclasses import dataclass

import numpy as np

from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import (
    BASELINES,
    FINE,
    FULL,
    HEAD_ONLY,
    LANES,
    SCRATCH,
    draw_sizes,
    grid,
    in_order,
    metric_name,
    scores,
    transfer,
)
from course_lib.measure.statistics import above, interval, mean, together, with_spread

# ---------------------------------------------------------------- C09: the table

SIMILARITY = {"new-shapes": "similar", "radiographs": "different"}
SMALL, LARGE = 1_000, 10_000  # below the first: small; from the second: large (as far as we go)

# What the rule of thumb names in each cell. Texts disagree on small and different data: some say
# early features and a small rate, some a head and nothing else; the more frequent advice is here.
ADVICE = {
    ("small", "similar"): (HEAD_ONLY,),
    ("small", "different"): (FINE,),
    ("medium", "similar"): (FINE, FULL),
    ("medium", "different"): (FULL,),
    ("large", "similar"): (FULL,),
    ("large", "different"): (FULL, SCRATCH),
}


def size_word(train: int) -> str:
    """A number of labels in the words of the rule of thumb: "small", "medium" or "large"."""
    return "small" if train < SMALL else "medium" if train < LARGE else "large"


@dataclass(frozen=True)
class Cell:
    """One measured cell of the size x similarity table.

    task, train (labels), similarity ("similar" or "different"); advice: strategies that the rule of
    thumb names; means, spreads: score of each strategy, and its standard deviation over draws (None
    for one draw); best: the strategy with the highest mean; verdict on the rule of thumb here;
    lead: mean paired difference of the advised strategy to its best rival.
    """

    task: str
    train: int
    similarity: str
    advice: tuple[str, ...]
    means: dict[str, float]
    spreads: dict[str, float | None]
    best: str
    verdict: str
    lead: float

    @property
    def size(self) -> str:
        return size_word(self.train)


def cells(rows: list[Row]) -> list[Cell]:
    """The measured cells, similar before different, few labels before many.

    A cell counts when every strategy has as many draws: one of a stopped study may not be there.
    """
    rows = [row for row in rows if row["strategy"] not in BASELINES]
    names = {row["strategy"] for row in rows}
    found = set()
    for task, train in {(row["task"], row["train"]) for row in rows}:
        counts = {len(select(rows, task=task, train=train, strategy=name)) for name in names}
        if len(counts) == 1:
            found.add((task, train))
    order = list(SIMILARITY)
    return [
        _cell(rows, task, train)
        for task, train in sorted(found, key=lambda pair: (order.index(pair[0]), pair[1]))
    ]


def _cell(rows: list[Row], task: str, train: int) -> Cell:
    here = select(rows, task=task, train=train)
    names = in_order(here)
    values = {name: scores(here, strategy=name) for name in names}
    means = {name: mean(v) for name, v in values.items()}
    spreads = {n: float(v.std(ddof=1)) if len(v) > 1 else None for n, v in values.items()}
    named = ADVICE[size_word(train), SIMILARITY[task]]
    advised = max((n for n in named if n in means), key=means.get, default=None)
    rivals = [name for name in names if name not in named]
    if advised is None or not rivals:
        verdict, lead = "undecided", 0.0
    else:
        gaps = {rival: values[advised] - values[rival] for rival in rivals}
        lead = min(mean(gap) for gap in gaps.values())
        verdict = _best_of(gaps.values())
    best = max(means, key=means.get)
    return Cell(task, train, SIMILARITY[task], named, means, spreads, best, verdict, lead)


def _best_of(gaps) -> str:
    """Is one strategy ahead of every rival? Each gap holds paired differences to one rival."""
    verdicts = [above(gap) for gap in gaps]
    if all(verdict == "holds" for verdict in verdicts):
        return "holds"
    return "does not hold here" if "does not hold here" in verdicts else "undecided"


def c09_trials(size: dict) -> list[dict]:
    trials = []
    for train, epochs, rates, seeds in size["cells"]:
        for task in size["tasks"]:
            one = {**size, "task": task, "epochs": epochs, "rates": rates, "seeds": seeds}
            trials += grid(one, [train], size["strategies"])
            trials += grid({**one, "seeds": seeds[:1]}, [train], BASELINES)
    return trials


def c09_judge(rows: list[Row]) -> Finding:
    table = cells(rows)
    if not table:
        return Finding("undecided", "No cell of the table is complete yet.", "An empty table.")
    told = []
    for cell in table:
        best, draws = (
            cell.best,
            len(scores(rows, task=cell.task, train=cell.train, strategy=SCRATCH)),
        )
        told.append(
            f"{cell.train} labels, {cell.similarity} ({cell.task}, {draws} draws): "
            f"{best} {cell.means[best]:.3f}, scratch {cell.means[SCRATCH]:.3f}; the rule of thumb "
            f"({' or '.join(cell.advice)}): {cell.verdict}"
        )
    alt = (
        "A table of small panels, similar above different, labels growing to the right. "
        + "; ".join(
            f"{cell.similarity}, {cell.train} labels: "
            + ", ".join(f"{name} {value:.2f}" for name, value in cell.means.items())
            for cell in table
        )
    )
    return Finding(together([cell.verdict for cell in table]), ". ".join(told) + ".", alt + ".")


def c09_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    table = cells(rows)
    kinds = [kind for kind in ("similar", "different") if any(c.similarity == kind for c in table)]
    trains = sorted({cell.train for cell in table})
    fig, panels = plt.subplots(
        len(kinds),
        len(trains),
        figsize=(3.4 * len(trains) + 1.8, 2.1 * len(kinds) + 0.4),
        squeeze=False,
        sharey=True,
        sharex="row",
    )
    for cell in table:
        ax = panels[kinds.index(cell.similarity)][trains.index(cell.train)]
        here = select(rows, task=cell.task, train=cell.train)
        names = [name for name in LANES if name in cell.means]
        for place, name in enumerate(names[::-1]):
            values, color = scores(here, strategy=name), LOOKS[name].color
            ax.barh(place, values.mean(), color=color, alpha=0.25, height=0.7)
            ax.plot(values, np.full(len(values), place), LOOKS[name].marker, color=color, ms=5)
            mark = " ◄" if name in cell.advice else ""
            ax.text(1.04, place, f"{values.mean():.2f}{mark}", va="center", fontsize=9)
        for name in BASELINES:
            values = scores(here, strategy=name)
            if len(values):
                ax.axvline(
                    values.mean(),
                    color=LOOKS[name].color,
                    ls=":" if name == BASELINES[0] else "--",
                    lw=1,
                )
        ax.set_yticks(range(len(names)), names[::-1])
        ax.set_xlim(0 if metric_name(here) == "test accuracy" else 0.4, 1.02)
        ax.grid(axis="y", visible=False)
        ax.set_title(
            f"{cell.similarity}, {cell.train:,} labels\nrule of thumb: {cell.verdict}", fontsize=10
        )
        ax.set_xlabel(f"{metric_name(here)}, {cell.task}", fontsize=9)
    fig.supxlabel(
        "◄ named by the rule of thumb. Lines: logistic regression on pixels, random frozen net",
        fontsize=9,
    )
    return fig


# ---------------------------------------------------------------- C12: where it does not help


def c12_trials(size: dict) -> list[dict]:
    most = max(size["trains"])
    return grid(size, size["trains"], (SCRATCH, HEAD_ONLY, FULL)) + grid(size, [most], BASELINES)


def c12_judge(rows: list[Row]) -> Finding:
    sizes = sorted({row["train"] for row in rows})

    def lead(train: int) -> np.ndarray:
        """Scratch against the better pretrained start, draw by draw."""
        head, full = (scores(rows, strategy=n, train=train) for n in (HEAD_ONLY, FULL))
        better = full if full.mean() >= head.mean() else head
        return scores(rows, strategy=SCRATCH, train=train) - better

    leads = {train: lead(train) for train in sizes}
    most = sizes[-1]
    low, high = interval(leads[most])
    crossing = next((train for train in sizes if mean(leads[train]) >= 0), None)
    crossed = (
        f"The curves cross: from {crossing} labels on scratch is level or ahead."
        if crossing and crossing != sizes[0]
        else f"Scratch is level or ahead from the fewest labels ({sizes[0]}) on."
        if crossing
        else f"Scratch did not draw level within {most} labels."
    )
    sentence = (
        f"On {rows[0]['task']} with {most} labels scratch reached "
        f"{with_spread(scores(rows, strategy=SCRATCH, train=most))}, full fine-tuning "
        f"{with_spread(scores(rows, strategy=FULL, train=most))}, the head alone "
        f"{with_spread(scores(rows, strategy=HEAD_ONLY, train=most))}. Scratch against the better "
        "pretrained start: "
        + ", ".join(f"{100 * mean(leads[train]):+z.1f} points at {train}" for train in sizes)
        + f" (at {most}: 95 % interval {100 * low:+.1f} to {100 * high:+.1f}). {crossed}"
    )
    alt = "Test accuracy against number of labels. " + "; ".join(
        f"{name}: "
        + ", ".join(f"{mean(scores(rows, strategy=name, train=t)):.2f} at {t}" for t in sizes)
        for name in (SCRATCH, HEAD_ONLY, FULL)
    )
    return Finding(above(leads[most], -0.01), sentence, alt + ".")


# ---------------------------------------------------------------- the claims

_TASKS = tuple(SIMILARITY)

CLAIMS = (
    Claim(
        tag="C09",
        lesson="02",
        statement="The size x similarity rule of thumb: little similar data, the head only; little "
        "different data, few layers; much similar data, all layers; much different data, all "
        "layers or scratch.",
        rule="cell by cell: the strategy that the rule of thumb names beats every other one (95 % "
        "intervals of the paired differences above zero): holds; another beats it: does not hold "
        "here; else undecided. In a cell every strategy sees as many pictures and tries as many "
        "rates. Baselines: one draw.",
        trials=c09_trials,
        measure=transfer,
        judge=c09_judge,
        draw=c09_draw,
        live={
            "tasks": _TASKS,
            "strategies": (SCRATCH, HEAD_ONLY, FINE, FULL),
            "batch": 16,
            "cells": ((30, 5, (1.0,), (0, 1)),),
        },
        quick={
            "tasks": _TASKS,
            "strategies": (SCRATCH, HEAD_ONLY),
            "batch": 16,
            "cells": ((24, 3, (1.0,), (0,)),),
        },
        full={
            "tasks": _TASKS,
            "strategies": (HEAD_ONLY, FINE, SCRATCH, FULL),
            "batch": 32,
            # labels in all, passes, multiples of each strategy's rate, draws
            "cells": (
                (100, 20, (0.3, 1.0), (0, 1, 2)),
                (1_000, 6, (1.0,), (0, 1, 2)),
                (10_000, 2, (1.0,), (0, 1)),
            ),
        },
    ),
    Claim(
        tag="C12",
        lesson="02",
        statement="Pretraining does not always help: with labels enough, scratch draws level.",
        rule="at the most labels scratch is at most one point behind the better pretrained start "
        "(95 % interval of the paired difference above minus one point). Equal numbers of pictures "
        "seen; baselines at the most labels.",
        trials=c12_trials,
        measure=transfer,
        judge=c12_judge,
        draw=lambda rows: draw_sizes(rows, "A target that pretraining does not help"),
        live={
            "task": "digits",
            "seeds": (0, 1),
            "batch": 16,
            "rates": (1.0,),
            "trains": (40, 400),
            "pictures": 800,
        },
        quick={
            "task": "digits",
            "seeds": (0,),
            "batch": 16,
            "rates": (1.0,),
            "trains": (20, 60),
            "pictures": 120,
        },
        full={
            "task": "digits",
            "seeds": (0, 1, 2),
            "batch": 16,
            "rates": (1.0,),
            "trains": (30, 100, 300, 1_000),
            "pictures": 3_000,
        },
    ),
)
