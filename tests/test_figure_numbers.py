"""What a chart shows can be read as numbers, too."""

import matplotlib

matplotlib.use("agg")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

from course_lib.measure import figures, tables  # noqa: E402


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def only(ax):
    ((title, table),) = tables.numbers(ax.figure)
    return title, table


def test_two_lines_over_the_same_places_are_two_columns(ax):
    ax.plot([1, 2, 4], [0.1, 0.2, 0.3], label="frozen")
    ax.plot([2, 1], [0.6, 0.5], label="scratch")
    ax.set(xlabel="labels", title="Fewer")
    title, table = only(ax)
    assert title == "Fewer" and list(table) == ["labels", "frozen", "scratch"]
    assert table["labels"].tolist() == [1, 2, 4]
    assert table["scratch"].tolist()[:2] == [0.5, 0.6] and np.isnan(table["scratch"][2])
    assert tables.markdown_table(table).splitlines()[-1] == "| 4 | 0.3 |  |"


def test_words_along_an_axis_are_told_as_words_and_numbers_as_numbers(ax):
    ax.plot(["stem", "layer1"], [1.0, 2.0], label="one")
    assert only(ax)[1]["at"].tolist() == ["stem", "layer1"]
    other = ax.figure.add_axes((0, 0, 1, 1))
    other.bar([0, 1], [3, 4])
    other.set_xticks([0, 1], ["a", "b"])
    other.set_ylabel("how many")
    found = tables.numbers(ax.figure)[1][1]
    assert found["at"].tolist() == ["a", "b"] and found["how many"].tolist() == [3, 4]
    other.set_xticks([0, 1], ["10", "\N{MINUS SIGN}1,000"])
    assert tables.numbers(ax.figure)[1][1]["at"].tolist() == [0, 1]


def test_lying_bars_upon_each_other_are_a_column_each(ax):
    ax.barh(["low", "high"], [0.5, 0.25], label="right")
    ax.barh(["low", "high"], [0.125, 0.5], left=[0.5, 0.25], label="lost")
    ax.set(ylabel="rate", xlabel="share")
    table = only(ax)[1]
    assert table.to_dict("list") == {
        "rate": ["low", "high"], "right": [0.5, 0.25], "lost": [0.125, 0.5],
    }  # fmt: skip


def test_the_caps_of_whiskers_are_no_series_of_their_own(ax):
    ax.barh(["a", "b"], [1, 2], xerr=[0.5, 0.25], capsize=3)
    ax.errorbar([1, 2], [3, 4], yerr=[0.1, 0.2], capsize=2, label="curve")
    table = only(ax)[1]
    assert list(table) == ["at", "curve", "bars 1"]


def test_points_that_share_a_place_are_a_row_each_with_the_name_of_their_series(ax):
    ax.plot([1, 1, 2], [5, 6, 7], "o", label="new")
    ax.plot([1], [8], "s", label="old")
    table = only(ax)[1]
    assert list(table) == ["series", "at", "value"]
    assert table.values.tolist() == [
        ["new", 1, 5], ["new", 1, 6], ["new", 2, 7], ["old", 1, 8],
    ]  # fmt: skip


def test_points_drawn_one_by_one_under_one_name_are_one_series(ax):
    for x, y in ((1, 5), (2, 6)):
        ax.plot(x, y, "o", color="k")
    ax.set_ylabel("seconds")
    assert only(ax)[1].to_dict("list") == {"at": [1, 2], "seconds": [5, 6]}


def test_a_long_line_is_thinned_and_keeps_both_ends(ax):
    ax.plot(range(1_000), range(1_000))
    table = only(ax)[1]
    assert len(table) == tables.MOST
    assert table["at"].iloc[0] == 0 and table["at"].iloc[-1] == 999


def test_what_is_no_line_and_no_bar_has_no_table(ax):
    ax.axhline(0.5, label="chance")
    ax.imshow(np.zeros((2, 2)))
    ax.scatter([1], [2])
    assert tables.numbers(ax.figure) == []


def test_a_name_at_the_end_of_a_line_is_its_name_in_the_table_and_not_in_a_legend_that_has_one(ax):
    ax.plot([1, 2], [0.1, 0.2])
    ax.plot([1, 2], [0.3, 0.4], label="mine")
    figures.label_ends(ax, {"low": 0.2, "high": 0.4}, {"low": "k", "high": "k"})
    assert list(only(ax)[1]) == ["at", "low", "mine"]


def test_the_numbers_fold_away_below_the_figure(ax, monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **more: calls.append(data[0]))
    ax.plot([1, 2], [0.5, 0.25], label="frozen")
    figures.show(ax.figure, "A line falls.")
    assert len(calls) == 2
    assert "<summary>The numbers of the chart</summary>" in calls[1].data
    assert "| 2 | 0.25 |" in calls[1].data
    figures.show(ax.figure, "A line falls.", table=False)
    assert len(calls) == 3


def test_a_table_in_markdown_breaks_on_nothing_that_a_cell_holds():
    table = pd.DataFrame({"name": ["a|b", "<b>"], "value": [1234.5, np.nan]})
    assert tables.markdown_table(table).splitlines() == [
        "| name | value |", "|---|--:|", "| a\\|b | 1,234 |", "| &lt;b&gt; |  |",
    ]  # fmt: skip
