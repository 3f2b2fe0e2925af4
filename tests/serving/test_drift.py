"""The drift check: silent on the same kind of pictures, loud on others, honest about too few."""

import pytest
import torch

from course_lib.serving import drift
from course_lib.serving.drift import LEVEL, compare, make_reference


def features(n, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(8, 40, generator=torch.Generator().manual_seed(0))
    return (torch.randn(n, 8, generator=generator) + shift) @ mixing


def test_alarms_on_the_same_kind_of_pictures_are_about_as_rare_as_promised():
    reference = make_reference(features(300, 1))
    alarms = [compare(reference, features(60, seed)).drifted for seed in range(100, 300)]
    assert sum(alarms) / len(alarms) <= 3 * LEVEL


def test_a_shift_is_noticed():
    found = compare(make_reference(features(300, 1)), features(60, 2, shift=0.8))
    assert found.drifted and found.p_value < 1e-4 and 0.3 < found.distance <= 1
    assert "label some and check" in found.sentence


def test_the_largest_distance_is_that_of_kolmogorov_and_smirnov():
    """By hand: one component; all 10 new values lie above all 12 old ones, so the distance is 1."""
    old = torch.arange(12.0)[:, None] * torch.tensor([[1.0, 0.0]])
    reference = make_reference(old)
    found = compare(reference, old[:10] + torch.tensor([100.0, 0.0]))
    assert found.distance == 1.0


@pytest.mark.parametrize(("old", "new"), [(9, 50), (50, 9), (50, 0)])
def test_too_few_pictures_say_so_and_never_alarm(old, new):
    found = compare(make_reference(features(old, 1)), features(new, 2, shift=9.0))
    assert not found.drifted and "Too few" in found.sentence


def test_a_saved_model_tells_dark_pictures_from_its_own(trained):
    assert not drift(trained.saved, trained.task.validation.pictures).drifted
    assert drift(trained.saved, trained.pictures // 8).drifted
