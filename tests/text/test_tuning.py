"""The search for text's settings: as thorough for every rival, and not stopped by an edge."""

import math

import pytest

from course_lib.errors import CourseError, Diverged
from course_lib.text.tuning import tune

AXES = {"rate": (0.001, 0.01), "epochs": (4, 8)}


def peak(rate, epochs):
    def score(setting):
        off = abs(math.log10(setting["rate"] / rate)) + abs(math.log2(setting["epochs"] / epochs))
        return 1 - 0.1 * off

    return score


def test_an_optimum_beyond_the_edge_is_found_and_one_inside_stays():
    found = tune(peak(0.1, 16), AXES)
    assert found.setting == {"rate": pytest.approx(0.1), "epochs": 16}
    three = {"rate": (0.001, 0.01, 0.1), "epochs": (4, 8, 16)}
    inside = tune(peak(0.01, 8), three)
    assert inside.setting == {"rate": 0.01, "epochs": 8}
    assert inside.on_edge == () and len(inside.tried) == 9


def test_widening_ends_and_the_edge_is_told():
    found = tune(lambda setting: setting["rate"], AXES, widen=2)
    assert found.setting["rate"] == pytest.approx(1.0) and "rate" in found.on_edge


def test_what_diverges_is_passed_over_and_nothing_left_is_said():
    def score(setting):
        if setting["rate"] > 0.005:
            raise Diverged("too fast")
        return 0.5

    found = tune(score, AXES, widen=0)
    assert found.setting == {"rate": 0.001, "epochs": 4}  # the first of equals
    assert ({"rate": 0.01, "epochs": 4}, None) in found.tried

    def never(setting):
        raise Diverged("too fast")

    with pytest.raises(CourseError, match="None of 4 settings trains"):
        tune(never, AXES)


def test_passes_stay_whole_numbers():
    found = tune(lambda setting: setting["epochs"], {"epochs": (2, 3)}, widen=1)
    assert found.setting["epochs"] == 4  # 3 * 3 / 2, rounded
