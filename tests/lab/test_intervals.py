"""Intervals: by hand, against independent implementations, and by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks import coverage
from course_lib.measure import intervals


def test_the_interval_of_three_draws_is_students_by_hand():
    """Mean 2, standard deviation 1, n = 3, t = 4.302653 for 2 degrees of freedom."""
    found = intervals.over_draws([1, 2, 3])
    assert found.low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert found.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-5)
    assert found.p(2) == pytest.approx(1)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12).filter(lambda v: np.std(v) > 1e-3))
def test_interval_and_p_value_agree_with_scipys_t_test(values):
    ours, theirs = intervals.over_draws(values), stats.ttest_1samp(values, 0.1)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-9, abs=1e-12)
    assert ours.p(0.1) == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-12)


def test_one_draw_says_nothing():
    found = intervals.over_draws([0.9])
    assert (found.low, found.high, found.p(0.0)) == (-math.inf, math.inf, 1.0)


def test_what_could_have_been_told_apart_is_found_four_times_in_five():
    rng = np.random.default_rng(0)
    made = [intervals.over_draws(rng.normal(0, 1, 12)) for _ in range(400)]
    apart = np.mean([one.told_apart for one in made])
    found = [intervals.over_draws(rng.normal(apart, 1, 12)).low > 0 for _ in range(1_000)]
    assert 0.75 < np.mean(found) < 0.87


def test_draws_on_one_net_count_as_one_by_hand():
    """Nets of means 1 and 3: mean 2, standard error 1, t = 12.7062 for one degree of freedom."""
    found = intervals.over_clusters([0, 2, 2, 4], ["a", "a", "b", "b"])
    assert (found.value, found.n) == (2, 4)
    assert found.high == pytest.approx(2 + 12.7062, abs=1e-3)


def test_draws_and_pictures_by_hand():
    """Draw means .5 and 1: variance of their mean 1/16. Picture means 1, .5: 1/16. All four
    entries 1, 0, 1, 1: variance 1/4, of their mean 1/16. Together 1/16, t = 12.7062."""
    found = intervals.over_draws_and_pictures(np.array([[1, 0], [1, 1]]))
    assert found.value == 0.75
    assert found.high == pytest.approx(0.75 + 12.7062 / 4, abs=1e-3)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(32, 32, 0.8911, 1.0), (0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129)],
)
def test_an_exact_share_is_clopper_and_pearsons(count, n, low, high):
    """The limits of 32 of 32 and 0 of 10 are 1 - .975... of a power: .025 ** (1 / n)."""
    found = intervals.share([True] * count + [False] * (n - count))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    if count in (0, n):
        assert min(found.high - found.low, 1) == pytest.approx(1 - 0.025 ** (1 / n), abs=1e-9)


@given(st.data())
def test_the_area_is_scikit_learns_and_lies_in_its_interval(data):
    n = data.draw(st.integers(4, 30))
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    scores = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), float)
    if min(labels.sum(), n - labels.sum()) < 2:
        with pytest.raises(ValueError, match="two pictures of each class"):
            intervals.auc(scores, labels)
        return
    for groups in (None, np.arange(n) // 2):
        found = intervals.auc(scores, labels, groups)
        assert found.value == pytest.approx(roc_auc_score(labels, scores))
        assert 0 <= found.low <= found.high <= 1
        assert found.low - 1e-9 <= found.value <= found.high + 1e-9 or found.value in (0, 1)


def test_delongs_variance_by_enumeration():
    """Every pair written out: positives lie above 2/3 and all of the negatives."""
    positive, negative = np.array([2.0, 4.0]), np.array([0.0, 1.0, 3.0])
    pairs = np.array([[float(a > b) for b in negative] for a in positive])
    area = pairs.mean()
    variance = pairs.mean(1).var(ddof=1) / 2 + pairs.mean(0).var(ddof=1) / 3
    found = intervals.auc(np.r_[positive, negative], np.array([1, 1, 0, 0, 0]))
    half = stats.t(1).ppf(0.975) * variance**0.5 / (area * (1 - area))
    middle = math.log(area / (1 - area))
    assert found.low == pytest.approx(1 / (1 + math.exp(half - middle)))
    assert found.high == pytest.approx(1 / (1 + math.exp(-half - middle)))


def test_holm_by_hand():
    """.01 x 3, .02 x 2, .03 x 1, each at least the one before; the order of the input is kept."""
    assert intervals.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert intervals.holm([0.5, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_rejects_what_the_closed_test_of_bonferronis_rejects(p_values):
    """A hypothesis falls when every set that holds it has its least p times its size below .05."""
    n, level = len(p_values), 0.05
    sets = [s for k in range(1, n + 1) for s in itertools.combinations(range(n), k)]
    for one, adjusted in enumerate(intervals.holm(p_values)):
        worst = max(min(p_values[i] for i in s) * len(s) for s in sets if one in s)
        if abs(worst - level) > 1e-9:
            assert (adjusted < level) == (worst < level)


@pytest.mark.parametrize("line", coverage.LINES)
@pytest.mark.parametrize("n", [5, 10])
def test_every_interval_covers_the_truth_about_as_often_as_it_says(line, n):
    held, _ = coverage.coverage(coverage.LINES[line][1], n, 300)
    assert held > 0.90  # 300 times: two standard errors are 2.5 points


@pytest.mark.parametrize("line", ["clusters", "pictures"])
def test_leaving_out_nets_or_pictures_would_cover_far_too_little(line):
    held, _ = coverage.coverage(coverage.LINES[line][3], 10, 200)
    assert held < 0.75
