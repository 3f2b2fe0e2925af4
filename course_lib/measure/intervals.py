"""How sure a number is: intervals that cover what they say, also with few draws.

Every function gives an `Estimate`. How often each interval covers the truth is simulated in
benchmarks/coverage.py; the table stands in docs/architecture.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

LEVEL = 0.95
POWER = 0.8


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    value, low, high: in the unit of what was measured. n: the draws (or pictures) behind it.
    p(threshold): two-sided probability of data as extreme if the truth were the threshold.
    error, freedom: standard error and degrees of freedom of Student's interval, else None.
    """

    value: float
    low: float
    high: float
    n: int
    p: Callable[[float], float]
    error: float | None = None
    freedom: float | None = None

    @property
    def told_apart(self) -> float:
        """The distance from a threshold that this much data tells apart four times in five."""
        if self.error is None or self.freedom is None:
            return (self.high - self.low) / 2
        t = stats.t(self.freedom)
        return float((t.ppf(0.5 + LEVEL / 2) + t.ppf(POWER)) * self.error)


def over_draws(values: Sequence[float]) -> Estimate:
    """Student's interval of the mean of independent draws.

    One draw says nothing about the next: its interval is infinitely wide.
    """
    found = np.asarray(values, float)
    if len(found) < 2:
        return Estimate(float(found.mean()), -np.inf, np.inf, len(found), lambda threshold: 1.0)
    error = float(found.std(ddof=1) / len(found) ** 0.5)
    return _student(float(found.mean()), error, len(found) - 1, len(found))


def over_clusters(values: Sequence[float], clusters: Sequence) -> Estimate:
    """Student's interval of the mean of draws that are nested in clusters, such as the pretrained
    nets that they start from: the clusters' means count as draws.

    Draws on one net are alike in what is particular to it, so ten of them are not ten draws.
    """
    found, names = np.asarray(values, float), np.asarray(clusters)
    means = [found[names == name].mean() for name in dict.fromkeys(names.tolist())]
    whole = over_draws(means)
    return Estimate(whole.value, whole.low, whole.high, len(found), whole.p, whole.error,
                    whole.freedom)  # fmt: skip


def over_draws_and_pictures(values: np.ndarray) -> Estimate:
    """The interval of a mean over draws that were all measured on the same test pictures.

    values: (draws, pictures), such as right minus right, -1, 0 or 1. Draws and pictures vary in
    their own right: the variance is that of the draws' means plus that of the pictures' means
    less what both count (Cameron, Gelbach and Miller 2011, section 2.2), and at least each alone.
    """
    found = np.asarray(values, float)
    draws, pictures = found.shape
    if draws < 2 or pictures < 2:
        return Estimate(float(found.mean()), -np.inf, np.inf, draws, lambda threshold: 1.0)
    by_draw = found.mean(1).var(ddof=1) / draws
    by_picture = found.mean(0).var(ddof=1) / pictures
    both = found.var(ddof=1) / found.size
    variance = max(by_draw + by_picture - both, by_draw, by_picture)
    return _student(float(found.mean()), float(variance**0.5), draws - 1, draws)


def share(successes: Sequence[bool]) -> Estimate:
    """Clopper and Pearson's exact interval of a share: right at 0 % and 100 % too."""
    found = np.asarray(successes, bool)
    count, n = int(found.sum()), len(found)
    low, high = stats.binomtest(count, n).proportion_ci(LEVEL, "exact")
    return Estimate(
        count / n, float(low), float(high), n,
        lambda threshold: float(stats.binomtest(count, n, threshold).pvalue),
    )  # fmt: skip


def auc(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None) -> Estimate:
    """The area under the ROC curve with DeLong's variance, on the logit scale.

    scores: (n,) higher for positives. labels: (n,) 0 or 1. groups: (n,) such as patients, whose
    pictures are not independent (Obuchowski 1997). The logit keeps the interval within 0 and 1; an
    area of exactly 0 or 1 gets half a pair of doubt.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels)
    positive, negative = scores[labels == 1], scores[labels == 0]
    m, n = len(positive), len(negative)
    if m < 2 or n < 2:
        raise ValueError(f"An AUC needs two pictures of each class or more, got {m} and {n}.")
    ranks = stats.rankdata(scores)
    inside_positive = stats.rankdata(positive)
    inside_negative = stats.rankdata(negative)
    # For each positive the share of negatives below it, and the other way round.
    of_positive = (ranks[labels == 1] - inside_positive) / n
    of_negative = 1 - (ranks[labels == 0] - inside_negative) / m
    area = float(of_positive.mean())
    if groups is None:
        variance = of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n
        clusters = min(m, n)
    else:
        influence = np.empty(len(scores))
        influence[labels == 1] = (of_positive - area) / m
        influence[labels == 0] = (of_negative - area) / n
        names, where = np.unique(np.asarray(groups), return_inverse=True)
        sums = np.bincount(where, influence)
        variance = len(names) / (len(names) - 1) * float((sums**2).sum())
        held = [len(np.unique(where[labels == label])) for label in (0, 1)]
        clusters = min(held)
    doubt = 0.5 / (m * n)
    kept = min(max(area, doubt), 1 - doubt)
    spread = max(float(variance) ** 0.5, doubt) / (kept * (1 - kept))
    t = stats.t(max(1, clusters - 1))
    middle, half = special.logit(kept), t.ppf(0.5 + LEVEL / 2) * spread
    return Estimate(
        area, float(special.expit(middle - half)), float(special.expit(middle + half)), m + n,
        lambda threshold: float(2 * t.sf(abs(middle - special.logit(threshold)) / spread)),
    )  # fmt: skip


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: the chance that any of them misleads stays below each one's value.

    Compare each with 0.05, as a single one (Holm 1979).
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted.tolist()


def _student(value: float, error: float, freedom: float, n: int) -> Estimate:
    t = stats.t(freedom)
    half = float(t.ppf(0.5 + LEVEL / 2)) * error

    def p(threshold: float) -> float:
        if error == 0:
            return 1.0 if value == threshold else 0.0
        return float(2 * t.sf(abs(value - threshold) / error))

    return Estimate(value, value - half, value + half, n, p, error, freedom)
