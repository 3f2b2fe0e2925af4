"""Probes find what was planted, and only that."""

import pytest
import torch

from course_lib import load_backbone, see, world
from course_lib.errors import CourseError
from course_lib.see.probes import FACTORS, skill


def splits(x, y, sizes=(200, 80, 120)):
    return tuple(x.split(sizes)), tuple(y.split(sizes))


def test_planted_numbers_are_read_and_noise_is_not():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 20, generator=generator)
    planted = (x[:, 3] - 2 * x[:, 7])[:, None]
    noise = torch.randn(400, 1, generator=generator)
    assert see.probe(*splits(x, planted)).test > 0.99
    assert see.probe(*splits(x, noise)).test < 0.1


def test_planted_kinds_are_read_and_shuffled_ones_are_at_chance():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 4, (400,), generator=generator)
    x = torch.randn(400, 16, generator=generator)
    x[torch.arange(400), labels] += 4
    shuffled = labels[torch.randperm(400, generator=generator)]
    assert see.probe(*splits(x, labels)).test > 0.9
    assert see.probe(*splits(x, shuffled)).test < 0.45
    two = (labels > 1).long()
    assert see.probe(*splits(x, two), metric="auc").test > 0.95


def test_a_probe_is_ridge_regression_with_the_best_penalty():
    """Against scikit-learn's, fitted on the same rows with the same penalties."""
    from sklearn.linear_model import Ridge

    from course_lib.see.probes import PENALTIES

    generator = torch.Generator().manual_seed(2)
    x = torch.randn(400, 10, generator=generator).double()
    y = x[:, :1] + 0.8 * torch.randn(400, 1, generator=generator).double()
    (tx, vx, sx), (ty, vy, sy) = splits(x, y)
    unit = (tx - tx.mean(0)).square().sum().item() / 10
    fits = [Ridge(alpha=p * unit).fit(tx, ty) for p in PENALTIES]
    best = max(fits, key=lambda fit: fit.score(vx, vy))
    found = see.probe((tx, vx, sx), (ty, vy, sy))
    assert found.test == pytest.approx(best.score(sx, sy), abs=1e-6)
    assert found.validation == pytest.approx(best.score(vx, vy), abs=1e-6)


def test_matched_features_have_one_dimension_and_keep_the_largest_variance():
    x = torch.randn(50, 30)
    first, other = see.match_dimension(x, [torch.randn(7, 30)], 8)
    assert first.shape == (50, 8) and other.shape == (7, 8)
    assert see.match_dimension(x[:6], [], 8)[0].shape == (6, 5)
    spread = first.var(0)
    assert (spread[:-1] >= spread[1:] - 1e-4).all()


def test_a_channel_that_is_silent_in_training_does_not_speak_later():
    x = torch.randn(40, 5)
    x[:, 2] = 0
    later = torch.zeros(1, 5)
    later[0, 2] = 1e9
    _, moved = see.match_dimension(x, [later], 4)
    calm = later.clone()
    calm[0, 2] = 0
    assert torch.allclose(moved, see.match_dimension(x, [calm], 4)[1])


def test_skill_is_zero_at_chance_and_one_when_perfect():
    assert skill(0.25, 0.25) == 0 and skill(1, 0.25) == 1 and skill(0.0, 0.5) == -1
    with pytest.raises(CourseError, match="below 1"):
        skill(0.5, 1.0)


def test_every_stage_is_probed_for_every_factor():
    model = load_backbone()
    parts = [(world.render(s), s) for s in (world.sample(60, seed=k) for k in (1, 2, 3))]
    found = see.probe_factors(model, tuple(parts), dimension=16)
    assert list(found) == ["pixels", *model.stage_names]
    assert all(list(row) == [factor.name for factor in FACTORS] for row in found.values())
    assert found["layer4"]["shape"] > 0.5 > found["pixels"]["shape"]
