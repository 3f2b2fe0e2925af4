"""What trials of domain adaptation share: methods by name, and how much of a gap each closes."""

from dataclasses import replace

import pandas as pd

from course_lib.adaptation import Method, methods

SOURCE, ADABN, TENT, ORACLE = "source only", "AdaBN", "TENT", "oracle"
CORAL, MMD, DANN = "CORAL", "MMD", "DANN"
SELF, BOTH = "self-training", "DANN + self-training"
TRANSLATION, CONTINUED = "translation", "continued pretraining"
HEAD_ONLY = "feature extraction"


def method_of(name: str, **changes) -> Method:
    """The method with this name, with some of its fields changed."""
    return replace(next(m for m in methods.ALL if m.name == name), **changes)


def with_gap(rows: pd.DataFrame) -> pd.DataFrame:
    """One more column, closed: the share of the gap between source-only and oracle that a method
    closed in its draw. NaN where a draw lacks one of the two."""
    low, high = (
        rows["seed"].map(rows[rows["method"] == end].set_index("seed")["test"])
        for end in (SOURCE, ORACLE)
    )
    return rows.assign(closed=(rows["test"] - low) / (high - low))


def ranked(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """One more column, place: 1 for the adaptation method with the highest mean of `by`, 2 for the
    next, and so on. NaN for what frames them: source-only, oracle and a new head alone."""
    rivals = rows[~rows["method"].isin((SOURCE, ORACLE, HEAD_ONLY))]
    means = rivals.groupby("method", sort=False)[by].mean().dropna()
    order = means.sort_values(ascending=False, kind="stable").index
    places = {name: float(place) for place, name in enumerate(order, 1)}
    return rows.assign(place=rows["method"].map(places))
