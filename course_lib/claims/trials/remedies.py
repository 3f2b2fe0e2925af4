"""Rows of C19 read plainly: what each method keeps of the old task, and at what price.

No verdict comes from here. A lesson shows it beside the verdict, and it looks at test pictures.
"""

import pandas as pd

from course_lib.claims.trials.forgetting import PLAIN

SETTINGS = ("setting", "strength", "lr", "rate", "head_lr_ratio", "share", "strategy.lr",
            "strategy.head_lr_ratio")  # fmt: skip


def points(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over draws of every method at each of its settings: method, new, old (0..1).

    rows: with method, test (new task), source (old task) and some of SETTINGS; those without a
    source accuracy (baselines) are left out.
    """
    rows = rows.dropna(subset=["source"])
    keys = ["method", *(name for name in SETTINGS if name in rows)]
    means = rows.groupby(keys, dropna=False, sort=False)[["test", "source"]].mean()
    return means.reset_index()[["method", "test", "source"]].set_axis(
        ["method", "new", "old"], axis=1
    )


def spans(rows: pd.DataFrame) -> pd.DataFrame:
    """By method: new_best and old_there, where it learns the new task best; old_best and new_there,
    where it keeps most of the old one."""
    at = points(rows)
    learnt = at.loc[at.groupby("method")["new"].idxmax()].set_index("method")
    kept = at.loc[at.groupby("method")["old"].idxmax()].set_index("method")
    return pd.DataFrame({
        "new_best": learnt["new"], "old_there": learnt["old"],
        "old_best": kept["old"], "new_there": kept["new"],
    })  # fmt: skip


def at_equal(rows: pd.DataFrame, cost: float = 0.01) -> pd.Series:
    """By method the most that is kept of the old task by a setting that is at most `cost` below the
    best mean of plain fine-tuning on the new task; NaN where no setting is."""
    at = points(rows)
    level = at.loc[at["method"] == PLAIN, "new"].max() - cost
    kept = at[at["new"] >= level].groupby("method")["old"].max()
    return kept.reindex(at["method"].unique())
