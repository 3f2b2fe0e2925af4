"""Lines in several panels: side by side on one scale, with labels and ticks that can be read."""

import pandas as pd
from matplotlib import pyplot as plt

from course_lib.lab.plots import Lines
from course_lib.measure.figures import style


def rows(x=(1, 2, 3)) -> pd.DataFrame:
    lines = [
        {"seed": 0, "x": at, "net": net, "task": task, "test": height * (0.5 + 0.1 * at)}
        for task, height in (("low", 0.1), ("middle", 0.5), ("high", 1.0))
        for net in ("first", "second")
        for at in x
    ]
    return pd.DataFrame(lines)


def drawn(plot: Lines, found: pd.DataFrame):
    with style():
        figure = plot.draw(found)
    figure.canvas.draw()
    plt.close(figure)
    return figure


def test_facets_side_by_side_share_one_scale_and_leave_no_empty_axes():
    figure = drawn(Lines("x", {"test": "score"}, by="net", facet="task", across=2), rows())
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") or ax.get_title() for ax in shown] == ["low", "middle", "high"]
    assert len({ax.get_ylim() for ax in shown}) == 1
    assert [bool(ax.get_ylabel()) for ax in shown] == [True, False, True]


def test_a_label_stands_at_the_end_of_its_line_also_on_a_shared_scale():
    figure = drawn(Lines("x", {"test": "score"}, by="net", facet="task", across=3), rows())
    for ax, end in zip(figure.axes, (0.08, 0.4, 0.8), strict=True):
        lowest = min(text.xy[1] for text in ax.texts)  # a share of the axes
        low, high = ax.get_ylim()
        assert abs(lowest - (end - low) / (high - low)) < 0.01


def test_every_value_has_a_tick_unless_two_would_lie_on_each_other():
    few = drawn(Lines("x", {"test": "score"}), rows())
    assert [tick.get_text() for tick in few.axes[0].get_xticklabels()] == ["1", "2", "3"]
    crowded = drawn(Lines("x", {"test": "score"}), rows(x=(0, 0.01, 1)))
    assert 0.01 not in crowded.axes[0].get_xticks()
