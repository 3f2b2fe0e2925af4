"""Predictions: a guess beside a measurement or a run, ranges to choose from, all at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.errors import CourseError
from course_lib.questions import Bands, compare, expectations, judge, predicting
from course_lib.questions.progress import Progress
from course_lib.widgets.selfcheck import predict


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A notebook in which nothing was predicted yet: asks for what is to be answered."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(predicting, "_asked", {})

    def ask(key, answer=None, prompt="Which lane wins?"):
        predict(key, prompt, ["frozen", "scratch"])
        if answer:
            Progress().merge({key: {"answer": answer, "at": 1}})

    return ask


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


def test_a_prediction_is_judged_against_the_learners_own_run(lesson):
    assert judge("l-race", "frozen").state == "not attempted"
    Progress().merge({"l-race": {"answer": "frozen", "at": 1}})
    assert judge("l-race", "frozen", "0.95 against 0.32.").state == "right"
    other = judge("l-race", "scratch")
    assert other.state == "wrong" and "You predicted frozen" in other.text
    assert Progress().read()["outcomes"] == {"l-race": "scratch"}


def test_a_prediction_is_judged_also_where_nothing_can_be_written(lesson, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/progress.json")
    assert "says: frozen" in judge("l-race", "frozen").text


def rows(verdict):
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in verdict.text.splitlines()
        if line.startswith("| ") and not line.startswith("| question")
    ]


def test_at_the_end_each_judged_prediction_stands_beside_what_came_out(lesson):
    lesson("l-first", "frozen", "Which lane wins, here?")
    lesson("l-open", "frozen", "Not run yet:")
    lesson("l-second", "scratch", "And with more labels:")
    lesson("l-third", None, "And at night?")
    for key in ("l-second", "l-first", "l-third"):
        judge(key, "frozen")
    found = expectations()
    assert rows(found) == [  # in the order in which they were asked
        ["Which lane wins, here?", "frozen", "frozen", "✓ held"],
        ["And with more labels", "scratch", "frozen", "✗ did not hold"],
        ["And at night?", "–", "frozen", "no prediction"],
    ]
    assert found.state == "noted" and found.text.startswith("1 of your 2 predictions held. 1 more")


def test_predictions_of_another_lesson_are_left_out(lesson):
    Progress().merge({"l-old": {"answer": "frozen", "at": 1}})
    Progress().note("outcomes", "l-old", "frozen")
    lesson("l-new", "frozen")
    judge("l-new", "frozen")
    assert len(rows(expectations())) == 1


def test_without_a_judged_prediction_there_is_nothing_to_compare(lesson):
    lesson("l-first", "frozen")
    assert expectations().state == "not attempted"


def test_a_text_with_a_bar_or_a_line_break_stays_in_its_cell(lesson):
    lesson("l-bar", None, "P(a|b)\nis:")
    judge("l-bar", "x|y")
    (line,) = (line for line in expectations().text.splitlines() if "P(a" in line)
    assert line == r"| P(a\|b) is | – | x\|y | no prediction |"
    assert expectations().text.startswith("You made no predictions.")
