"""Fractals: attractors of iterated function systems, as extra classes for a richer pretraining.

Pretraining on fractals alone already gives useful filters (Kataoka et al., "Pre-training without
natural images", ACCV 2020). A class is a set of affine maps; a picture perturbs, turns, colours and
places its attractor.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from course_lib import checks
from course_lib.devices import usable_device
from course_lib.world import colour
from course_lib.world.fields import clouds, corners, window
from course_lib.world.random import between, choice, uniform

CLASSES = 40
_POINTS, _STEPS, _SHOWN = 600, 26, 16  # walkers, steps of each, of which the last ones are drawn
_CHUNK = {"cpu": 64, "cuda": 1024, "mps": 1024}  # pictures drawn together
_SIZE = 64


@lru_cache(maxsize=1)
def _systems() -> tuple[Tensor, Tensor]:
    """Maps (classes, 4, 2, 3) and cumulative weights (classes, 4); unused maps have weight zero."""
    random = np.random.Generator(np.random.PCG64(21))
    maps, weights = np.zeros((CLASSES, 4, 2, 3)), np.zeros((CLASSES, 4))
    for k in range(CLASSES):
        while True:
            count = random.integers(2, 5)
            system = np.zeros((4, 2, 3))
            for j in range(count):
                a, b = random.uniform(-math.pi, math.pi, 2)
                turn = [np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]]) for r in (a, b)]
                stretch = np.diag(random.uniform([0.45, 0.2], [0.85, 0.6]))
                flip = np.diag(random.choice([-1, 1], 2))
                system[j, :, :2] = turn[0] @ stretch @ turn[1] @ flip
                system[j, :, 2] = random.uniform(-1, 1, 2)
            area = np.abs(np.linalg.det(system[:, :, :2]))
            if 0.55 < area.sum() < 1.05:  # neither dust nor a filled blob
                break
        maps[k], weights[k] = system, np.maximum(area, 0.06 * (np.arange(4) < count))
    return torch.from_numpy(maps), torch.from_numpy(
        (weights / weights.sum(1, keepdims=True)).cumsum(1)
    )


@lru_cache(maxsize=1)
def _rolls() -> Tensor:
    """(steps, points) uniform numbers, the same for every picture."""
    return torch.from_numpy(np.random.Generator(np.random.PCG64(22)).random((_STEPS, _POINTS)))


def pictures(
    n: int, seed: int = 0, start: int = 0, device: torch.device | str | None = None
) -> tuple[Tensor, Tensor]:
    """Fractal pictures, drawn on `device` (default CPU).

    Returns:
        (n, 3, 64, 64) uint8 pictures and (n,) int64 classes in 0 .. CLASSES - 1, on the CPU.
        Picture i depends on (seed, i) only.
    """
    n, start = checks.whole_number(n, "n"), checks.whole_number(start, "start")
    seed, device = checks.seed(seed), usable_device(device or "cpu")
    index = torch.arange(start, start + n)
    labels = choice(seed, index, "fractal", CLASSES)
    shown = torch.empty((n, 3, _SIZE, _SIZE), dtype=torch.uint8)
    with torch.inference_mode():
        for first in range(0, n, _CHUNK[device.type]):
            rows = slice(first, first + _CHUNK[device.type])
            shown[rows] = _render(seed, index[rows], labels[rows], device)
    return shown, labels


def _render(seed: int, index: Tensor, labels: Tensor, device: torch.device) -> Tensor:
    n = len(index)
    maps, weights = _systems()
    jitter = 1 + 0.12 * (uniform(seed, index, "jitter", 24) - 0.5).view(n, 4, 2, 3)
    maps = (maps[labels] * jitter).float().to(device)
    rolls = _rolls().to(device).reshape(1, -1).expand(n, -1).contiguous()
    chosen = torch.searchsorted(weights[labels].to(device), rolls).clamp_(max=3)
    chosen = chosen.view(n, _STEPS, _POINTS)
    pictures_axis = torch.arange(n, device=device)[:, None]
    x = y = torch.zeros(n, _POINTS, device=device)
    track = []
    for step in range(_STEPS):
        m = maps[pictures_axis, chosen[:, step]]  # (n, points, 2, 3)
        x, y = (
            m[..., 0, 0] * x + m[..., 0, 1] * y + m[..., 0, 2],
            m[..., 1, 0] * x + m[..., 1, 1] * y + m[..., 1, 2],
        )
        if step >= _STEPS - _SHOWN:
            track.append(torch.stack([x, y], -1))
    points = torch.cat(track, 1)
    points = points - points.mean(1, keepdim=True)
    points = points / (2.2 * points.std(1, keepdim=True).amax(-1, keepdim=True) + 1e-6)
    turn = between(seed, index, "turn", -math.pi / 4, math.pi / 4).float().to(device)
    zoom = between(seed, index, "zoom", 0.65, 1.1).float().to(device)
    cos, sin = (zoom * torch.cos(turn))[:, None], (zoom * torch.sin(turn))[:, None]
    px = ((cos * points[..., 0] - sin * points[..., 1] + 1) * (_SIZE / 2)).long()
    py = ((sin * points[..., 0] + cos * points[..., 1] + 1) * (_SIZE / 2)).long()
    inside = (px >= 0) & (px < _SIZE) & (py >= 0) & (py < _SIZE)
    place = torch.where(inside, py * _SIZE + px, _SIZE * _SIZE)
    count = torch.zeros(n, _SIZE * _SIZE + 1, device=device)
    count.scatter_add_(1, place, torch.ones_like(place).float())
    density = torch.log1p(count[:, :-1]).view(n, _SIZE, _SIZE)
    density = (density / 2.2).clamp(0, 1)

    light = between(seed, index, "lightness", 0.4, 0.95)
    side = torch.where(light > 0.62, 1.0, -1.0)
    hue, ground_hue = uniform(seed, index, "hue"), uniform(seed, index, "ground hue")
    ground = light - side * between(seed, index, "contrast", 0.3, 0.55)
    colours = [
        colour.srgb(
            ground.clamp(0.03, 0.97), between(seed, index, "ground chroma", 0, 0.1), ground_hue
        ),
        colour.srgb(
            (ground - 0.15 * side).clamp(0.03, 0.97), between(seed, index, "c2", 0, 0.1), ground_hue
        ),
        colour.srgb(light, between(seed, index, "chroma", 0.02, 0.2), hue),
    ]
    flat, mottled, paint = (c.float().to(device)[:, None, None, :] for c in colours)
    places = corners(uniform(seed, index, "ground place", 2))
    share = 0.5 + 0.5 * window(clouds().to(device), *places)
    canvas = flat + share[..., None] * (mottled - flat)
    canvas = canvas + density[..., None] * (paint - canvas)
    return (canvas.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 3, 1, 2).cpu()
