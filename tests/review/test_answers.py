"""Calibration: planted overconfidence is found, right probabilities pass, few pictures are told."""

import numpy as np
import pytest

from course_lib import review
from course_lib.errors import CourseError
from course_lib.review import answers


def planted(n: int, sure: float, right: float):
    """n pictures, each named with probability `sure`; a share `right` of them rightly."""
    p = np.full((n, 3), (1 - sure) / 2)
    labels = np.where(np.arange(n) < round(right * n), 0, 1)
    p[:, 0] = sure
    return p, labels


def drawn(n: int, seed: int):
    """Probabilities that are right by construction: the label is drawn with them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet((0.5, 0.5, 0.5), n)
    return p, np.array([rng.choice(3, p=row) for row in p])


def test_the_error_is_the_mean_gap_of_the_bins_by_hand():
    p = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    labels = np.array([0] * 7 + [1] * 3 + [0] * 5 + [1] * 5)
    found = review.sureness(p, labels)
    assert found.error == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)
    assert found.gap == pytest.approx(0.15) and found.pictures == 20


def test_two_classes_may_be_given_as_the_probability_of_the_second():
    p = np.array([0.2, 0.7, 0.9, 0.4])
    labels = np.array([0, 1, 0, 1])
    assert review.sureness(p, labels) == review.sureness(np.stack([1 - p, p], 1), labels)


@pytest.mark.parametrize(("gap", "said"), [(0.045, False), (0.055, True)])
def test_an_error_that_matters_is_told_and_a_smaller_one_is_not(gap, said):
    assert answers.MATTERS == 0.05
    found = review.calibration(*planted(20_000, 0.8, 0.8 - gap))
    assert bool(found) == said
    assert not said or "too sure" in found[0].what and not found[0].open


def test_a_net_that_is_too_careful_is_told_so():
    (finding,) = review.calibration(*planted(2000, 0.6, 0.8))
    assert "too careful by 20 points" in finding.what


def test_right_probabilities_pass():
    for seed in range(20):
        assert review.calibration(*drawn(2000, seed)) == ()


def test_luck_is_what_right_probabilities_stay_below_in_95_of_100_draws():
    found = [review.sureness(*drawn(150, seed)) for seed in range(200)]
    beyond = np.mean([one.error > one.luck for one in found])
    assert 0.01 <= beyond <= 0.10  # 5 % of 200, three standard errors about


@pytest.mark.parametrize("n", [20, 2000])
def test_few_pictures_leave_it_open(n):
    found = review.calibration(*planted(n, 0.8, 0.8))
    assert [one.open for one in found] == ([True] if n == 20 else [])
    assert n > 20 or "too few to say" in found[0].what


def test_a_gross_fault_is_told_even_of_few_pictures():
    (finding,) = review.calibration(*planted(20, 0.99, 0.5))
    assert not finding.open and "too sure by 49 points" in finding.what


def test_pictures_of_one_patient_widen_the_interval():
    p, labels = planted(120, 0.9, 0.75)
    groups = np.arange(120) // 10
    alone, grouped = review.sureness(p, labels), review.sureness(p, labels, groups)
    assert grouped.gap == alone.gap
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("p", "labels", "said"),
    [
        ([[0.5, 0.6]] * 3, [0, 1, 0], "sum to 1"),
        ([[2.0, -1.0]] * 3, [0, 1, 0], "between 0 and 1"),
        ([[float("nan"), 1.0]] * 3, [0, 1, 0], "between 0 and 1"),
        ([[0.5, 0.5]] * 3, [0, 1], r"\(3, 2\) and \(2,\)"),
        ([[0.5, 0.5]] * 3, [0, 1, 2], "0 to 1"),
        ([[0.5, 0.5]] * 3, [0.0, 1.0, 0.0], "whole numbers"),
        ([["a", "b"]], [0], "numbers"),
        ([[0.5, 0.5]], [0], "labels"),
    ],
)
def test_what_is_no_probability_is_refused(p, labels, said):
    with pytest.raises(CourseError, match=said):
        review.calibration(p, labels)


def test_a_group_is_needed_for_each_picture():
    with pytest.raises(CourseError, match="3 pictures and 2 groups"):
        review.sureness([[0.5, 0.5]] * 3, [0, 1, 0], groups=[1, 2])
