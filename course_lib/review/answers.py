"""Do probabilities mean what they say, as far as so many pictures can tell?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_lib.errors import CourseError
from course_lib.measure import intervals
from course_lib.review.finding import Finding

BINS = 10
MATTERS = 0.05  # an error of calibration below this changes no decision
TOO_FEW = 0.10  # when luck alone may look like so much, there are too few pictures to say
DRAWS = 2000


@dataclass(frozen=True)
class Sureness:
    """How sure a model is and how often it is right.

    error: expected calibration error of the named class in ten bins (Naeini et al. 2015). luck:
    what this error stays below in 95 of 100 draws when every probability is right (it is never 0).
    gap: mean probability minus accuracy, above 0: too sure; low, high: its 95 % interval, over
    groups where there are some. pictures: how many.
    """

    error: float
    luck: float
    gap: float
    low: float
    high: float
    pictures: int


def sureness(probabilities, labels, groups: Sequence | None = None) -> Sureness:
    """probabilities: (n, classes), rows that sum to 1, or (n,) of class 1 of two. labels: whole
    numbers (n,). groups: such as patients, whose pictures are not independent."""
    p, truth = _checked(probabilities, labels)
    sure = p.max(1)
    right = (p.argmax(1) == truth).astype(float)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    chances = np.random.default_rng(0).random((DRAWS, len(sure))) < sure
    luck: float = np.quantile([_error(sure, one.astype(float), places) for one in chances], 0.95)
    gaps = sure - right
    if groups is None:
        found = intervals.over_draws(gaps)
    else:
        if len(groups) != len(gaps):
            raise CourseError(f"{len(gaps)} pictures and {len(groups)} groups; one for each.")
        found = intervals.over_clusters(gaps, groups)
    return Sureness(
        _error(sure, right, places), float(luck), float(gaps.mean()), found.low, found.high,
        len(gaps),
    )  # fmt: skip


def _error(sure: np.ndarray, right: np.ndarray, places: np.ndarray) -> float:
    return float(np.abs(np.bincount(places, sure - right, BINS)).sum() / len(sure))


def _checked(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    try:
        p, truth = np.asarray(probabilities, float), np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise CourseError(f"Probabilities are numbers: {error}.") from error
    if p.ndim == 1:
        p = np.stack([1 - p, p], 1)
    if p.ndim != 2 or truth.shape != p.shape[:1] or len(p) < 2 or p.shape[1] < 2:
        raise CourseError(
            f"Give probabilities (n, classes) and labels (n,); got {p.shape} and {truth.shape}."
        )
    if not ((p >= 0) & (p <= 1)).all() or not np.allclose(p.sum(1), 1, atol=1e-3):
        raise CourseError("Probabilities of a picture lie between 0 and 1 and sum to 1: softmax.")
    whole = np.issubdtype(truth.dtype, np.integer)
    if not whole or truth.min() < 0 or truth.max() >= p.shape[1]:
        raise CourseError(f"Labels are whole numbers from 0 to {p.shape[1] - 1}.")
    return p, truth


def calibration(probabilities, labels, groups: Sequence | None = None) -> tuple[Finding, ...]:
    """Probabilities that promise too much or too little; arguments as for `sureness`."""
    found = sureness(probabilities, labels, groups)
    told = (
        f"The expected calibration error is {found.error:.3f} on {found.pictures} pictures, where "
        f"right probabilities would show up to {found.luck:.3f} by luck"
    )
    if found.error >= MATTERS and found.error > found.luck:
        way = (
            f"too sure by {100 * found.gap:.0f} points"
            if found.low > 0
            else f"too careful by {-100 * found.gap:.0f} points"
            if found.high < 0
            else "too sure here and too careful there"
        )
        return (
            Finding(
                "calibration",
                f"{told}: {way} (95 % interval of the mean gap {found.low:+.3f} to "
                f"{found.high:+.3f}).",
                "A threshold for a cost believes the probabilities. Fit a temperature on "
                "validation pictures.",
                "06",
            ),
        )
    if found.luck > TOO_FEW:
        return (
            Finding(
                "calibration",
                f"{told}: too few to say.",
                "Measure calibration on more pictures, or don't promise probabilities.",
                "06",
                open=True,
            ),
        )
    return ()
