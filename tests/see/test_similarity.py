"""CKA against its closed form, embeddings against known geometry."""

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from course_lib import see
from course_lib.errors import CourseError


def closed_form(x, y):
    """Kornblith et al. 2019, equation 3 with centred columns: ||Y'X||^2 / (||X'X|| ||Y'Y||)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return ((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()


def test_cka_agrees_with_the_closed_form():
    x, y = torch.randn(30, 7).double() + 5, torch.randn(30, 12).double() - 2
    assert see.linear_cka(x, y) == pytest.approx(closed_form(x, y), rel=1e-9)


def test_cka_by_hand():
    """One centred column each: the squared correlation. Here (-1, 0, 1) and (1, -2, 1): 0."""
    first = torch.tensor([[-1.0], [0], [1]])
    assert see.linear_cka(first, torch.tensor([[1.0], [-2], [1]])) == pytest.approx(0)
    # (-1, 0, 1) and (0, 0, 1) centred: correlation sqrt(3) / 2, squared 0.75.
    assert see.linear_cka(first, torch.tensor([[0.0], [0], [1]])) == pytest.approx(0.75)


@hypothesis_settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 50), shift=st.floats(-20, 20))
def test_cka_ignores_rotation_scale_and_shift(seed, scale, shift):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(20, 6, generator=generator).double()
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator).double())
    assert see.linear_cka(x, scale * x @ turn + shift) == pytest.approx(1, abs=1e-6)


def test_debiased_cka_finds_nothing_in_common_between_unrelated_features_of_few_pictures():
    generator = torch.Generator().manual_seed(0)
    pairs = [torch.randn(2, 32, 300, generator=generator) for _ in range(20)]
    assert min(see.linear_cka(*pair) for pair in pairs) > 0.8
    debiased = [see.linear_cka(*pair, debiased=True) for pair in pairs]
    assert abs(sum(debiased) / len(debiased)) < 0.02 and max(map(abs, debiased)) < 0.2
    assert see.linear_cka(pairs[0][0], 3 * pairs[0][0] + 1, debiased=True) == pytest.approx(1)


def test_debiased_cka_is_the_mean_over_all_fours_of_pictures():
    """Unbiased HSIC is a U-statistic: the mean over ordered (i, j, q, r), all different, of
    K_ij (L_ij + L_qr - 2 L_iq) (Song et al. 2012, theorem 5)."""
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(6, 3, generator=generator).double() for _ in range(2))

    def statistic(a, b):
        fours = list(permutations(range(6), 4))
        return sum(a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q]) for i, j, q, r in fours) / len(fours)

    a, b = x @ x.T, y @ y.T
    expected = statistic(a, b) / (statistic(a, a) * statistic(b, b)).sqrt()
    assert see.linear_cka(x, y, debiased=True) == pytest.approx(expected.item(), rel=1e-9)


def test_cka_refuses_what_it_cannot_compare():
    with pytest.raises(CourseError, match="got 3 and 4"):
        see.linear_cka(torch.randn(3, 2), torch.randn(4, 2))
    with pytest.raises(CourseError, match="same everywhere"):
        see.linear_cka(torch.ones(5, 2), torch.randn(5, 2))


def test_pca_finds_the_line_that_points_lie_on():
    t = torch.linspace(-1, 1, 40)
    points = torch.stack([3 * t, 4 * t, torch.zeros(40)], 1) + 7
    first = see.pca(points, 2)
    assert torch.allclose(first[:, 0].abs(), 5 * t.abs(), atol=1e-4)
    assert first[:, 1].abs().max() < 1e-4
    with pytest.raises(CourseError, match="no 4 components"):
        see.pca(points, 4)


def test_neighbours_by_hand():
    points = torch.tensor([[0.0], [1], [2.5], [10]])
    # nearest: 0 -> 1, 1 -> 0, 2.5 -> 1, 10 -> 2.5
    assert see.neighbour_accuracy(points, torch.tensor([0, 0, 1, 1])) == 0.75


def test_tsne_keeps_far_groups_apart():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    points = torch.randn(60, 8, generator=generator) + 20 * labels[:, None]
    shown = see.tsne(points, perplexity=10)
    assert shown.shape == (60, 2)
    assert see.neighbour_accuracy(shown, labels) == 1
