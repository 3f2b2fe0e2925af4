"""Gabor patches, and filters set against them."""

import math

import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.backbones.worldnet import WorldNet
from course_lib.see import gabor, gabor_figure, nearest_gabors


def test_a_patch_has_the_values_of_its_formula():
    patch = gabor(9, period=4, direction=0, phase=0, width=2)
    assert patch[4, 4] == 1
    assert patch[4, 6].item() == pytest.approx(-math.exp(-1 / 2))  # two pixels along the wave
    assert patch[6, 4].item() == pytest.approx(math.exp(-1 / 2))  # two pixels across it
    assert patch[4, 5].item() == pytest.approx(0, abs=1e-6)  # a quarter of the wave


def test_a_direction_turns_the_patch():
    flat = gabor(7, 3, direction=0, phase=0.3, width=2)
    assert torch.allclose(gabor(7, 3, direction=math.pi / 2, phase=0.3, width=2), flat.T, atol=1e-6)


def test_a_patch_in_any_colour_is_like_itself_and_noise_is_not():
    colour = torch.tensor([0.2, -1.0, 0.5])
    patch = gabor(7, period=7 * 0.86, direction=math.pi / 3, phase=math.pi / 2, width=7 * 0.26)
    blob = gabor(7, period=7 * 3.43, direction=0, phase=0, width=7 * 0.37)
    planted = torch.stack([patch, blob])[:, None] * colour[:, None, None]
    likeness, patches = nearest_gabors(planted)
    assert torch.allclose(likeness, torch.ones(2), atol=1e-5)
    assert torch.allclose(patches.flatten(1).norm(dim=1), torch.ones(2), atol=1e-5)
    noise = torch.randn(50, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    assert nearest_gabors(noise)[0].max() < 0.75


def test_the_figure_shows_each_filter_above_its_patch():
    fig = gabor_figure(WorldNet(2), most=4)
    assert len(fig.axes) == 8
    shown = [float(ax.get_title(loc="center")) for ax in fig.axes[:4]]
    assert shown == sorted(shown, reverse=True) and all(0 < value <= 1 for value in shown)
    plt.close("all")
