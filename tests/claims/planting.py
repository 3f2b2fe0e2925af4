"""Rows planted so that a part's quantity stands where a test wants it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from course_lib.lab.quantities import NET, by_draw, pick
from course_lib.lab.verdicts import Part

# Parts whose quantity is not moved by adding to a column: (tag, part) -> (rows, target) -> rows.
CUSTOM: dict[tuple[str, str], Callable[[pd.DataFrame, float], pd.DataFrame]] = {}


def planted(part: Part, rows: pd.DataFrame, target: float) -> pd.DataFrame:
    """Tidy rows in which every draw of the part's quantity is `target`, give or take a little.

    In each draw the columns that lead the quantity are moved by one amount, which is looked for.
    """

    def quantity(rows: pd.DataFrame) -> pd.Series:
        return part.quantity(rows).map(np.mean)  # where a draw has an entry per picture

    draws = quantity(rows).index
    wanted = target + pd.Series(jitter(len(draws)), draws) * 1e-4 * max(1e-2, abs(target))
    low, high = pd.Series(-1.0, draws), pd.Series(1.0, draws)
    for _ in range(60):  # widen until every draw is bracketed
        if (quantity(moved(part.quantity, rows, low)) > wanted).any():
            low *= 2
        elif (quantity(moved(part.quantity, rows, high)) < wanted).any():
            high *= 2
        else:
            break
    for step in range(120):  # most quantities are straight lines: try that, then halve
        middle = (low + high) / 2
        if step % 2 == 0:
            at_low, at_high = (quantity(moved(part.quantity, rows, end)) for end in (low, high))
            straight = low + (high - low) * (wanted - at_low) / (at_high - at_low)
            middle = straight.where(at_low < at_high, middle)
        value = quantity(moved(part.quantity, rows, middle))
        if np.allclose(value, wanted, rtol=0, atol=1e-9):
            break
        low, high = low.where(value >= wanted, middle), high.where(value < wanted, middle)
    found = moved(part.quantity, rows, middle)
    np.testing.assert_allclose(quantity(found), wanted, atol=1e-6)
    return found


def moved(quantity, rows: pd.DataFrame, amounts: pd.Series) -> pd.DataFrame:
    rows = rows.copy()
    for column, lines in {(c, tuple(pick(rows, w).index)) for c, w in quantity.leads}:
        chosen = rows.loc[list(lines)]
        keys = [NET, "seed"] if NET in chosen and chosen[NET].notna().all() else ["seed"]
        added = pd.MultiIndex.from_frame(chosen[keys]) if len(keys) > 1 else chosen["seed"]
        amount = amounts.reindex(added).fillna(0).to_numpy()
        if chosen[column].map(np.isscalar).all():
            rows[column] = rows[column].astype(float)
            rows.loc[list(lines), column] += amount
        else:  # an entry per picture: made all alike, so that pictures add no spread
            rows[column] = rows[column].map(
                lambda one: one if np.isscalar(one) else np.full(len(one), one.mean())
            )
            for line, more in zip(lines, amount, strict=True):
                rows.at[line, column] = rows.at[line, column] + more
    return rows


def jitter(n: int) -> np.ndarray:
    """-1, 1, -1, ... with mean 0: draws that differ a little."""
    signs = np.where(np.arange(n) % 2, 1.0, -1.0)
    return signs - signs.mean()


__all__ = ["CUSTOM", "by_draw", "planted"]
