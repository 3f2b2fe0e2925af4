"""Textures: how an object's two colours are laid out on it.

Every function takes coordinates (s, t) of one float tensor shape, in texture periods and turned
with the object, and a field of smooth random noise of the same shape in [-1, 1]; it gives the share
of the second colour in [0, 1]. Edges are softened over a fraction of a period, so that a 64-pixel
picture does not alias.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Texture = Callable[[Tensor, Tensor, Tensor], Tensor]

TAU = 2 * math.pi


def soft(x: Tensor, slope: float = 4.0) -> Tensor:
    """A soft step: 0 far below zero, 1 far above, half at zero."""
    return (0.5 + slope * x).clamp(0, 1)


def saw(x: Tensor) -> Tensor:
    """Distance to the nearest integer: a triangle wave from 0 to 0.5 with period one."""
    return (x - torch.floor(x + 0.5)).abs()


def plain(s, t, noise):
    return torch.zeros_like(s)


def stripes(s, t, noise):
    return soft(saw(s) - 0.25, 6)


def checker(s, t, noise):
    return soft(torch.sin(TAU / 2 * s) * torch.sin(TAU / 2 * t), 3)


def dots(s, t, noise):
    return soft(0.31 - torch.sqrt(saw(s) ** 2 + saw(t) ** 2), 7)


def grid(s, t, noise):
    return soft(0.13 - torch.minimum(saw(s), saw(t)), 8)


def zigzag(s, t, noise):
    return soft(saw(s + 1.2 * saw(t * 0.8)) - 0.25, 6)


def rings(s, t, noise):
    return soft(saw(torch.sqrt(s * s + t * t)) - 0.25, 6)


def bricks(s, t, noise):
    row = torch.floor(t * 1.25)
    across, up = saw(s * 0.62 + 0.5 * (row % 2)), saw(t * 1.25)
    return soft(0.13 - torch.minimum(across * 1.6, up), 8)


def blobs(s, t, noise):
    return soft(noise - 0.05, 3)


def rays(s, t, noise):
    return soft(torch.sin(7 * torch.atan2(s, t)), 2)


def halves(s, t, noise):
    return soft(s, 3)


def hollow(s, t, noise):
    """Only the outline is filled; the renderer cuts the inside out."""
    return torch.zeros_like(s)


def waves(s, t, noise):
    return soft(saw(s + 0.42 * torch.sin(TAU * 0.42 * t)) - 0.25, 6)


def honeycomb(s, t, noise):
    a = (
        torch.cos(TAU * s)
        + torch.cos(TAU * (0.5 * s + 0.866 * t))
        + torch.cos(TAU * (0.5 * s - 0.866 * t))
    )
    return soft(-a - 0.6, 1.2)


def plaid(s, t, noise):
    return 0.5 * soft(saw(s * 0.7) - 0.28, 8) + 0.5 * soft(saw(t * 0.7) - 0.28, 8)


def spiral(s, t, noise):
    return soft(saw(torch.sqrt(s * s + t * t) + torch.atan2(s, t) / TAU) - 0.25, 6)


SOURCE: dict[str, Texture] = {
    "plain": plain,
    "stripes": stripes,
    "checker": checker,
    "dots": dots,
    "grid": grid,
    "zigzag": zigzag,
    "rings": rings,
    "bricks": bricks,
    "blobs": blobs,
    "rays": rays,
    "halves": halves,
    "hollow": hollow,
}
HELD_OUT: dict[str, Texture] = {
    "waves": waves,
    "honeycomb": honeycomb,
    "plaid": plaid,
    "spiral": spiral,
}
ALL: dict[str, Texture] = {**SOURCE, **HELD_OUT}
