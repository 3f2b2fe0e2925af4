"""Parts of a claim, each a quantity with a threshold, and what rows say of them.

A part is decided by where the whole 95 % interval of its quantity lies:

    above the threshold             holds
    below it                        does not hold here
    below it, but within +-matters  no difference that matters
    across it                       undecided (with what this much data could have told apart)

`below` is the same the other way round. `within` asks for equality: the interval inside +-within
holds, wholly outside refutes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from course_lib.errors import CourseError
from course_lib.lab.quantities import NET, NotMeasured, Quantity
from course_lib.measure import intervals
from course_lib.measure.intervals import Estimate

HOLDS, REFUTED = "holds", "does not hold here"
NO_DIFFERENCE, UNDECIDED = "no difference that matters", "undecided"
VERDICTS = (HOLDS, REFUTED, NO_DIFFERENCE, UNDECIDED)


@dataclass(frozen=True)
class Unit:
    """How numbers of a kind are said. scale: what they are multiplied with first."""

    scale: float = 1.0
    digits: int = 2
    name: str = ""

    def __call__(self, number: float, named: bool = True) -> str:
        if not np.isfinite(number):
            return "any value" if named else ("-∞" if number < 0 else "∞")
        return f"{self.scale * number:z.{self.digits}f}{self.name if named else ''}"


POINTS = Unit(100, 1, " points")
SHARE = Unit(100, 0, " %")
TIMES = Unit(1, 1, " times")
PLAIN = Unit()


def student(values: pd.Series) -> Estimate:
    """The usual interval: over draws; over pretrained nets where there are several; over draws and
    pictures where every draw holds an array with an entry per test picture."""
    if NET in values.index.names and values.index.get_level_values(NET).nunique() > 1:
        # Nets lie further apart than what pictures that they share add to the doubt.
        return intervals.over_clusters(values.map(np.mean), values.index.get_level_values(NET))
    if len(values) and not np.isscalar(values.iloc[0]):
        return intervals.over_draws_and_pictures(np.stack(list(values)))
    return intervals.over_draws(values)


def exact(values: pd.Series) -> Estimate:
    """The exact interval of a share; the values are 0 and 1, one per thing that was counted."""
    return intervals.share(np.concatenate([np.atleast_1d(v) for v in values]) > 0.5)


@dataclass(frozen=True)
class Part:
    """One thing that a claim says, and when it counts as so.

    name: what is measured, such as "frozen minus scratch, test accuracy". One of above, below and
    within is given, in the unit of the quantity. matters: a difference this small does not matter.
    interval: how sure the number is, from the values of the draws.
    """

    name: str
    quantity: Quantity
    above: float | None = None
    below: float | None = None
    within: float | None = None
    matters: float = 0.0
    unit: Unit = POINTS
    interval: Callable[[pd.Series], Estimate] = student

    def __post_init__(self):
        given = [side for side in (self.above, self.below, self.within) if side is not None]
        if len(given) != 1:
            raise CourseError(f"{self.name}: give one of above, below and within, not {given}.")

    @property
    def asked(self) -> str:
        """Where the interval must lie, in words."""
        if self.within is not None:
            return f"within ±{self.unit(self.within)}"
        side, threshold = ("above", self.above) if self.above is not None else ("below", self.below)
        return f"{side} {self.unit(threshold or 0.0)}"

    @property
    def rule(self) -> str:
        """When it holds, in words."""
        return f"{self.name}: {self.asked}"

    @property
    def threshold(self) -> float:
        """The value whose p-value counts."""
        return next(t for t in (self.above, self.below, self.within) if t is not None)


@dataclass(frozen=True)
class Judgement:
    """What rows say of a part."""

    part: Part
    estimate: Estimate
    verdict: str

    @property
    def p(self) -> float:
        """Two-sided probability of such data if the truth lay at the threshold."""
        if self.part.within is not None:
            return max(self.estimate.p(self.part.within), self.estimate.p(-self.part.within))
        return self.estimate.p(self.part.threshold)

    @property
    def interval(self) -> str:
        """The 95 % interval in the part's unit; a dash where there is one measurement."""
        unit, found = self.part.unit, self.estimate
        return f"{unit(found.low, False)} to {unit(found.high, False)}" if found.n > 1 else "–"

    @property
    def told_apart(self) -> str:
        """What this much data tells from the threshold, where that is open, or nothing."""
        open_ = self.verdict == UNDECIDED and np.isfinite(self.estimate.told_apart)
        return self.part.unit(self.estimate.told_apart) if open_ else ""

    @property
    def sentence(self) -> str:
        unit, found = self.part.unit, self.estimate
        what = f"{self.part.name}: {unit(found.value)}"
        if not np.isfinite(found.low):
            return f"{what} in one draw, too few to judge"
        if found.n < 2:
            return f"{what} (measured once)"
        sure = f"95 % interval {self.interval}, n = {found.n}"
        could = f"; could have told apart {self.told_apart}" if self.told_apart else ""
        return f"{what} ({sure}{could})"


def judge_part(part: Part, rows: pd.DataFrame) -> Judgement:
    """Raises NotMeasured when the rows lack what the part asks for."""
    estimate = part.interval(part.quantity(rows))
    return Judgement(part, estimate, _verdict(part, estimate))


def _verdict(part: Part, found: Estimate) -> str:
    if part.within is not None:
        if -part.within < found.low and found.high < part.within:
            return HOLDS
        outside = found.low > part.within or found.high < -part.within
        return REFUTED if outside else UNDECIDED
    low, high, threshold = found.low, found.high, part.above
    if part.below is not None:  # the same, seen from the other side
        low, high, threshold = -found.high, -found.low, -part.below
    assert threshold is not None
    if low > threshold:
        return HOLDS
    if high >= threshold:
        return UNDECIDED
    return NO_DIFFERENCE if -part.matters < low and high < part.matters else REFUTED


def together(verdicts: Sequence[str]) -> str:
    """The verdict of a claim whose parts must all hold: one that is refuted refutes it. That there
    is no difference that matters is said only where every refuted part says so, and none is open.
    """
    found = set(verdicts)
    if NO_DIFFERENCE in found and not found & {REFUTED, UNDECIDED}:
        return NO_DIFFERENCE
    if found & {REFUTED, NO_DIFFERENCE}:
        return REFUTED
    return HOLDS if found == {HOLDS} else UNDECIDED


def judge_parts(parts: Sequence[Part], rows: pd.DataFrame, all_of_them: bool) -> list[Judgement]:
    """A judgement per part. A small run has no rows for some parts: they are left out, unless
    all_of_them are asked for; then NotMeasured is raised."""
    judged = []
    for part in parts:
        try:
            judged.append(judge_part(part, rows))
        except NotMeasured as error:
            if all_of_them:
                raise NotMeasured(f"{part.name}: {error}") from error
    return judged
