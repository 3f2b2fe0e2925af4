"""The shared figures: drawn, and told in words and in a table."""

import numpy as np
import pandas as pd
import pytest

from course_lib.lab.plots import Bars, Dots, Grid, Lines, in_order
from course_lib.measure.figures import style

ROWS = pd.DataFrame(
    [
        {"strategy": name, "train": train, "seed": seed, "task": task,
         "test": 0.5 + 0.1 * seed + 0.001 * train, "source": 0.9 - 0.1 * seed}
        for name in ("scratch", "fine-tuning")
        for train in (10, 100)
        for task in ("digits", "shapes")
        for seed in (0, 1)
    ]
    + [{"strategy": "pixel logistic regression", "train": 100, "seed": 0, "task": "digits",
        "test": 0.2, "source": np.nan}]
)  # fmt: skip
SCORES = {"test": "new task", "source": "source task"}
PLOTS = [
    Bars("strategy", SCORES, "{train} labels", facet="task"),
    Bars("strategy", {"test": "seconds"}, logs=("test",)),
    Lines("train", SCORES, "strategy", "Less data", facet="task", log=True, xlabel="labels"),
    Lines("train", {"test": "accuracy"}),
    Dots(("source", "source task"), ("test", "new task"), "strategy", facet="task"),
    Dots(("source", "source task"), ("test", "new task"), along="train"),
    Grid("strategy", "train", ("test", "accuracy"), facet="task"),
]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: type(plot).__name__)
def test_every_figure_draws_and_tells_the_same_means(plot):
    from matplotlib import pyplot as plt

    table, alt = plot.table(ROWS), plot.alt(ROWS)
    with style():
        figure = plot.draw(ROWS)
        figure.canvas.draw()
    assert all(np.isfinite(ax.get_xlim()).all() for ax in figure.axes)
    assert all(ax.get_xlabel() for ax in figure.axes if ax.has_data())
    plt.close(figure)
    means = [column for column in table if str(column).endswith("mean")]
    first = table[means[0]].iloc[0]
    assert f"{first:.2f}" in alt and alt.endswith(".")


def test_the_table_of_bars_is_right_by_hand():
    table = Bars("strategy", {"test": "accuracy"}).table(ROWS[ROWS["train"] == 100])
    scratch = table.set_index("strategy").loc["scratch"]
    assert scratch["mean"] == pytest.approx(0.65) and scratch["count"] == 4
    assert (scratch["min"], scratch["max"]) == pytest.approx((0.6, 0.7))


def test_baselines_come_last_whatever_the_order_of_the_rows():
    names = pd.Series(["random frozen backbone", "b", "a", "b"])
    assert in_order(names, ["a"]) == ["a", "b", "random frozen backbone"]


def test_what_was_not_measured_leaves_no_words():
    assert "pixel logistic regression" not in Bars("strategy", {"source": "source"}).alt(ROWS)


def test_there_are_no_bars_on_a_logarithmic_axis_where_a_length_means_nothing():
    from matplotlib import pyplot as plt

    plot = Bars("strategy", {"test": "seconds", "source": "source"}, logs=("test",))
    logarithmic, linear = plot.draw(ROWS).axes
    assert not logarithmic.patches and len(linear.patches) == 2
    plt.close("all")
