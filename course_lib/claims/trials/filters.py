"""The first filters of a net: how many look like edges or blobs, and how many do by chance?"""

import pandas as pd

from course_lib.claims.trials.stages import PRETRAINED, UNTRAINED
from course_lib.claims.trials.transfer import backbone
from course_lib.lab.plots import Dots, summary, told
from course_lib.lab.quantities import DRAW
from course_lib.see import first_filters, orientation_selectivity, smoothness

MEASURES = ["selectivity", "smoothness"]
LIMIT = 0.99  # what this share of random filters stay below
TOLD = {
    "selectivity": "orientation selectivity",
    "smoothness": "smoothness",
    "oriented": "share oriented beyond random filters",
    "structured": "share oriented or smooth beyond them",
}


def filters(trial: dict) -> dict:
    """Orientation selectivity and smoothness of every filter of the first layer.

    trial: net, seed (of the random weights; the pretrained net has none).
    """
    net = backbone() if trial["net"] == PRETRAINED else backbone().fresh(trial["seed"])
    weights = first_filters(net)
    return {
        "selectivity": orientation_selectivity(weights).tolist(),
        "smoothness": smoothness(weights).tolist(),
    }


def set_against_random(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per filter, each a draw of its own: there is one pretrained net, and what varies is
    its filters. Columns oriented, structured: 1 for a filter that is beyond `LIMIT` of the random
    ones in selectivity, in either measure; the limits themselves as "limit of ..."."""
    found = rows.explode(MEASURES, ignore_index=True).astype(dict.fromkeys(MEASURES, float))
    limits = found.loc[found["net"] == UNTRAINED, MEASURES].quantile(LIMIT)
    beyond = found[MEASURES] > limits
    return found.assign(
        oriented=beyond["selectivity"].astype(float),
        structured=beyond.any(axis=1).astype(float),
        **{f"limit of {name}": limits[name] for name in MEASURES},
        **{DRAW: found.groupby("net").cumcount()},
    )


def structured_share(rows: pd.DataFrame) -> float:
    """Share of the pretrained filters that are oriented or smooth beyond random ones."""
    found = set_against_random(rows)
    return float(found.loc[found["net"] == PRETRAINED, "structured"].mean())


class FilterDots(Dots):
    """A point per filter, and the lines that random filters stay left of and below."""

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        return summary(rows, ["net"], TOLD)

    def alt(self, rows: pd.DataFrame) -> str:
        return f"Every filter as a point, {self.y[1]} against {self.x[1]}. Means: " + told(
            self.table(rows), TOLD
        )

    def draw(self, rows: pd.DataFrame):
        fig = super().draw(rows)
        ax = fig.axes[0]
        at = [rows[f"limit of {name}"].iloc[0] for name in MEASURES]
        ax.axvline(at[0], color="#555555", lw=1, ls="--")
        ax.axhline(at[1], color="#555555", lw=1, ls="--")
        return fig
