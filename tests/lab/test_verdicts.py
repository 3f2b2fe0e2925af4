"""Parts and verdicts: where the whole interval lies decides."""

import numpy as np
import pandas as pd
import pytest

from course_lib.errors import CourseError
from course_lib.lab.quantities import NotMeasured, value
from course_lib.lab.verdicts import (
    HOLDS,
    NO_DIFFERENCE,
    REFUTED,
    SHARE,
    UNDECIDED,
    Part,
    exact,
    judge_part,
    judge_parts,
    together,
)

quantity = value("gain")


def rows(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"seed": range(len(values)), "gain": values})


@pytest.mark.parametrize(
    ("values", "rule", "verdict"),
    [
        ([0.30, 0.31, 0.29], {"above": 0.2}, HOLDS),
        ([0.10, 0.11, 0.09], {"above": 0.2}, REFUTED),
        ([0.0, 0.5, 0.1], {"above": 0.2}, UNDECIDED),
        ([0.9], {"above": 0.2}, UNDECIDED),
        ([0.10, 0.11, 0.09], {"below": 0.2}, HOLDS),
        ([0.30, 0.31, 0.29], {"below": 0.2}, REFUTED),
        ([0.005, 0.004, 0.006], {"above": 0.02, "matters": 0.02}, NO_DIFFERENCE),
        ([-0.05, -0.051, -0.049], {"above": 0.02, "matters": 0.02}, REFUTED),
        ([-0.005, -0.004, -0.006], {"below": -0.02, "matters": 0.02}, NO_DIFFERENCE),
        ([0.005, 0.004, 0.006], {"within": 0.02}, HOLDS),
        ([-0.05, -0.051, -0.049], {"within": 0.02}, REFUTED),
        ([-0.05, 0.05, 0.0], {"within": 0.02}, UNDECIDED),
    ],
)
def test_the_whole_interval_decides(values, rule, verdict):
    assert judge_part(Part("gain", quantity, **rule), rows(*values)).verdict == verdict


@pytest.mark.parametrize("verdicts, joined", [
    ([HOLDS, HOLDS], HOLDS),
    ([HOLDS, REFUTED], REFUTED),
    ([UNDECIDED, REFUTED], REFUTED),
    ([HOLDS, NO_DIFFERENCE], NO_DIFFERENCE),
    ([UNDECIDED, NO_DIFFERENCE], REFUTED),
    ([REFUTED, NO_DIFFERENCE], REFUTED),
    ([HOLDS, UNDECIDED], UNDECIDED),
    ([], UNDECIDED),
])  # fmt: skip
def test_all_parts_must_hold_and_one_that_is_refuted_refutes(verdicts, joined):
    assert together(verdicts) == joined


def test_an_undecided_part_says_what_it_could_have_told_apart():
    said = judge_part(Part("gain", quantity, above=0.0), rows(-0.1, 0.1, 0.06)).sentence
    # standard deviation .1058, error .0611, t 4.3027 + 1.0607
    assert said == (
        "gain: 2.0 points (95 % interval -24.3 to 28.3, n = 3; could have told apart 32.8 points)"
    )


def test_rule_and_number_are_said_in_the_parts_own_unit():
    part = Part("kept", quantity, above=0.9, unit=SHARE)
    assert part.rule == "kept: above 90 %"
    assert judge_part(part, rows(0.95, 0.96, 0.97)).sentence.startswith("kept: 96 % (95 %")


def test_the_p_value_is_that_of_the_threshold():
    judged = judge_part(Part("gain", quantity, above=0.2), rows(0.1, 0.2, 0.3))
    assert judged.p == pytest.approx(1)
    even = judge_part(Part("gain", quantity, within=0.1), rows(0.1, 0.2, 0.0))
    assert even.p == pytest.approx(1)


def test_things_that_are_counted_get_the_exact_interval():
    counted = pd.DataFrame({"seed": [0], "gain": [np.ones(32)]})
    judged = judge_part(Part("share", quantity, above=0.7, interval=exact), counted)
    assert judged.verdict == HOLDS and judged.estimate.low == pytest.approx(0.891, abs=1e-3)


def test_the_same_test_pictures_in_every_draw_widen_the_interval():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 2, 40).astype(float)
    shared = pd.DataFrame({"seed": range(4), "gain": [pictures.copy() for _ in range(4)]})
    part = Part("gain", quantity, above=0.0)
    assert judge_part(part, shared).estimate.error > 0.05  # the draws' means are all alike


@pytest.mark.parametrize("rule", [{}, {"above": 0.1, "below": 0.2}])
def test_a_part_has_one_threshold(rule):
    with pytest.raises(CourseError, match="give one of above, below and within"):
        Part("gain", quantity, **rule)


def test_a_small_run_leaves_out_what_it_did_not_measure_but_a_study_may_not():
    parts = [Part("gain", quantity, above=0.0), Part("loss", value("loss"), above=0.0)]
    assert len(judge_parts(parts, rows(1, 2), all_of_them=False)) == 1
    with pytest.raises(NotMeasured, match="loss: no column 'loss'"):
        judge_parts(parts, rows(1, 2), all_of_them=True)
