"""Gradient reversal, CORAL, MMD and the ramp against values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.adaptation import coral, entropy, mmd, ramp, reverse_gradient
from course_lib.adaptation.alignment import domain_loss
from course_lib.errors import CourseError


def test_gradient_reversal_is_the_identity_forward_and_turns_the_gradient_around():
    x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = reverse_gradient(x, 0.5)
    assert torch.equal(y, x)
    # L = sum(y^2): dL/dy = 2y, so what arrives at x is -0.5 * 2x.
    y.square().sum().backward()
    assert x.grad.tolist() == [-1.0, 2.0, -3.0]


def test_the_layer_above_the_reversal_still_descends():
    """loss = w * x: w gets x as its gradient, x gets -strength * w."""
    w, x = (torch.tensor(v, requires_grad=True) for v in (3.0, 2.0))
    (w * reverse_gradient(x, 0.1)).backward()
    assert w.grad.item() == 2.0 and x.grad.item() == pytest.approx(-0.3)


def test_the_ramp_rises_from_zero_to_almost_one():
    assert ramp(0.0) == 0.0
    assert ramp(0.5) == pytest.approx(math.tanh(2.5))  # 2 / (1 + exp(-2a)) - 1 = tanh(a)
    assert ramp(1.0) == pytest.approx(math.tanh(5.0))


def test_coral_of_two_points_per_domain_by_hand():
    # Source: (0,0), (2,0) -> covariance [[2,0],[0,0]]. Target: (0,0), (0,4) -> [[0,0],[0,8]].
    # Squared distance 4 + 64 = 68, divided by 4 d^2 = 16.
    source, target = torch.tensor([[0.0, 0], [2, 0]]), torch.tensor([[0.0, 0], [0, 4]])
    assert coral(source, target).item() == pytest.approx(68 / 16)


def test_coral_agrees_with_numpy_and_does_not_see_a_shift_of_the_mean():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(30, 5)), generator.normal(size=(40, 5)) * 2
    wanted = ((np.cov(a.T) - np.cov(b.T)) ** 2).sum() / (4 * 5**2)
    a, b = torch.tensor(a), torch.tensor(b)
    assert coral(a, b).item() == pytest.approx(wanted)
    assert coral(a + 7, b).item() == pytest.approx(wanted)


def test_mmd_of_one_kernel_by_hand():
    # Points 0, 0 | 1, 1: of the 12 ordered pairs 8 are at squared distance 1, so m = 2/3.
    # Within a domain k = 1, across k = exp(-1.5): MMD^2 = 1 + 1 - 2 exp(-1.5).
    zeros, ones = torch.zeros(2, 1), torch.ones(2, 1)
    assert mmd(zeros, ones, widths=(1.0,)).item() == pytest.approx(2 - 2 * math.exp(-1.5))


def test_mmd_agrees_with_a_loop_over_pairs():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(4, 3, generator=generator), torch.randn(5, 3, generator=generator) + 1
    both, widths = torch.cat([a, b]), (0.5, 2.0)
    n = len(both)
    distances = [[float(((p - q) ** 2).sum()) for q in both] for p in both]
    m = sum(map(sum, distances)) / (n * (n - 1))

    def k(i, j):
        return sum(math.exp(-distances[i][j] / (w * m)) for w in widths) / len(widths)

    def mean(rows, columns):
        return sum(k(i, j) for i in rows for j in columns) / (len(rows) * len(columns))

    s, t = range(4), range(4, 9)
    wanted = mean(s, s) + mean(t, t) - 2 * mean(s, t)
    assert mmd(a, b, widths).item() == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(1, 6), st.integers(0, 10_000))
def test_both_distances_vanish_for_equal_samples_and_are_symmetric(n, d, seed):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, d, generator=generator, dtype=torch.float64)
    b = torch.randn(n + 1, d, generator=generator, dtype=torch.float64) * 3
    if d > 1:
        assert coral(a, a).item() == 0
        assert coral(a, b).item() == pytest.approx(coral(b, a).item())
    assert mmd(a, a).item() == pytest.approx(0, abs=1e-12)
    assert mmd(a, b).item() == pytest.approx(mmd(b, a).item())
    assert mmd(a, b).item() >= -1e-12


def test_entropy_is_zero_when_certain_and_log_k_when_even():
    assert entropy(torch.tensor([[100.0, 0, 0]])).item() == pytest.approx(0, abs=1e-6)
    assert entropy(torch.zeros(4, 8)).item() == pytest.approx(math.log(8))


def test_the_domain_loss_is_the_cross_entropy_of_source_against_target():
    logits = torch.tensor([[2.0], [-1.0], [0.5]])
    p = torch.sigmoid(logits[:, 0])
    wanted = -(p[0].log() + (1 - p[1]).log() + (1 - p[2]).log()) / 3
    assert domain_loss(logits, sources=1).item() == pytest.approx(wanted.item())


@pytest.mark.parametrize("distance", (coral, mmd))
def test_features_that_do_not_fit_are_refused(distance):
    with pytest.raises(CourseError, match="one d"):
        distance(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(CourseError, match="2 pictures"):
        distance(torch.zeros(1, 2), torch.zeros(4, 2))


@pytest.mark.parametrize("distance", [coral, mmd])
def test_distances_are_computed_in_float32_where_the_net_runs_in_bf16(distance):
    a, b = torch.randn(20, 6) + 3, torch.randn(20, 6) + 3.1
    with torch.autocast("cpu", torch.bfloat16):
        inside = distance(a, b)
        from_bf16 = distance(a.bfloat16(), b.bfloat16())
    assert inside.dtype == from_bf16.dtype == torch.float32
    assert torch.equal(inside, distance(a, b))


def test_the_domain_loss_is_computed_in_float32():
    logits = torch.randn(8, 1).bfloat16()
    assert torch.equal(domain_loss(logits, 4), domain_loss(logits.float(), 4))
