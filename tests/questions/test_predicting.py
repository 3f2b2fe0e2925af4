"""Predictions: a guess beside a measurement, ranges to choose from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.errors import CourseError
from course_lib.questions.predicting import Bands, compare


def test_the_ranges_cover_all_numbers_and_an_edge_belongs_above():
    gap = Bands((10, 30), "points")
    assert gap.choices == ("under 10 points", "10 to 30 points", "over 30 points")
    assert [gap.of(v) for v in (-5, 9.9, 10, 29.9, 30, 500)] == [
        *gap.choices[:1] * 2,
        *gap.choices[1:2] * 2,
        *gap.choices[2:] * 2,
    ]


@given(st.lists(st.integers(-50, 50), min_size=1, unique=True), st.floats(-100, 100))
def test_every_number_falls_into_one_range(edges, value):
    bands = Bands(tuple(sorted(edges)), "%")
    assert bands.choices.index(bands.of(value)) == sum(edge <= value for edge in edges)


@pytest.mark.parametrize("edges", [(), (30, 10), (10, 10)])
def test_ranges_need_rising_edges(edges):
    with pytest.raises(CourseError, match="rising"):
        Bands(edges, "points")


@pytest.mark.parametrize(
    ("guess", "measured", "says"),
    [
        (None, 0.5, "No prediction yet"),
        (0.5, 0.52, "well predicted"),
        (0.2, 0.9, "70 points better"),
        (0.9, 0.2, "70 points worse"),
        ("Scratch", "scratch", "As you predicted"),
        ("scratch", "fine-tuning", "Not what you predicted"),
    ],
)
def test_a_prediction_is_set_beside_the_measurement(guess, measured, says):
    assert says in compare(guess, measured, "accuracy").text


@pytest.mark.parametrize("guess", [75, -0.1, True, "high"])
def test_a_prediction_that_is_no_share_is_refused(guess):
    with pytest.raises(CourseError, match="from 0 to 1"):
        compare(guess, 0.5, "accuracy")
