"""Quantities: one number per draw."""

import pandas as pd
import pytest

from course_lib.lab.quantities import NotMeasured, chosen, highest, lowest, pick, value

ROWS = pd.DataFrame(
    [
        {"seed": 1, "net": "a", "train": 10, "test": 0.5, "validation": 0.9},
        {"seed": 0, "net": "a", "train": 10, "test": 0.4, "validation": 0.8},
        {"seed": 0, "net": "b", "train": 10, "test": 0.1, "validation": 0.1},
        {"seed": 1, "net": "b", "train": 10, "test": 0.3, "validation": 0.2},
        {"seed": 0, "net": "b", "train": 90, "test": 0.7, "validation": 0.3},
        {"seed": 1, "net": "b", "train": 90, "test": 0.8, "validation": 0.1},
    ]
)
a = value("test", net="a")
b = value("test", net="b", train=10)


def test_draws_come_in_order_whatever_the_order_of_the_rows():
    assert a(ROWS).to_dict() == {0: 0.4, 1: 0.5}


def test_arithmetic_pairs_draws():
    assert (a - b)(ROWS).round(9).to_dict() == {0: 0.3, 1: 0.2}
    assert (a / b)(ROWS).round(3).to_dict() == {0: 4.0, 1: 1.667}
    assert (-a + 1)(ROWS).round(9).to_dict() == {0: 0.6, 1: 0.5}
    assert lowest(a, b)(ROWS).to_dict() == {0: 0.1, 1: 0.3}
    assert highest(a, b)(ROWS).to_dict() == {0: 0.4, 1: 0.5}


def test_a_setting_may_be_the_least_or_the_most_that_was_measured():
    assert value("test", net="b", train=max)(ROWS).to_dict() == {0: 0.7, 1: 0.8}
    assert value("test", net="b", train=min)(ROWS).equals(b(ROWS))


def test_choosing_looks_at_validation_in_each_draw():
    assert chosen("test", net="b")(ROWS).to_dict() == {0: 0.7, 1: 0.3}


def test_two_rows_for_one_draw_are_refused():
    with pytest.raises(ValueError, match="Draw 0 has several rows where net is 'b'"):
        value("test", net="b")(ROWS)


@pytest.mark.parametrize(
    "quantity",
    [
        value("test", net="c"),
        value("auc", net="a"),
        value("test", depth=3),
        a - value("test", net="b", train=90, seed=0),
    ],
)
def test_what_was_not_measured_is_said(quantity):
    with pytest.raises(NotMeasured):
        quantity(ROWS)


def test_pretrained_nets_are_part_of_a_draw():
    rows = ROWS.assign(pretraining=[0, 0, 1, 1, 1, 1])
    assert value("test", train=90)(rows).to_dict() == {(1, 0): 0.7, (1, 1): 0.8}


def test_pick_takes_rows_by_all_settings():
    assert list(pick(ROWS, {"net": "b", "seed": 1})["test"]) == [0.3, 0.8]
