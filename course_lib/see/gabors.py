"""Gabor patches, a wave that fades out in all directions, and how much filters look like them."""

import math
from itertools import product

import torch
from torch import Tensor, nn

from course_lib.see.filters import first_filters

# What a filter is set against: periods and widths as shares of its side, twelve directions, four
# phases. Period 3.4 is a blob: less than a third of a wave fits in.
PERIODS = (0.43, 0.57, 0.71, 0.86, 1.14, 1.71, 3.43)
WIDTHS = (0.17, 0.26, 0.37)
DIRECTIONS, PHASES = 12, 4


def gabor(side: int, period: float, direction: float, phase: float, width: float) -> Tensor:
    """A Gabor patch, float (side, side): exp(-(x² + y²) / 2 width²) · cos(2π u / period + phase).

    u is the way from the centre along `direction` (radians; 0: to the right). period and width in
    pixels, phase in radians.
    """
    steps = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    along = x * math.cos(direction) + y * math.sin(direction)
    window = torch.exp(-(x**2 + y**2) / (2 * width**2))
    return window * torch.cos(2 * math.pi * along / period + phase)


def nearest_gabors(filters: Tensor) -> tuple[Tensor, Tensor]:
    """The Gabor patch that each filter resembles most.

    Args:
        filters: float (n, 3, side, side). Of each its strongest pattern is looked at: the picture
            which, in one colour, comes nearest to it (first singular vector).

    Returns:
        likeness (n,), the cosine between pattern and patch, 0 to 1; patches (n, side, side) of
        length 1, with the sign of the pattern.
    """
    side = filters.shape[-1]
    patterns = torch.linalg.svd(filters.flatten(2), full_matrices=False).Vh[:, 0]
    known = torch.stack([
        gabor(side, side * period, math.pi * turn / DIRECTIONS, 2 * math.pi * phase / PHASES,
              side * width)
        for period, turn, phase, width in product(
            PERIODS, range(DIRECTIONS), range(PHASES), WIDTHS
        )
    ]).flatten(1)  # fmt: skip
    known = known / known.norm(dim=1, keepdim=True).clamp(min=1e-12)
    cosines = patterns @ known.T
    best = cosines.abs().argmax(1, keepdim=True)
    chosen = cosines.gather(1, best)
    patches = known[best[:, 0]] * chosen.sign()
    return chosen[:, 0].abs(), patches.unflatten(1, (side, side))


def gabor_figure(model: nn.Module, most: int = 10):
    """The first filters that look most like Gabor patches, each above its patch.

    Every picture is on its own scale, zero is mid grey.
    """
    from matplotlib import pyplot as plt

    filters = first_filters(model)
    likeness, patches = nearest_gabors(filters)
    chosen = likeness.topk(min(most, len(filters))).indices
    fig, axes = plt.subplots(2, len(chosen), figsize=(0.82 * len(chosen) + 0.9, 2.4), squeeze=False)
    for column, number in zip(axes.T, chosen.tolist(), strict=True):
        colours = patches[number].expand(3, -1, -1)
        for ax, picture in zip(column, (filters[number], colours), strict=True):
            shown = 0.5 + 0.5 * picture / picture.abs().max().clamp(min=1e-12)
            ax.imshow(shown.permute(1, 2, 0).numpy(), interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
            for spine in ax.spines.values():
                spine.set_visible(False)
        column[0].set_title(f"{likeness[number]:.2f}", fontsize=9, weight="normal", loc="center")
    for ax, name in zip(axes[:, 0], ("learnt", "Gabor"), strict=True):
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    fig.suptitle("Likeness to the patch below (1: the same)", x=0.01, ha="left", fontsize=11)
    return fig
