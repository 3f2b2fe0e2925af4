"""What a claim is about, as data: one number per draw, computed from rows.

    test = value("test", strategy="feature extraction") - value("test", strategy="scratch")
    test(rows)            # a Series, one number per draw, in the order of the draws

Rows are a DataFrame: one line per trial, what it was asked and what was measured.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

DRAW = "seed"  # which draw of labels and pictures
NET = "pretraining"  # which pretrained net, where a claim has several


class NotMeasured(LookupError):
    """The rows hold nothing of the kind that a quantity asks for."""


@dataclass(frozen=True)
class Quantity:
    """One number per draw. Quantities add, subtract and divide draw by draw.

    of: rows -> Series by draw. leads: (column, settings) of the terms that it grows with; a test
    plants numbers there.
    """

    of: Callable[[pd.DataFrame], pd.Series]
    leads: tuple[tuple[str, Mapping[str, object]], ...]

    def __call__(self, rows: pd.DataFrame) -> pd.Series:
        return self.of(rows)

    def __sub__(self, other: "Quantity | float") -> "Quantity":
        return self._with(other, operator.sub)

    def __add__(self, other: "Quantity | float") -> "Quantity":
        return self._with(other, operator.add)

    def __truediv__(self, other: "Quantity | float") -> "Quantity":
        return self._with(other, operator.truediv)

    def __neg__(self) -> "Quantity":
        return Quantity(lambda rows: -self.of(rows), self.leads)

    def _with(self, other: "Quantity | float", join: Callable) -> "Quantity":
        def of(rows: pd.DataFrame) -> pd.Series:
            mine = self.of(rows)
            if not isinstance(other, Quantity):
                return join(mine, other)
            theirs = other.of(rows)
            if not mine.index.equals(theirs.index):
                raise NotMeasured(
                    f"draws {list(mine.index)} have one side of a pair, {list(theirs.index)} the "
                    "other"
                )
            return join(mine, theirs)

        return Quantity(of, self.leads)


def value(column: str, where: Mapping[str, object] | None = None, **more) -> Quantity:
    """A measured column of the one row that each draw has under these settings.

    where, more: setting -> its value; or a function that picks one of the values that the rows
    have, such as train=max for the most labels. Nested entries are named with dots: "skill.layer4".
    """
    wanted = {**(where or {}), **more}

    def of(rows: pd.DataFrame) -> pd.Series:
        found = pick(rows, wanted)
        if column not in found:
            raise NotMeasured(f"no column {column!r}")
        found = found[found[column].notna()]
        if found.empty:
            raise NotMeasured(f"no {column!r} where {_said(wanted)}")
        return by_draw(found, column, wanted)

    return Quantity(of, ((column, wanted),))


def chosen(
    column: str,
    by: str = "validation",
    where: Mapping[str, object] | None = None,
    **more,
) -> Quantity:
    """A measured column of the row that `by` prefers among those that each draw has.

    Never choose by what is reported: `by` must not be a test score.
    """
    wanted = {**(where or {}), **more}

    def of(rows: pd.DataFrame) -> pd.Series:
        found = pick(rows, wanted).dropna(subset=[by])
        if found.empty:
            raise NotMeasured(f"no {by!r} where {_said(wanted)}")
        best = found.loc[found.groupby(_keys(found), sort=True)[by].idxmax()]
        return by_draw(best, column, wanted)

    return Quantity(of, ((column, wanted),))


def mean_of(*quantities: Quantity) -> Quantity:
    """Draw by draw the mean of several quantities."""
    return sum(quantities[1:], quantities[0]) / len(quantities)


def lowest(*quantities: Quantity) -> Quantity:
    """Draw by draw the least of several quantities: it lies above a threshold when all do."""
    return _extreme(quantities, "min")


def highest(*quantities: Quantity) -> Quantity:
    """Draw by draw the greatest of several quantities."""
    return _extreme(quantities, "max")


def best_on_average(*quantities: Quantity, by: Sequence[Quantity]) -> Quantity:
    """Of the quantities that the rows have, the one whose companion in `by`, such as the validation
    score to a test score, has the highest mean: one for all draws.

    Never choose by what is reported: `by` must not hold a test score.
    """

    def of(rows: pd.DataFrame) -> pd.Series:
        found = []
        for one, companion in zip(quantities, by, strict=True):
            try:
                found.append((companion.of(rows).mean(), one.of(rows)))
            except NotMeasured:
                continue
        if not found:
            raise NotMeasured("none of the quantities to choose among")
        return max(found, key=lambda pair: pair[0])[1]

    return Quantity(of, sum((one.leads for one in quantities), ()))


def _extreme(quantities: tuple[Quantity, ...], which: str) -> Quantity:
    def of(rows: pd.DataFrame) -> pd.Series:
        return getattr(pd.concat([one.of(rows) for one in quantities], axis=1), which)(axis=1)

    return Quantity(of, sum((one.leads for one in quantities), ()))


def pick(rows: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """The rows whose settings equal all of `where`; see value."""
    found = rows
    for name, wanted in where.items():
        if name not in found:
            raise NotMeasured(f"no setting {name!r}")
        if callable(wanted):
            known = found[name].dropna()
            if known.empty:
                raise NotMeasured(f"no row of which to pick {name!r}")
            wanted = wanted(known)
        found = found[found[name] == wanted]
    return found


def by_draw(rows: pd.DataFrame, column: str, where: Mapping[str, object]) -> pd.Series:
    """A column with the draws as its index, sorted. Raises ValueError for two rows of one draw."""
    series = rows.set_index(_keys(rows))[column].sort_index()
    if series.index.has_duplicates:
        twice = series.index[series.index.duplicated()][0]
        raise ValueError(
            f"Draw {twice} has several rows where {_said(where)}: name the setting that differs."
        )
    return series.astype(float) if series.map(np.isscalar).all() else series


def _keys(rows: pd.DataFrame) -> list[str]:
    return [NET, DRAW] if NET in rows and rows[NET].notna().all() else [DRAW]


def _said(where: Mapping[str, object]) -> str:
    return ", ".join(f"{name} is {wanted!r}" for name, wanted in where.items()) or "anything"
