"""Scores, intervals, calibration, thresholds: against values counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from course_lib import CourseError, decisions
from course_lib.measure.decisions import Rates


def test_auc_counts_pairs_by_hand():
    """Ones score 3 and 1, zeros 2 and 1: of four pairs 3>2, 3>1, 1<2, 1=1 gives 2.5 of 4."""
    assert decisions.auc([3, 1, 2, 1], [1, 1, 0, 0]) == 2.5 / 4
    assert math.isnan(decisions.auc([1, 2], [1, 1]))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_agrees_with_scikit_learn(pairs):
    scores, labels = np.array([p[0] for p in pairs]), np.array([int(p[1]) for p in pairs])
    if len(set(labels.tolist())) == 2:
        assert decisions.auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def noisy(n, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    return labels + generator.normal(0, 1, n), labels


@pytest.mark.parametrize(("positives", "negatives"), [(60, 60), (10, 90)])
def test_the_interval_covers_the_true_auc_about_as_often_as_it_says(positives, negatives):
    """Two normals one deviation apart: AUC = Phi(1 / sqrt 2) = 0.7602."""
    labels, inside = np.repeat([1, 0], [positives, negatives]), 0
    for seed in range(300):
        scores = labels + np.random.default_rng(seed).normal(0, 1, len(labels))
        low, high = decisions.auc_interval(scores, labels)
        inside += low <= 0.7602 <= high
    assert 273 <= inside <= 297  # 285 expected; outside of this has a chance of about 1 in 1,000


def test_pictures_that_come_in_copies_do_not_make_the_number_surer():
    scores, labels = noisy(60, 1)
    many = np.repeat(scores, 5), np.repeat(labels, 5)
    alone = decisions.auc_interval(scores, labels)
    careless = decisions.auc_interval(*many)
    honest = decisions.auc_interval(*many, groups=np.repeat(np.arange(60), 5))
    assert np.subtract(*honest[::-1]) == pytest.approx(np.subtract(*alone[::-1]), rel=0.05)
    assert np.subtract(*careless[::-1]) < 0.7 * np.subtract(*honest[::-1])


def test_a_perfect_order_of_few_pictures_is_not_perfectly_sure():
    low, high = decisions.auc_interval([1, 2, 3, 4], [0, 0, 1, 1])
    assert 0 < low < 0.9 and high < 1


@given(st.integers(2, 40), st.floats(0.05, 0.95), st.integers(0, 99))
def test_a_grouped_split_tears_no_group_apart(names, share, seed):
    groups = np.repeat(np.arange(names), np.arange(names) % 3 + 1)
    held_out = decisions.grouped_split(groups, share, seed)
    assert not set(groups[held_out]) & set(groups[~held_out])
    assert 0 < held_out.sum() < len(groups)
    assert abs(len(set(groups[held_out])) - share * names) <= 1
    assert (held_out == decisions.grouped_split(groups, share, seed)).all()


def test_calibration_is_counted_by_hand():
    """Bin 0.2: two pictures at 0.25, one ill; bin 0.8: two at 0.9, both ill."""
    found = decisions.calibration([0.25, 0.25, 0.9, 0.9], [0, 1, 1, 1], bins=5)
    assert found.predicted.tolist() == pytest.approx([0.25, 0.9])
    assert found.observed.tolist() == pytest.approx([0.5, 1.0])
    assert found.error == pytest.approx((2 * 0.25 + 2 * 0.1) / 4)


def test_a_probability_of_one_lies_in_the_last_bin():
    assert decisions.calibration([0.0, 1.0], [0, 1], bins=4).error == 0


def test_the_temperature_of_logits_that_are_three_times_too_large_is_three():
    generator = np.random.default_rng(0)
    true = generator.normal(0, 2, 20_000)
    labels = (generator.random(20_000) < 1 / (1 + np.exp(-true))).astype(int)
    logits = np.stack([np.zeros_like(true), 3 * true], 1)
    assert decisions.temperature(logits, labels) == pytest.approx(3, rel=0.06)


def test_rates_and_threshold_are_counted_by_hand():
    chances, labels = [0.9, 0.8, 0.3, 0.6, 0.2], [1, 1, 1, 0, 0]
    assert decisions.rates(chances, labels, 0.5) == Rates(2 / 3, 1 / 2, 2 / 3)
    assert decisions.threshold_for(chances, labels, 1.0) == 0.3
    assert decisions.threshold_for(chances, labels, 2 / 3) == 0.8


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=4, max_size=60),
       st.floats(0.05, 1))  # fmt: skip
def test_the_threshold_finds_what_it_promises(pairs, sensitivity):
    chances, labels = np.array([p[0] for p in pairs]), np.array([int(p[1]) for p in pairs])
    if len(set(labels.tolist())) == 2:
        cut = decisions.threshold_for(chances, labels, sensitivity)
        assert decisions.rates(chances, labels, cut).sensitivity >= sensitivity - 1e-6


def test_precision_follows_bayes_rule():
    """90 % found, 90 % cleared, one in ten ill: 9 right alarms for 9 false ones."""
    assert decisions.precision_at(Rates(0.9, 0.9, 0.0), 0.1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decisions.grouped_split([1, 1], 0.5), "two groups"),
        (lambda: decisions.grouped_split([1, 2], 1.5), "above 0, below 1"),
        (lambda: decisions.calibration([0.5, 1.5], [0, 1]), "between 0 and 1"),
        (lambda: decisions.rates([0.5, 0.4], [1, 1], 0.5), "Both classes"),
        (lambda: decisions.auc_interval([0.5], [0, 1]), "one of each"),
        (lambda: decisions.auc_interval([1, 2, 3], [0, 0, 1]), "two pictures of each class"),
        (lambda: decisions.auc_interval([1, 2, 3, 4], [0, 0, 1, 1], [1, 2, 3]), "4.* labels"),
        (lambda: decisions.auc_interval([1, 2, 3, 4], [0, 0, 1, 1], [1, 2, 3, 3]), "two patients"),
        (lambda: decisions.threshold_for([0.5, 0.4], [0, 1], 0.0), "sensitivity"),
    ],
)
def test_useless_input_is_refused(call, words):
    with pytest.raises(CourseError, match=words):
        call()
