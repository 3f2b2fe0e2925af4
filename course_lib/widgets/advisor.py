"""The advisor: place a problem on the plane of size and similarity, get the rule of thumb's advice,
its reason, where textbooks disagree, and what was measured nearby (claim C09).
"""

import math

import traitlets

from course_lib.errors import CourseError
from course_lib.widgets.live import LiveWidget, looks, module

# The thresholds that texts usually quote, in labelled pictures.
SMALL, LARGE = 1_000, 100_000
FEWEST, MOST = 20, 1_000_000

# name -> (labelled pictures, similarity 0..1, why it lies there)
PRESETS = {
    "X-rays": (800, 0.2, "grey shadows, no objects; the sign is a faint change of texture"),
    "Retina scans": (35_000, 0.15, "one kind of picture, tiny signs, colours of their own"),
    "Camera traps": (3_000, 0.8, "animals in front of a background: objects, seen from afar"),
    "Circuit boards": (200, 0.3, "sharp objects, but from above, and the defects are small"),
    "Crop disease from satellites": (500, 0.1, "textures from above, channels that no photo has"),
}

# (size, similarity) -> what the rule of thumb names, why, and where the books part.
RULES = {
    ("small", "similar"): (
        "Feature extraction: freeze the backbone and train a new head.",
        "The features already fit, and a few labels are enough for a linear head but not for "
        "millions of weights.",
        "Some texts also unfreeze the last stage here, at a very small rate.",
    ),
    ("small", "different"): (
        "Fine-tune few layers at a small rate, or train a head on earlier features.",
        "The late features belong to the old classes; the early ones are general. Few labels allow "
        "few layers to change.",
        "The corner in which books disagree most: some say a linear classifier on early features, "
        "some the head and nothing else, some the last layers, some to collect more labels first.",
    ),
    ("medium", "similar"): (
        "Fine-tuning: the last stages and the head, then more of them.",
        "There are labels enough to adapt the late features, and little reason to touch the early "
        "ones.",
        "Some texts fine-tune everything from here on, with early rates ten times smaller.",
    ),
    ("medium", "different"): (
        "Full fine-tuning with small rates for the early stages.",
        "Every stage has something to change, and there are labels enough to steer it.",
        "How much smaller the early rates must be: a tenth, a hundredth, or 2.6 times per layer.",
    ),
    ("large", "similar"): (
        "Full fine-tuning with early rates about ten times smaller.",
        "With so many labels nothing is memorised, and a good start saves time.",
        "Whether the pretrained start still helps accuracy or only saves time (He et al. 2019).",
    ),
    ("large", "different"): (
        "Full fine-tuning at bold rates, or from scratch: compare the two.",
        "The labels can pay for features of their own; a pretrained start mostly saves time.",
        "Some texts say scratch here, some never; a measurement decides.",
    ),
}

# (size, similarity) -> the strategies that the rule names.
NAMED = {
    ("small", "similar"): ("feature extraction",),
    ("small", "different"): ("fine-tuning",),
    ("medium", "similar"): ("fine-tuning", "full fine-tuning"),
    ("medium", "different"): ("full fine-tuning",),
    ("large", "similar"): ("full fine-tuning",),
    ("large", "different"): ("full fine-tuning", "scratch"),
}
CLEAR = 0.02  # a lead that is worth a word
NO_WINNER = "no clear winner"


def caution(key: tuple[str, str], cell: dict) -> str:
    """What to say when a measured cell speaks against the rule, else an empty text."""
    means = cell["means"]
    named = max((means[n] for n in NAMED[key] if n in means), default=None)
    best = means[cell["best"]]
    if named is None or best - named < CLEAR:
        return ""
    ahead = sorted((n for n in means if best - means[n] < CLEAR), key=means.get, reverse=True)
    return (
        f"Here the rule of thumb fails: nearby, {' and '.join(ahead)} reached {best:.2f} and what "
        f"the rule names {named:.2f}. Try {' or '.join(ahead)} too, and let validation pictures "
        "decide."
    )


def told_winner(cell: dict) -> str:
    """The best strategy of a measured cell and its lead in points, or that none leads clearly."""
    best, *others = sorted(cell["means"].values(), reverse=True)
    if others and best - others[0] < CLEAR:
        return NO_WINNER
    lead = f" {100 * (best - others[0]):+.1f}" if others else ""
    return cell["best"] + lead


def zone(labels: int, similarity: float) -> tuple[str, str]:
    """("small" | "medium" | "large", "similar" | "different").

    labels: labelled pictures in all, 1 or more. similarity: 0 (nothing alike) to 1 (the same kind).
    Raises CourseError outside of these ranges.
    """
    if not isinstance(labels, (int, float)) or not labels >= 1:
        raise CourseError(f"labels must be 1 or more; got {labels!r}.")
    if not isinstance(similarity, (int, float)) or not 0 <= similarity <= 1:
        raise CourseError(f"similarity must lie between 0 and 1; got {similarity!r}.")
    size = "small" if labels < SMALL else "medium" if labels < LARGE else "large"
    return size, "similar" if similarity >= 0.5 else "different"


def advise(labels: int, similarity: float) -> dict:
    """What the rule of thumb says of a problem and what was measured nearest to it.

    Arguments as for `zone`. Gives size, similarity, advice, reason, dispute and measured: the
    nearest cell of C09's stored table (see `measured_cells`), or None where none is stored; and
    caution: what to say when that cell speaks against the rule.
    """
    size, alike = zone(labels, similarity)
    advice, reason, dispute = RULES[size, alike]
    cells = [cell for cell in measured_cells() if cell["similarity"] == alike]
    near = min(cells, key=lambda c: abs(math.log(c["train"] / labels)), default=None)
    return {"size": size, "similarity": alike, "advice": advice, "reason": reason,
            "dispute": dispute, "measured": near,
            "caution": caution((size, alike), near) if near else ""}  # fmt: skip


def measured_cells() -> list[dict]:
    """The cells of C09's stored full-size run as plain data, an empty list where none is stored.

    Each: task, metric, train (labels), similarity, means and spreads by strategy, best, verdict.
    """
    from course_lib.claims import stored_result
    from course_lib.claims.trials import advice

    try:
        rows = stored_result("C09").rows
    except CourseError:
        return []
    return [
        {
            "task": cell.task,
            "metric": f"test {advice.METRIC[cell.task]}",
            "train": cell.train,
            "similarity": cell.similarity,
            "means": cell.means,
            "spreads": cell.spreads,
            "best": cell.best,
            "verdict": cell.verdict,
        }
        for cell in advice.cells(rows)
    ]


class Advisor(LiveWidget):
    """The plane with a point on it. labels, similarity: where the problem lies, as for `zone`."""

    _esm = module("advisor")
    labels = traitlets.Int(800).tag(sync=True)
    similarity = traitlets.Float(0.2).tag(sync=True)
    info = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        zone(self.labels, self.similarity)
        names = ("feature extraction", "fine-tuning", "full fine-tuning", "scratch")
        self.info = {
            "small": SMALL,
            "large": LARGE,
            "range": [FEWEST, MOST],
            "presets": [
                {"name": name, "labels": n, "similarity": s, "why": why}
                for name, (n, s, why) in PRESETS.items()
            ],
            "rules": {" ".join(key): list(rule) for key, rule in RULES.items()},
            "cells": [
                {**cell, "cautions": {" ".join(k): caution(k, cell) for k in RULES}}
                for cell in measured_cells()
            ],
            "looks": looks(*names),
        }

    def figure(self):
        from matplotlib import pyplot as plt

        from course_lib.measure.figures import LOOKS, Look

        nobody = Look("#555555", "-", "d")
        fig, ax = plt.subplots(figsize=(9, 4.4))
        for edge in (SMALL, LARGE):
            ax.axvline(edge, color="#999999", lw=1)
        ax.axhline(0.5, color="#999999", lw=1)
        middles = {"small": (FEWEST * SMALL) ** 0.5, "medium": (SMALL * LARGE) ** 0.5,
                   "large": (LARGE * MOST) ** 0.5}  # fmt: skip
        short = {
            ("small", "similar"): "head only",
            ("small", "different"): "few layers,\nsmall rate",
            ("medium", "similar"): "last stages",
            ("medium", "different"): "all stages,\nsmall early rates",
            ("large", "similar"): "all stages",
            ("large", "different"): "all stages, boldly,\nor scratch",
        }
        for (size, alike), text in short.items():
            y = 0.93 if alike == "similar" else 0.43
            ax.text(middles[size], y, text, ha="center", va="top", fontsize=10.5, weight="bold",
                    color="#555555")  # fmt: skip
        for name, (labels, similarity, _) in PRESETS.items():
            ax.plot(labels, similarity, "o", color="#777777")
            ax.annotate(name, (labels, similarity), xytext=(7, -3), textcoords="offset points",
                        fontsize=9)  # fmt: skip
        measured = [told_winner(cell) for cell in self.info["cells"]]
        for cell, text in zip(self.info["cells"], measured, strict=True):
            look = nobody if text == NO_WINNER else LOOKS[cell["best"]]
            y = 0.62 if cell["similarity"] == "similar" else 0.04
            ax.plot(cell["train"], y, look.marker, color=look.color, ms=8)
            ax.annotate(text, (cell["train"], y), xytext=(8, -3), textcoords="offset points",
                        fontsize=9, color=look.color)  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlim(FEWEST, MOST)
        ax.set_ylim(0, 1)
        ax.set_yticks([0.08, 0.92], ["different", "similar"])
        ax.set_xlabel("labelled pictures")
        ax.set_title(
            "The usual rule of thumb"
            + (", and in colour what won where it was measured" if measured else "")
        )
        alt = "The plane of size and similarity. " + " ".join(
            f"{size} and {alike}: {RULES[size, alike][0]}" for size, alike in RULES
        )
        if measured:
            alt += " Measured: " + "; ".join(
                f"{cell['similarity']}, {cell['train']:,} labels: {text}"
                for cell, text in zip(self.info["cells"], measured, strict=True)
            )
            alt += "."
        return fig, alt
