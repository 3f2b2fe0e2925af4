"""Means with their spread, and verdicts that respect it."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's confidence interval of the mean; infinitely wide for a single value."""
    found = np.asarray(values, float)
    if len(found) < 2:
        return -np.inf, np.inf
    half = stats.t.ppf(0.5 + level / 2, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5
    return float(found.mean() - half), float(found.mean() + half)


def above(differences: Sequence[float], threshold: float = 0.0) -> str:
    """Is the mean of paired differences above a threshold?

    "holds" when the whole 95 % interval lies above it, "does not hold here" when it lies below,
    else "undecided".
    """
    low, high = interval(differences)
    if low > threshold:
        return "holds"
    return "does not hold here" if high < threshold else "undecided"


def together(verdicts: Sequence[str]) -> str:
    """The verdict of a claim with several parts, each of which has its own."""
    kinds = set(verdicts)
    if len(kinds) == 1:
        return kinds.pop()
    return "undecided" if kinds == {"undecided", "does not hold here"} else "holds in part"


def points(value: float) -> str:
    """0.4235 as "42.4 points"; no minus before a zero."""
    return f"{100 * value:z.1f} points"


def with_spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds: "0.912 ± 0.013"."""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else " (one seed)"
    return f"{np.mean(values):.3f}{spread}"
