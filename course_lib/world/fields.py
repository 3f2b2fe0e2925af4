"""Large random fields, made once, of which every picture shows its own window."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

SIDE = 256


def _shown(field: np.ndarray) -> Tensor:
    return torch.from_numpy(field.astype(np.float32))


@lru_cache(maxsize=1)
def clouds() -> Tensor:
    """(256, 256) float32 in [-1, 1]: periodic noise with a 1/f^1.6 amplitude spectrum."""
    random = np.random.Generator(np.random.PCG64(11))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.standard_normal((SIDE, SIDE))) / frequency**1.6
    field = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return _shown(np.clip(field / (2 * field.std()), -1, 1))


@lru_cache(maxsize=1)
def blotches() -> Tensor:
    """(256, 256) float32 in [-1, 1]: periodic band-passed noise, blotches about seven pixels
    wide."""
    random = np.random.Generator(np.random.PCG64(12))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    band = np.exp(-(((np.hypot(fx, fy) - 0.075) / 0.025) ** 2))
    field = np.fft.irfft2(np.fft.rfft2(random.standard_normal((SIDE, SIDE))) * band, s=(SIDE, SIDE))
    return _shown(np.clip(field / (2 * field.std()), -1, 1))


@lru_cache(maxsize=1)
def dead_leaves() -> Tensor:
    """(256, 256) float32 in [-1, 1]: periodic overlapping discs, radii by a power law.

    The dead-leaves model shares its scale-free edges with photographs (Lee, Mumford and Huang,
    "Occlusion models for natural images", IJCV 2001).
    """
    random = np.random.Generator(np.random.PCG64(13))
    field = np.zeros((SIDE, SIDE), np.float32)
    for u in random.random(2200):
        radius = (4.0**-2 + u * (48.0**-2 - 4.0**-2)) ** -0.5  # density proportional to radius^-3
        y, x = random.random(2) * SIDE
        near = np.arange(-int(radius) - 2, int(radius) + 3)  # a disc touches only its own square
        rows, columns = (int(y) + near)[:, None], (int(x) + near)[None, :]
        cover = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
        place = rows % SIDE, columns % SIDE
        field[place] += (cover * (random.uniform(-1, 1) - field[place])).astype(np.float32)
    return _shown(field)


@lru_cache(maxsize=1)
def grain() -> Tensor:
    """(256, 256, 3) float32 with standard deviation one: sensor noise."""
    random = np.random.Generator(np.random.PCG64(14))
    return _shown(random.standard_normal((SIDE, SIDE, 3)))


def window(field: Tensor, top: Tensor, left: Tensor, size: int = 64) -> Tensor:
    """Windows into a periodic field.

    Args:
        field: (256, 256) or (256, 256, channels).
        top, left: (n,) int64, the upper left corner of each window.
        size: side of the windows in pixels.

    Returns:
        (n, size, size) or (n, size, size, channels).
    """
    steps = torch.arange(size, device=field.device)
    rows = (top.to(field.device)[:, None] + steps) % SIDE
    columns = (left.to(field.device)[:, None] + steps) % SIDE
    return field[rows[:, :, None], columns[:, None, :]]


def corners(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Upper left corners from (n, 2) uniform numbers in [0, 1)."""
    places = (numbers * SIDE).long()
    return places[:, 0], places[:, 1]


def ramp(angle: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """(n, size, size) slope that rises from about 0 to 1 in the direction of each angle
    (radians)."""
    direction_u, direction_v = torch.cos(angle), torch.sin(angle)
    return 0.5 + (u * direction_u[:, None, None] + v * direction_v[:, None, None]) / (
        2 * math.sqrt(2)
    )
