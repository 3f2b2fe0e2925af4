"""Shapes as signed distance functions: negative inside, positive outside, zero on the outline.

Every function takes the coordinates u (to the right) and v (upwards), two float tensors of one
shape, and gives the distance in the same unit. A shape fills the disc of radius one. Formulas for
circle, box, polygon and segment distances are the standard ones (I. Quilez, "2D distance
functions"); the objects are unions and differences of them.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Shape = Callable[[Tensor, Tensor], Tensor]


def disc(u: Tensor, v: Tensor, x: float, y: float, radius: float) -> Tensor:
    return torch.sqrt((u - x) ** 2 + (v - y) ** 2) - radius


def box(u: Tensor, v: Tensor, x: float, y: float, width: float, height: float) -> Tensor:
    """Axis-parallel box around (x, y); width and height are half lengths."""
    du, dv = (u - x).abs() - width, (v - y).abs() - height
    outside = torch.sqrt(du.clamp(min=0) ** 2 + dv.clamp(min=0) ** 2)
    return outside + torch.maximum(du, dv).clamp(max=0)


def polygon(u: Tensor, v: Tensor, points: Sequence[tuple[float, float]]) -> Tensor:
    """Exact distance to a simple polygon; inside by the even-odd rule."""
    nearest = torch.full_like(u, math.inf)
    inside = torch.zeros_like(u, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = u - ax, v - ay
        t = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, (wx - ex * t) ** 2 + (wy - ey * t) ** 2)
        if ay != by:
            crosses = (v >= min(ay, by)) & (v < max(ay, by))
            inside ^= crosses & (u < ax + (v - ay) * (ex / ey))
    return torch.sqrt(nearest) * torch.where(inside, -1.0, 1.0)


def segment(
    u: Tensor, v: Tensor, a: tuple[float, float], b: tuple[float, float], r: float
) -> Tensor:
    """A thick line from a to b with round ends of radius r."""
    ex, ey = b[0] - a[0], b[1] - a[1]
    t = (((u - a[0]) * ex + (v - a[1]) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
    return torch.sqrt((u - a[0] - ex * t) ** 2 + (v - a[1] - ey * t) ** 2) - r


def union(*parts: Tensor) -> Tensor:
    joined = parts[0]
    for part in parts[1:]:
        joined = torch.minimum(joined, part)
    return joined


def minus(whole: Tensor, part: Tensor) -> Tensor:
    return torch.maximum(whole, -part)


def both(a: Tensor, b: Tensor) -> Tensor:
    return torch.maximum(a, b)


def regular(sides: int, turn: float = 0.0) -> list[tuple[float, float]]:
    """Corners of a regular polygon on the unit circle, the first one on top."""
    angles = [math.pi / 2 + turn + 2 * math.pi * k / sides for k in range(sides)]
    return [(math.cos(a), math.sin(a)) for a in angles]


def star_points(tips: int, inner: float) -> list[tuple[float, float]]:
    outer_ring, inner_ring = regular(tips), regular(tips, math.pi / tips)
    return [
        (x * r, y * r)
        for k in range(tips)
        for (x, y), r in ((outer_ring[k], 1.0), (inner_ring[k], inner))
    ]


def radial(u: Tensor, v: Tensor, lobes: int, mean: float, swing: float) -> Tensor:
    """Outline r(angle) = mean + swing * cos(lobes * angle); distance along the radius."""
    r = torch.sqrt(u * u + v * v)
    return 0.8 * (r - mean - swing * torch.cos(lobes * torch.atan2(u, v)))


def circle(u, v):
    return disc(u, v, 0, 0, 0.92)


def square(u, v):
    return box(u, v, 0, 0, 0.76, 0.76)


def triangle(u, v):
    return polygon(u, v - 0.18, [(x * 1.08, y * 1.08 - 0.1) for x, y in regular(3)])


def pentagon(u, v):
    return polygon(u, v, regular(5))


def star(u, v):
    return polygon(u, v, [(1.08 * x, 1.08 * y) for x, y in star_points(5, 0.46)])


def flower(u, v):
    return radial(u, v, 6, 0.74, 0.26)


def cross(u, v):
    return union(box(u, v, 0, 0, 0.94, 0.3), box(u, v, 0, 0, 0.3, 0.94))


def ring(u, v):
    return disc(u, v, 0, 0, 0.69).abs() - 0.26


def crescent(u, v):
    return minus(disc(u, v, 0, 0, 0.98), disc(u, v, 0.48, 0.12, 0.78))


def heart(u, v):
    lobes = union(disc(u, v, -0.44, 0.32, 0.52), disc(u, v, 0.44, 0.32, 0.52))
    return union(lobes, polygon(u, v, [(-0.87, 0.03), (0, 0.46), (0.87, 0.03), (0, -1.0)]))


def arrow(u, v):
    corners = [(0, 1), (0.82, 0.1), (0.32, 0.1), (0.32, -0.95)]
    return polygon(u, v, corners + [(-x, y) for x, y in corners[:0:-1]])


def drop(u, v):
    return union(
        disc(u, v, 0, -0.34, 0.62), polygon(u, v, [(0, 1.05), (0.56, -0.06), (-0.56, -0.06)])
    )


def gear(u, v):
    angle = torch.atan2(u, v)
    r = torch.sqrt(u * u + v * v)
    teeth = r - 0.76 - 0.2 * torch.tanh(4.0 * torch.cos(8 * angle))
    return minus(0.75 * teeth, disc(u, v, 0, 0, 0.27))


def lightning(u, v):
    corners = [
        (0.22, 1.05),
        (-0.62, -0.14),
        (-0.08, -0.14),
        (-0.3, -1.05),
        (0.64, 0.26),
        (0.1, 0.26),
    ]
    return polygon(u, v, [*corners, (0.62, 1.05)])


def house(u, v):
    walls = box(u, v, 0, -0.38, 0.66, 0.5)
    roof = polygon(u, v, [(0, 1.0), (0.96, 0.08), (-0.96, 0.08)])
    chimney = box(u, v, 0.5, 0.6, 0.13, 0.3)
    door = box(u, v, 0, -0.66, 0.16, 0.26)
    return minus(union(walls, roof, chimney), door)


def tree(u, v):
    tiers = [
        polygon(u, v, [(0, top), (half, low), (-half, low)])
        for top, low, half in ((1.05, 0.3, 0.52), (0.62, -0.18, 0.7), (0.2, -0.66, 0.86))
    ]
    return union(*tiers, box(u, v, 0, -0.84, 0.15, 0.24))


def fish(u, v):
    body = both(disc(u, v, 0.2, -0.52, 0.96), disc(u, v, 0.2, 0.52, 0.96))
    tail = polygon(u, v, [(-0.4, 0), (-1.02, 0.56), (-0.82, 0), (-1.02, -0.56)])
    return minus(union(body, tail), disc(u, v, 0.62, 0.12, 0.1))


def key(u, v):
    bow = disc(u, v, 0, 0.56, 0.33).abs() - 0.15
    shaft = box(u, v, 0, -0.4, 0.13, 0.6)
    bits = union(box(u, v, 0.24, -0.86, 0.24, 0.12), box(u, v, 0.2, -0.5, 0.2, 0.1))
    return union(bow, shaft, bits)


def mushroom(u, v):
    cap = both(disc(u, v, 0, 0.02, 0.94), -(v - 0.02))
    return union(cap, box(u, v, 0, -0.46, 0.27, 0.5))


def butterfly(u, v):
    a = u.abs()
    upper = disc(a, v, 0.52, 0.4, 0.46)
    lower = disc(a, v, 0.42, -0.46, 0.36)
    body = segment(u, v, (0, 0.62), (0, -0.72), 0.1)
    feelers = segment(a, v, (0, 0.6), (0.26, 1.0), 0.055)
    return union(upper, lower, body, feelers)


def mug(u, v):
    body = box(u, v, -0.2, 0, 0.6, 0.76)
    handle = disc(u, v, 0.44, 0.04, 0.4).abs() - 0.12
    return union(body, minus(handle, box(u, v, -0.2, 0, 0.62, 0.8)))


def crown(u, v):
    corners = [(-0.86, -0.66), (-0.98, 0.66), (-0.46, 0.02), (0, 0.88), (0.46, 0.02), (0.98, 0.66)]
    return polygon(u, v, [*corners, (0.86, -0.66)])


def leaf(u, v):
    blade = both(disc(u, v, -0.56, 0.12, 0.98), disc(u, v, 0.56, 0.12, 0.98))
    return union(blade, segment(u, v, (0, -0.6), (0, -1.05), 0.07))


def umbrella(u, v):
    canopy = both(disc(u, v, 0, -0.02, 0.98), -(v - 0.04))
    scallops = union(*(disc(u, v, x, 0.04, 0.21) for x in (-0.66, 0.0, 0.66)))
    stick = segment(u, v, (0, 0.4), (0, -0.76), 0.075)
    hook = both(disc(u, v, 0.2, -0.76, 0.2).abs() - 0.075, v + 0.76)
    return union(minus(canopy, scallops), stick, hook)


SOURCE: dict[str, Shape] = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "pentagon": pentagon,
    "star": star,
    "flower": flower,
    "cross": cross,
    "ring": ring,
    "crescent": crescent,
    "drop": drop,
    "gear": gear,
    "lightning": lightning,
    "house": house,
    "fish": fish,
    "key": key,
    "butterfly": butterfly,
    "mug": mug,
    "umbrella": umbrella,
}
HELD_OUT: dict[str, Shape] = {
    "heart": heart,
    "arrow": arrow,
    "tree": tree,
    "mushroom": mushroom,
    "crown": crown,
    "leaf": leaf,
}
ALL: dict[str, Shape] = {**SOURCE, **HELD_OUT}
