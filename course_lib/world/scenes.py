"""The image world: one object with known factors in every picture.

`sample` draws the factors, `render` turns them into pictures. Change one factor with
`dataclasses.replace` and render again: everything else in the picture stays as it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from course_lib import checks
from course_lib.devices import usable_device
from course_lib.world import colour, shapes, textures
from course_lib.world.fields import (
    blotches,
    clouds,
    corners,
    dead_leaves,
    grain,
    ramp,
    window,
)
from course_lib.world.random import between, choice, uniform

SIZE = 64
SHAPES = tuple(shapes.ALL)
TEXTURES = tuple(textures.ALL)
SOURCE_SHAPES, HELD_OUT_SHAPES = tuple(shapes.SOURCE), tuple(shapes.HELD_OUT)
SOURCE_TEXTURES, HELD_OUT_TEXTURES = tuple(textures.SOURCE), tuple(textures.HELD_OUT)
BACKGROUNDS = ("plain", "gradient", "clouds", "leaves", "stripes", "tiles")
DOMAINS = ("day", "night")

# Pictures rendered together: few enough for a processor's cache, many enough for a GPU.
_CHUNK = {"cpu": 64, "cuda": 1024, "mps": 1024}


@dataclass(frozen=True)
class Scenes:
    """What is in each of n pictures. Every factor is a tensor of shape (n,).

    shape, texture, background index SHAPES, TEXTURES, BACKGROUNDS (int64). The others are float64:
    hue in turns, orientation and light in radians, size (half the object's width), x and y in units
    of half the picture, y upwards. distractors is how many small objects lie behind (int64), night
    is a bool. Colours, texture period and noise are drawn from (seed, index).
    """

    shape: Tensor
    texture: Tensor
    hue: Tensor
    orientation: Tensor
    size: Tensor
    x: Tensor
    y: Tensor
    background: Tensor
    light: Tensor
    distractors: Tensor
    night: Tensor
    index: Tensor
    seed: int

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows) -> "Scenes":
        """The scenes of a slice, an index tensor or a mask."""
        chosen = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "seed"}
        return replace(self, **chosen)


def sample(
    n: int,
    seed: int = 0,
    start: int = 0,
    shapes: Sequence[str] = SOURCE_SHAPES,
    textures: Sequence[str] = SOURCE_TEXTURES,
    domain: str = "day",
    distractors: int = 0,
) -> Scenes:
    """Draw the factors of n pictures, all independent and uniform.

    Args:
        n: how many.
        seed: another seed, other pictures.
        start: number of the first picture; scenes 10..19 are the same drawn alone or as part of
            0..99.
        shapes, textures: names to choose from.
        domain: "day" or "night" (the same scenes, dark, blue and noisy).
        distractors: up to this many small objects behind the main one (0 to 3).

    Raises:
        CourseError: an unknown name, an empty choice or a negative number.
    """
    n, start = checks.whole_number(n, "n"), checks.whole_number(start, "start")
    seed, distractors = checks.seed(seed), checks.whole_number(distractors, "distractors", 0, 3)
    checks.one_of(domain, "domain", DOMAINS)
    index = torch.arange(start, start + n)

    def named(stream: str, chosen: Sequence[str], known: Sequence[str]) -> Tensor:
        chosen = checks.names(chosen, f"{stream}s")
        for name in chosen:
            checks.one_of(name, stream, known)
        places = torch.tensor([known.index(name) for name in chosen])
        return places[choice(seed, index, stream, len(chosen))]

    return Scenes(
        shape=named("shape", shapes, SHAPES),
        texture=named("texture", textures, TEXTURES),
        hue=uniform(seed, index, "hue"),
        orientation=between(seed, index, "orientation", -math.pi / 4, math.pi / 4),
        size=between(seed, index, "size", 0.42, 0.7),
        x=between(seed, index, "x", -0.28, 0.28),
        y=between(seed, index, "y", -0.28, 0.28),
        background=choice(seed, index, "background", len(BACKGROUNDS)),
        light=between(seed, index, "light", 0, 2 * math.pi),
        distractors=choice(seed, index, "distractors", distractors + 1),
        night=torch.full((n,), domain == "night"),
        index=index,
        seed=seed,
    )


def render(scenes: Scenes, device: torch.device | str | None = None) -> Tensor:
    """The pictures: (n, 3, 64, 64) uint8 RGB on the CPU, rendered on `device` (default CPU)."""
    device = usable_device(device or "cpu")
    pictures = torch.empty((len(scenes), 3, SIZE, SIZE), dtype=torch.uint8)
    with torch.inference_mode():
        for first in range(0, len(scenes), _CHUNK[device.type]):
            rows = slice(first, first + _CHUNK[device.type])
            pictures[rows] = _render(scenes[rows], device)
    return pictures


def _render(scenes: Scenes, device: torch.device) -> Tensor:
    def field(numbers: Tensor) -> Tensor:
        """(n,) per-picture numbers, ready to meet (n, 64, 64) fields."""
        return numbers.float().to(device)[:, None, None]

    def draw(stream: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        return between(scenes.seed, scenes.index, stream, low, high)

    steps = (torch.arange(SIZE, device=device) + 0.5) * (2 / SIZE) - 1
    u = steps.expand(len(scenes), SIZE, SIZE).contiguous()
    v = -steps[:, None].expand(len(scenes), SIZE, SIZE).contiguous()

    palette = _palette(scenes)
    behind = _background(scenes, u, v, field)
    canvas = _mix(palette["ground"], palette["ground2"], behind, device)
    for number in range(int(scenes.distractors.max())):
        rows = torch.nonzero(scenes.distractors > number)[:, 0]
        _add_distractor(canvas, scenes[rows], rows.to(device), number, u, v, field)

    turn = field(scenes.orientation)
    cos, sin = torch.cos(turn), torch.sin(turn)
    du, dv, size = u - field(scenes.x), v - field(scenes.y), field(scenes.size)
    a, b = (cos * du + sin * dv) / size, (cos * dv - sin * du) / size
    distance = _by_kind(shapes.ALL, scenes.shape, a, b) * size

    period = field(draw("period", 0.42, 0.6))
    noise = window(blotches().to(device), *corners(uniform(scenes.seed, scenes.index, "noise", 2)))
    pattern = _by_kind(textures.ALL, scenes.texture, a / period, b / period, noise)
    hollow = field(scenes.texture == TEXTURES.index("hollow"))
    distance = torch.where(hollow > 0, (distance + 0.09).abs() - 0.09, distance)

    cover = _cover(distance)
    shading = 1 + field(draw("relief", 0.15, 0.5)) * _slope(distance, field(scenes.light))
    colours = _mix(palette["object"], palette["object2"], pattern, device) * shading[..., None]
    canvas *= 1 - (field(draw("shadow", 0.0, 0.5)) * _shadow(distance, scenes.light))[..., None]
    canvas += cover[..., None] * (colours - canvas)

    canvas *= (0.82 + 0.36 * ramp(scenes.light.float().to(device), u, v))[..., None]
    grains = window(grain().to(device), *corners(uniform(scenes.seed, scenes.index, "grain", 2)))
    strength = draw("grain strength", 0.0, 0.035)
    night = scenes.night.to(device)
    if bool(scenes.night.any()):
        canvas[night] = _night(canvas[night])
        strength = torch.where(scenes.night, draw("night grain", 0.03, 0.06), strength)
    canvas += field(strength)[..., None] * grains
    return (canvas.clamp_(0, 1) * 255).round_().to(torch.uint8).permute(0, 3, 1, 2).cpu()


def _palette(scenes: Scenes) -> dict[str, Tensor]:
    """Two colours of the object and two of the ground, each (n, 3).

    Object and ground always differ in lightness, and the object's second colour lies on the same
    side.
    """

    def draw(stream: str, low: float, high: float) -> Tensor:
        return between(scenes.seed, scenes.index, stream, low, high)

    light = draw("lightness", 0.38, 0.92)
    side = torch.where(light > 0.62, 1.0, -1.0)
    ground = light - side * draw("contrast", 0.26, 0.5)
    second = light + side * draw("second", 0.18, 0.32)
    room = (second < 0.97) & (second > 0.12)
    second = torch.where(room, second, light - side * 0.2)
    ground2 = (ground - side * draw("ground contrast", 0.03, 0.3)).clamp(0.03, 0.97)
    hue2 = scenes.hue + draw("second hue", 0.2, 0.8)
    ground_hue, spread = draw("ground hue", 0, 1), draw("ground spread", -0.15, 0.15)
    chroma = draw("chroma", 0.08, 0.2)
    return {
        "object": colour.srgb(light, chroma, scenes.hue),
        "object2": colour.srgb(second, draw("second chroma", 0.02, 0.2), hue2),
        "ground": colour.srgb(ground, draw("ground chroma", 0, 0.1), ground_hue),
        "ground2": colour.srgb(ground2, draw("ground2 chroma", 0, 0.1), ground_hue + spread),
    }


def _background(scenes: Scenes, u: Tensor, v: Tensor, field) -> Tensor:
    """(n, 64, 64) share of the second ground colour in [0, 1]."""
    numbers = uniform(scenes.seed, scenes.index, "ground place", 2)
    angle = field(between(scenes.seed, scenes.index, "ground angle", 0, math.pi))
    pitch = field(between(scenes.seed, scenes.index, "ground pitch", 1.2, 3.2))
    share = torch.zeros_like(u)

    def tilted(rows: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = torch.cos(angle[rows]), torch.sin(angle[rows])
        return pitch[rows] * (cos * u[rows] + sin * v[rows]), pitch[rows] * (
            cos * v[rows] - sin * u[rows]
        )

    for kind, name in enumerate(BACKGROUNDS):
        here = torch.nonzero(scenes.background == kind)[:, 0]
        if name == "plain" or not len(here):
            continue
        rows = here.to(u.device)
        if name in ("clouds", "leaves"):
            whole = (clouds if name == "clouds" else dead_leaves)().to(u.device)
            value = 0.5 + 0.5 * window(whole, *corners(numbers[here]))
        elif name == "gradient":
            value = (0.5 + 0.25 * tilted(rows)[0]).clamp(0, 1)
        else:
            value = (textures.stripes if name == "stripes" else textures.checker)(
                *tilted(rows), None
            )
        share[rows] = value
    return share


def _add_distractor(canvas, scenes, rows, number, u, v, field) -> None:
    """Paint a small plain object near the rim of the pictures `rows`, in place."""

    def draw(stream: str, low: float, high: float) -> Tensor:
        return between(scenes.seed, scenes.index, f"distractor {number} {stream}", low, high)

    angle, size = draw("angle", 0, 2 * math.pi), field(draw("size", 0.14, 0.26))
    kind = (draw("shape", 0, 1) * len(SOURCE_SHAPES)).long()
    du, dv = u[rows] - field(0.85 * torch.cos(angle)), v[rows] - field(0.85 * torch.sin(angle))
    turn = field(draw("turn", 0, 2 * math.pi))
    cos, sin = torch.cos(turn), torch.sin(turn)
    distance = size * _by_kind(
        shapes.ALL, kind, (cos * du + sin * dv) / size, (cos * dv - sin * du) / size
    )
    paint = colour.srgb(draw("lightness", 0.2, 0.9), draw("chroma", 0, 0.15), draw("hue", 0, 1))
    paint = paint.float().to(canvas.device)[:, None, None, :]
    canvas[rows] += _cover(distance)[..., None] * (paint - canvas[rows])


def _by_kind(functions: dict, kinds: Tensor, *arguments: Tensor) -> Tensor:
    """Apply to each picture the function of its kind; pictures of one kind are computed
    together."""
    values = torch.empty_like(arguments[0])
    for kind, function in enumerate(functions.values()):
        rows = torch.nonzero(kinds == kind)[:, 0].to(values.device)
        if len(rows):
            values[rows] = function(*(argument[rows] for argument in arguments))
    return values


def _mix(first: Tensor, second: Tensor, share: Tensor, device: torch.device) -> Tensor:
    """(n, 64, 64, 3) colours between (n, 3) first and second."""
    first, second = (c.float().to(device)[:, None, None, :] for c in (first, second))
    return first + share[..., None] * (second - first)


def _cover(distance: Tensor) -> Tensor:
    """Share of each pixel that lies inside, from the distance to the outline."""
    return (0.5 - distance * (SIZE / 2) / 1.25).clamp(0, 1)


def _slope(distance: Tensor, light: Tensor) -> Tensor:
    """Brightness, about -1 to 1, of a rounded edge under light that comes from the angle
    `light`."""
    depth = (-distance / 0.16).clamp(0, 1)
    height = torch.sqrt((depth * (2 - depth)).clamp(min=0)) * 3.2
    rise_u, rise_v = torch.zeros_like(height), torch.zeros_like(height)
    rise_u[:, :, 1:-1] = (height[:, :, 2:] - height[:, :, :-2]) / 2
    rise_v[:, 1:-1, :] = (height[:, :-2, :] - height[:, 2:, :]) / 2
    return (-rise_u * torch.cos(light) - rise_v * torch.sin(light)).clamp(-1, 1)


def _shadow(distance: Tensor, light: Tensor) -> Tensor:
    """(n, 64, 64) soft shadow in [0, 1], cast three pixels away from the light."""
    reach = 3.5
    steps = torch.arange(SIZE, device=distance.device)
    right = (reach * torch.cos(light)).round().long().to(distance.device)
    up = (reach * torch.sin(light)).round().long().to(distance.device)
    rows = (steps - up[:, None]).clamp(0, SIZE - 1)
    columns = (steps + right[:, None]).clamp(0, SIZE - 1)
    pictures = torch.arange(len(distance), device=distance.device)[:, None, None]
    moved = distance[pictures, rows[:, :, None], columns[:, None, :]]
    return (0.5 - moved * (SIZE / 2) / 5).clamp(0, 1)


def _night(canvas: Tensor) -> Tensor:
    """The same light-filled scene under a blue moon."""
    tint = torch.tensor([0.52, 0.66, 1.0], device=canvas.device)
    grey = canvas.mean(-1, keepdim=True)
    return 0.5 * tint * (0.45 * canvas + 0.55 * grey) ** 1.2 + 0.02
