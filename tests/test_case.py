"""Figures and small measurements of lesson 06's case."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.measure import case


def test_the_brightest_spot_is_looked_for_in_its_own_circle():
    """Two maps of 8 x 8 places, brightest in the first row: columns 1 and 6."""
    maps = torch.zeros(3, 8, 8)
    maps[0, 0, 1] = maps[1, 0, 6] = 1
    hits, chance = case.pointing(maps, x=[1, 1, 3], y=[0, 0, 3], radius=[1, 1, 8], size=8)
    assert hits.tolist() == [True, False, False]  # the third map is empty: it points nowhere
    # Around (1, 0): itself, left, right, below.
    rows, columns = np.mgrid[:8, :8]
    large = (np.hypot(rows - 3, columns - 3) <= 8).mean()
    assert chance == pytest.approx((4 / 64 + 4 / 64 + large) / 3)


def test_costs_are_drawn_for_each_line_and_an_infinite_threshold_is_left_out():
    def cost(p, threshold):
        return float((p >= threshold).sum())

    values = np.array([0.2, 0.7])
    fig = case.cost_figure({"one": values, "two": values}, cost, 0.1, np.inf)
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    assert list(lines) == ["one", "two", "everybody: 2", "formula: 0.10"]
    assert lines["one"].get_ydata()[[0, 60, 120]].tolist() == [2, 1, 1]
    plt.close(fig)


def test_an_alarm_is_a_mark_of_its_own_and_every_stream_has_its_name():
    found = {"same": (0.1, 0.0, False), "mirrored": (0.3, -0.2, True), "faint": (0.2, 4.0, False)}
    fig = case.drift_figure(found)
    marks = {line.get_label(): line.get_xdata() for line in fig.axes[0].lines[:2]}
    assert sorted(marks["silent"]) == [0.1, 0.2] and list(marks["alarm"]) == [0.3]
    assert {text.get_text() for text in fig.axes[0].texts} == set(found)
    plt.close(fig)


def test_circles_go_into_their_pictures():
    fig, axes = plt.subplots(1, 2)
    case.circle(fig, [3, 5], [4, 6], [1, 2])
    (patch,) = axes[1].patches
    assert patch.center == (5, 6) and patch.radius == 2
    plt.close(fig)
