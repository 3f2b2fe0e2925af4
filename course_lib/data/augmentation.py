"""Random views of pictures: small shifts, turns, zooms and changes of light.

No flips: they change digits.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SHIFT, TURN, ZOOM = 0.12, math.radians(12), 0.12  # share of the picture, radians, share
BRIGHTNESS, CONTRAST = 0.12, 0.2
_CHUNK = 256


def augmented(pictures: Tensor, seed: int) -> Tensor:
    """One random view of each picture: uint8 (n, 3, h, w) -> the same. Equal seeds give equal
    views.

    Cut corners are filled by reflection.
    """
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(len(pictures), 6, generator=generator).mul_(2).sub_(1).to(pictures.device)
    views = torch.empty_like(pictures)
    for first in range(0, len(pictures), _CHUNK):
        rows = slice(first, first + _CHUNK)
        views[rows] = _view(pictures[rows], draws[rows])
    return views


def _view(pictures: Tensor, draws: Tensor) -> Tensor:
    right, down, turn, zoom, light, contrast = draws.unbind(1)
    turn, scale = turn * TURN, 1 + zoom * ZOOM
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    affine = torch.stack([cos, -sin, 2 * SHIFT * right, sin, cos, 2 * SHIFT * down], 1).view(
        -1, 2, 3
    )
    grid = F.affine_grid(affine, list(pictures.shape), align_corners=False)
    x = pictures.float()
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + CONTRAST * contrast).view(-1, 1, 1, 1)
    x = x + 255 * BRIGHTNESS * light.view(-1, 1, 1, 1)
    return x.round().clamp(0, 255).to(torch.uint8)
