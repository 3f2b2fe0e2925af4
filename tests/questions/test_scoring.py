"""Scoring by itself: literals, partial credit, comparison of outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading.inside import wire
from course_lib.questions.format import load_bank
from course_lib.questions.literals import NotALiteral, parse_literal, parse_number
from course_lib.questions.scoring import score_literal
from course_lib.questions.values import plain, same

MINI = load_bank(Path(__file__).parents[1] / "grading" / "bank")["mini"]
CHOICE, MULTIPLE, NUMBER = (MINI.question(f"mini-{n}") for n in ("choice", "multiple", "number"))


@pytest.mark.parametrize(
    ("source", "points", "state"),
    [
        ('answer = "b"', 1, "right"),
        ("answer = 'B'  # sure", 1, "right"),
        ("answer = b", 1, "right"),
        ('"b"', 1, "right"),
        ('answer: str = "b)"', 1, "right"),
        ('answer = ["b"]', 1, "right"),
        ('%matplotlib inline\nanswer = "b"', 1, "right"),
        ('# first a\nanswer = "a"\nanswer = "b"', 1, "right"),
        ('answer = "a"', 0, "wrong"),
        ('answer = "b"\nanswer = "a"', 0, "wrong"),
        ('answer = "ab"', 0, "invalid"),
        ('answer = ["a", "b", "c"]', 0, "invalid"),
        ('answer = "z"', 0, "invalid"),
        ("answer = 2", 0, "invalid"),
        ("answer = True", 0, "invalid"),
        ('answer = "a" if 0 else "b"', 0, "invalid"),
        ('answer = open("key").read()', 0, "invalid"),
        ('answer = f"{1}"', 0, "invalid"),
        ("answer = (lambda: 'b')()", 0, "invalid"),
        ('answer = ""', 0, "not attempted"),
        ("", 0, "not attempted"),
        ("# b", 0, "not attempted"),
        ("answer = None", 0, "not attempted"),
        ("other = 'b'", 0, "not attempted"),
        ("answer = (", 0, "invalid"),
        ("answer = " + "(" * 5000, 0, "invalid"),
        ("answer = " + "-" * 9000 + "1", 0, "invalid"),
        ("answer = '" + "b" * 20_000 + "'", 0, "invalid"),
        ("answer = [" * 90 + "]" * 90, 0, "invalid"),
        ("answer = '\x00b'", 0, "invalid"),
    ],
)
def test_a_choice_is_read_as_a_literal_and_never_run(source, points, state):
    result = score_literal(CHOICE, source)
    assert (result.score, result.state) == (points, state), result.reason


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ('answer = ["a", "c"]', 2),
        ('answer = {"c", "a"}', 2),
        ('answer = "a, c"', 2),
        ("answer = [a, c]", 2),
        ('answer = ["a", "a", "c"]', 2),
        ('answer = ["a"]', 1),
        ('answer = ["a", "b"]', 0),
        ('answer = ["a", "b", "c"]', 1),
        ('answer = ["a", "b", "c", "d"]', 0),
        ('answer = ["b"]', 0),
        ("answer = []", 0),
    ],
)
def test_a_wrong_choice_cancels_a_right_one(source, points):
    assert score_literal(MULTIPLE, source).score == points


@pytest.mark.parametrize(
    ("source", "points", "state"),
    [
        ("answer = 0.5", 2, "right"),
        ("answer = 0.51", 2, "right"),
        ("answer = .49", 2, "right"),
        ("answer = 5e-1", 2, "right"),
        ('answer = "0.5"', 2, "right"),
        ("answer = +0.5", 2, "right"),
        ("answer = 0.511", 0, "wrong"),
        ("answer = -0.5", 0, "wrong"),
        ("answer = 50", 1, "partial"),
        ("answer = 1/2", 2, "right"),
        ("answer = (0.75 - 0.25) / (0.75 + 0.25)", 2, "right"),
        ("answer = round(0.4999, 2)", 2, "right"),
        ("tp, n = 8, 16\ntp = 8\nn = 16\nanswer = tp / n", 2, "right"),
        ("import math\nanswer = math.sqrt(0.25)", 2, "right"),
        ('answer = "1/2"', 2, "right"),
        ("answer = 7\nanswer = 5 * 10**-1", 2, "right"),
        ("answer = 0,5", None, "waiting"),
        ('answer = "0,5"', None, "waiting"),
        ("answer = 0,05", None, "waiting"),
        ("answer = 0.5 m/s  # fast", None, "waiting"),
        ("answer = 50 %", None, "waiting"),
        ("answer = 1/0", 0, "invalid"),
        ("answer = 9**9**9**9", 0, "invalid"),
        ("answer = (-1) ** 0.5", 0, "invalid"),
        ("answer = abs(__import__('os').system('true'))", 0, "invalid"),
        ("answer = max(*[1] * 10**9)", 0, "invalid"),
        ("answer = round(0.5, 10**400)", 0, "invalid"),
        ("answer = 'x' * 10**9", 0, "invalid"),
        ("answer = True", 0, "invalid"),
        ("answer = 1e999", 0, "invalid"),
        ('answer = "nan"', 0, "invalid"),
        ("answer = float('inf')", 0, "invalid"),
        ("answer = 0.5j", 0, "invalid"),
        ("answer = 9" + "9" * 400, 0, "invalid"),
        ("answer = [0.5]", 0, "invalid"),
        ("answer = None", 0, "not attempted"),
    ],
)
def test_numbers_count_within_their_tolerance(source, points, state):
    result = score_literal(NUMBER, source)
    assert (result.score, result.state) == (points, state), result.reason


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("answer = 0,8", "'0,8' is not a number: write 0.8."),
        ('answer = "0,8"', "'0,8' is not a number: write 0.8."),
        ("answer = 3e8 m/s", "'3e8 m/s' is not a number: write 3e8, without the unit."),
        ("answer = 0,8 kg", "'0,8 kg' is not a number: write 0.8, without the unit."),
    ],
)
def test_a_comma_or_a_unit_is_told_and_left_to_a_person(source, says):
    result = score_literal(NUMBER, source)
    assert result.reason.startswith(says) and (result.state, result.score) == ("waiting", None)


@given(
    st.recursive(
        st.integers(-99, 99).map(str) | st.floats(0.01, 99).map(lambda x: f"{x:.3f}"),
        lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        max_leaves=8,
    )
)
def test_arithmetic_of_literals_has_the_value_that_python_gives_it(text):
    try:
        wanted = float(eval(text))  # made of figures, brackets and + - * / only
    except ZeroDivisionError:
        with pytest.raises(NotALiteral, match="zero"):
            parse_number(f"answer = {text}")
        return
    assert parse_number(f"answer = {text}") == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@given(st.text(max_size=300))
def test_no_text_makes_the_parser_do_anything_but_parse(text):
    try:
        parse_literal(text)
    except NotALiteral:
        pass
    for question in (CHOICE, MULTIPLE, NUMBER):
        result = score_literal(question, text)
        assert (result.score is None) == (result.state == "waiting")
        assert result.score is None or 0 <= result.score <= question.points


@given(st.sets(st.sampled_from("abcd")))
def test_multiple_choice_points_follow_the_stated_rule(chosen):
    result = score_literal(MULTIPLE, f"answer = {sorted(chosen)!r}")
    good, bad = len(chosen & {"a", "c"}), len(chosen - {"a", "c"})
    assert result.score == 2 * max(0, good - bad) / 2


@pytest.mark.parametrize(
    ("want", "have"),
    [
        (np.ones(3), np.ones(3, np.float32)),
        (np.ones(3), [1, 1, 1]),
        (3, np.float64(3)),
        ([1, 2], np.array([1, 2])),
        (np.array(2.0), 2),
        (True, 1),
        ("a", "a"),
        (None, None),
        ({"a": np.zeros(2)}, {"a": [0.0, 1e-7]}),
        ([np.ones((2, 3)), np.ones(1)], [[[1] * 3] * 2, [1]]),
        ([np.ones(2), np.ones(2)], np.ones((2, 2))),
        ([], []),
        (["a", 1], ["a", 1.0]),
    ],
)
def test_equal_outputs_of_other_types_are_equal(want, have):
    assert same(want, have)


@pytest.mark.parametrize(
    ("want", "have"),
    [
        (np.ones(3), np.ones((3, 1))),
        (np.ones(3), np.ones(4)),
        (1.0, 1.01),
        (1.0, np.nan),
        (np.nan, np.nan),
        (np.inf, np.inf),
        (1.0, None),
        (1.0, "1.0"),
        ("a", None),
        (None, 0),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {}),
        ({"a": 1}, [("a", 1)]),
        ([1, 2], [1]),
        (np.ones(2), [[1], [1, 2]]),
        (1.0, 10**400),
        (["a"], "a"),
        ([np.ones(2)], [np.zeros(2)]),
        ([np.ones(2), np.ones(3)], [np.ones(2)]),
        ([np.ones(2)], np.array(3.0)),
        ([], None),
        (np.zeros(0), np.ones(1)),
    ],
)
def test_other_outputs_are_not(want, have):
    assert not same(want, have)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([np.arange(3), np.float32(2), np.zeros((2, 0), np.uint8), np.array(True)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_practice_compares_what_a_sandbox_would_send_back(value):
    here, there = plain(value), wire.decode(wire.encode(value))
    assert repr(here) == repr(there)


@pytest.mark.parametrize("value", [{1}, object(), 1j, np.array(["a"]), np.longdouble(1), len])
def test_what_a_sandbox_would_not_send_is_no_plain_value(value):
    with pytest.raises(TypeError, match="cannot be compared"):
        plain(value)
    with pytest.raises(wire.WireError):
        wire.encode(value)


def test_a_tensor_becomes_an_array_that_later_changes_do_not_reach():
    tensor = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    array = np.zeros(2)
    kept = plain({"tensor": tensor, "array": array})
    array += 1
    assert kept["tensor"].dtype == np.float32 and not kept["array"].any()
