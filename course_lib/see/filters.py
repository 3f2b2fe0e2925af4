"""The filters of the first convolution, as pictures."""

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError


def first_filters(model: nn.Module) -> Tensor:
    """Weights of the first convolution that reads RGB: float (filters, 3, height, width), a copy.

    Raises CourseError when the model has none.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            return module.weight.detach().float().cpu().clone()
    raise CourseError(f"{type(model).__name__} has no convolution that reads three channels.")


def orientation_selectivity(filters: Tensor) -> Tensor:
    """How strongly each filter prefers one orientation: (filters,), 0 for none, 1 for one only.

    The energy of the grey filter's Fourier spectrum at orientation a, summed as vectors of angle
    2a and divided by the energy in all (the circular variance of orientation tuning, Ringach,
    Shapley and Hawken 2002, subtracted from one). The mean is removed first.
    """
    grey = filters.mean(1)
    grey = grey - grey.mean((1, 2), keepdim=True)
    energy = torch.fft.fft2(grey, s=(32, 32)).abs() ** 2
    frequency = torch.fft.fftfreq(32)
    angle = torch.atan2(frequency[:, None], frequency[None, :])
    vector = (energy * torch.exp(2j * angle)).sum((1, 2))
    return vector.abs() / energy.sum((1, 2)).clamp(min=1e-12)


def smoothness(filters: Tensor) -> Tensor:
    """Share of each filter's energy in coarse structure: (filters,), 0 fine noise, 1 a flat colour.

    Coarse is what changes more slowly than once in six pixels, in any colour.
    """
    energy = torch.fft.fft2(filters, s=(32, 32)).abs() ** 2
    frequency = torch.fft.fftfreq(32)
    coarse = torch.sqrt(frequency[:, None] ** 2 + frequency**2) < 1 / 6
    return (energy * coarse).sum((1, 2, 3)) / energy.sum((1, 2, 3)).clamp(min=1e-12)


def filter_figure(pairs: dict[str, nn.Module], columns: int = 8):
    """First-layer filters of several nets side by side, each net on its own symmetric scale.

    Args:
        pairs: title -> model. Zero is mid grey; the largest absolute weight of a net is black or
            full colour, so that all filters of one net can be compared with each other.
        columns: filters in a row.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 2.3), squeeze=False)
    for ax, (title, model) in zip(axes[0], pairs.items(), strict=True):
        filters = first_filters(model)
        shown = 0.5 + 0.5 * filters / filters.abs().quantile(0.998).clamp(min=1e-12)
        n, _, height, width = shown.shape
        rows = -(-n // columns)
        sheet = torch.ones(3, rows * (height + 1) - 1, columns * (width + 1) - 1)
        for place in range(n):
            top, left = place // columns * (height + 1), place % columns * (width + 1)
            sheet[:, top : top + height, left : left + width] = shown[place].clamp(0, 1)
        ax.imshow(sheet.permute(1, 2, 0).numpy(), interpolation="nearest")
        ax.set_title(title)
        ax.set_axis_off()
    return fig
