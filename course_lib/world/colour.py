"""Colours chosen by lightness, so that an object always stands out from what lies behind it."""

import math

import torch
from torch import Tensor

# OKLab (B. Ottosson, 2020): cone responses from OKLab, and linear sRGB from cone responses.
_CONES = torch.tensor(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.291485548],
    ],
    dtype=torch.float64,
)
_LINEAR = torch.tensor(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.707614701],
    ],
    dtype=torch.float64,
)


def srgb(lightness: Tensor, chroma: Tensor, hue: Tensor) -> Tensor:
    """sRGB of OKLCh colours.

    Args:
        lightness: (n,) float64 in [0, 1].
        chroma: (n,) float64, 0 for grey, about 0.2 for a strong colour.
        hue: (n,) float64 in turns.

    Returns:
        (n, 3) float64 in [0, 1]; colours outside the gamut are clipped.
    """
    angle = 2 * math.pi * hue
    lab = torch.stack([lightness, chroma * torch.cos(angle), chroma * torch.sin(angle)], -1)
    linear = ((lab @ _CONES.T) ** 3 @ _LINEAR.T).clamp(0, 1)
    return torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055
    )
