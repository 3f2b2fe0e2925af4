"""Phantom chest radiographs: X-rays through random ellipsoids, with or without an opacity.

Parallel beams cross a child made of (super)ellipsoids; what reaches the detector follows the law of
Beer and Lambert, I = I0 exp(-sum mu * thickness), so that every picture comes with exact factors.
One child has two to four pictures: the same anatomy, another positioning, another moment of the
illness. The **label belongs to the child** (all pictures of one child share it), as in most
collections of real radiographs: a split by picture therefore leaks, a split by patient does not.

Lengths are in decimetres: the picture spans about 2 dm and its centre is (0, 0), x to the right and
y downwards as one looks at it. The child's right lung is therefore at negative x.
"""

import math
from dataclasses import dataclass

import torch

from course_lib import checks
from course_lib.devices import usable_device
from course_lib.world.fields import blotches, clouds, corners, grain, window
from course_lib.world.random import choice, uniform

SIZE = 64
CLASSES = ("clear", "opacity")
KINDS = ("focal", "lobar", "patchy")  # a round focus, a wedge of one lobe, scattered patches

# Linear attenuation in 1/dm at roughly 60 keV. Inflated lung is mostly air.
MU_TISSUE, MU_LUNG, MU_BONE = 2.0, 0.55, 4.2

_CHUNK = 64  # pictures drawn at once: small enough to stay in the cache of a processor

# Twelve consecutive pictures show four children with 2, 3, 4 and 3 pictures.
_CHILD_OF_PICTURE = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3])


@dataclass(frozen=True)
class Scanner:
    """How a machine turns X-rays into grey values."""

    photons: float  # per detector pixel without a patient; fewer give more noise
    blur: tuple[float, float]  # weight of the two neighbours in each direction, 0 to 0.3
    scatter: tuple[float, float]  # veil of scattered photons, as a share of I0
    black: tuple[float, float]  # -log(I / I0) that is shown black
    white: tuple[float, float]  # -log(I / I0) that is shown white
    gamma: tuple[float, float]  # exponent of the tube and film response
    grain: float  # standard deviation of the noise of the film or the reader, in grey values / 255
    border: float  # width of the blades of the collimator in dm, shown white
    mark: str  # "L" in the upper left corner or "T" in the upper right one


SCANNERS = {
    # A modern digital detector: sharp, quiet, a straight tone curve.
    "A": Scanner(
        photons=6000,
        blur=(0.06, 0.14),
        scatter=(0.01, 0.03),
        black=(0.1, 0.5),
        white=(2.8, 3.6),
        gamma=(0.85, 1.15),
        grain=0.008,
        border=0.0,
        mark="L",
    ),
    # An older mobile unit with image plates: soft, grainy, hard tone curve, blades in the picture.
    "B": Scanner(
        photons=2500,
        blur=(0.2, 0.3),
        scatter=(0.03, 0.06),
        black=(0.0, 0.35),
        white=(2.3, 2.9),
        gamma=(1.3, 1.9),
        grain=0.015,
        border=0.05,
        mark="T",
    ),
}

# The range of each quantity; a child's own value is uniform in it.
ANATOMY = {
    "body_width": (0.88, 1.12),  # half the width of the chest
    "body_depth": (0.56, 0.72),  # half of its depth
    "shoulder": (-1.06, -0.8),  # height of the shoulder line beside the neck
    "slope": (0.12, 0.4),  # how fast it falls outwards
    "neck": (0.22, 0.38),
    "lung_middle": (0.40, 0.46),  # distance of each lung's axis from the spine
    "lung_width": (0.29, 0.36),
    "lung_tilt": (0.08, 0.2),
    "lung_top": (-0.84, -0.66),
    "lung_depth": (0.38, 0.48),
    "dome_right": (0.40, 0.62),  # height of the diaphragm at its highest
    "dome_drop": (0.0, 0.1),  # how much lower it stands on the left
    "dome_curve": (0.08, 0.24),
    "heart_x": (0.08, 0.16),
    "heart_width": (0.3, 0.4),
    "heart_height": (0.24, 0.33),
    "heart_tilt": (0.35, 0.9),
    "middle_width": (0.13, 0.19),  # mediastinum
    "thymus": (0.0, 0.16),  # large in small children, looks like a white sail beside the heart
    "thymus_side": (-1.0, 1.0),
    "spine_width": (0.08, 0.12),
    "bend": (-0.06, 0.06),  # curvature of the spine
    "rib_gap": (0.16, 0.2),
    "rib_phase": (0.0, 1.0),
    "rib_slope": (-0.35, -0.1),
    "rib_curve": (0.55, 0.95),
    "rib_radius": (0.03, 0.045),
    "rib_bone": (0.2, 0.6),  # share of bone in the rib; children's ribs are soft
    "clavicle_y": (-0.82, -0.66),
    "clavicle_rise": (0.02, 0.22),
    "vessels": (0.05, 0.18),  # share of blood in the brightest vessels of the lung
    "vessel_phase": (0.0, 6.28),
    "lung_haze": (0.0, 0.25),
    "stomach_x": (0.3, 0.6),
    "stomach_width": (0.0, 0.22),  # air below the left diaphragm; none where under 0.1
}
POSITIONING = {
    "turn": (-0.11, 0.11),  # radians
    "zoom": (0.98, 1.32),
    "x": (-0.09, 0.09),
    "y": (-0.06, 0.12),
    "rotation": (-0.08, 0.08),  # the child is turned about its long axis: the heart moves sideways
    "breath": (-0.1, 0.08),  # how far the diaphragm moves down
    "lead": (-3.0, 0.5),  # height of an electrode's wire, mostly outside the picture
    "lead_x": (-0.7, 0.7),
    "lead_slope": (-0.8, 0.8),
}


@dataclass(frozen=True)
class Radiographs:
    """Pictures with everything that is known about them; row i is picture `start + i` of the seed.

    Attributes:
        pictures: (n, 3, 64, 64) uint8, three equal channels, bone bright.
        labels: (n,) int64, 0 clear, 1 opacity.
        patient: (n,) int64, the number of the child; pictures of one child are consecutive.
        x, y: (n,) float32, centre of the opacity in pixels (column, row); NaN in a clear chest.
        radius: (n,) float32, radius (for a wedge half the height) in pixels; NaN in a clear chest.
        contrast: (n,) float32, share of the air that fluid replaces where densest; 0 clear.
        kind: (n,) int64, index in KINDS; -1 in a clear chest.
        mark: (n,) bool, whether the scanner's mark is in the corner.
        scanner: "A" or "B".
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    patient: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    radius: torch.Tensor
    contrast: torch.Tensor
    kind: torch.Tensor
    mark: torch.Tensor
    scanner: str


def radiographs(
    n: int,
    seed: int = 0,
    scanner: str = "A",
    start: int = 0,
    marker: float = 0.5,
    device: str | torch.device | None = None,
) -> Radiographs:
    """Draw `n` phantom radiographs; about half of the children have an opacity.

    Picture i depends only on (seed, i), the scanner and `marker`. The two scanners see the same
    children for the same seed, so that they can be compared; take another seed, or another `start`,
    where source and target must not share children. Twelve pictures in a row are four whole
    children, so a multiple of 12 is a place where `start` cuts no child in two.

    Args:
        n: how many pictures.
        seed: any integer.
        scanner: "A" (digital, sharp) or "B" (older, soft, grainy, hard tone curve).
        start: number of the first picture.
        marker: probability that the mark in the corner is there exactly when there is an opacity.
            0.5 makes it independent of the label, 1 a perfect confounder.
        device: where the pictures are made and stay; the factors stay on the CPU.

    Raises:
        CourseError: negative `n` or `start`, unknown scanner, `marker` outside [0, 1].
    """
    n, seed, start = _checked(n, seed, start)
    checks.one_of(scanner, "scanner", SCANNERS)
    marker = checks.number(marker, "marker, a probability,", least=0, most=1)
    device = usable_device(device or "cpu")
    index = torch.arange(start, start + n)
    patient = _patient(index)
    ill = _is_ill(seed, patient)
    agrees = uniform(seed, index, "mark") < marker
    mark = torch.where(agrees, ill, ~ill)
    found = _opacity(seed, index)
    column, row, radius = _in_pixels(seed, index, found)

    parts = [
        _photograph(seed, part, SCANNERS[scanner], shown, device)
        for part, shown in zip(index.split(_CHUNK), mark.split(_CHUNK), strict=True)
    ]
    nothing = torch.tensor(math.nan)
    return Radiographs(
        pictures=torch.cat(parts)[:, None].repeat(1, 3, 1, 1),
        labels=ill.long(),
        patient=patient,
        x=torch.where(ill, column, nothing),
        y=torch.where(ill, row, nothing),
        radius=torch.where(ill, radius, nothing),
        contrast=torch.where(ill, found["contrast"], 0.0).float(),
        kind=torch.where(ill, found["kind"], -1),
        mark=mark,
        scanner=scanner,
    )


def lung_masks(n: int, seed: int = 0, start: int = 0) -> torch.Tensor:
    """(n, 64, 64) bool, where the same pictures of `radiographs` show lung in front of the X-rays.

    Lung that the heart or the diaphragm hides completely does not count. Both scanners agree.
    """
    n, seed, start = _checked(n, seed, start)
    chunks = torch.arange(start, start + n).split(_CHUNK)
    return torch.cat([_project(seed, part, torch.device("cpu")).lung > 0.05 for part in chunks])


def ellipsoid(x: torch.Tensor, y: torch.Tensor, a: float, b: float, c: float) -> torch.Tensor:
    """Thickness along the beam of an ellipsoid with half-axes a, b (picture plane) and c (beam).

    Args:
        x, y: coordinates relative to its centre, any equal shape; a, b, c in the same unit.
    """
    return 2 * c * (1 - (x / a).square() - (y / b).square()).clamp(min=0).sqrt()


def beer_lambert(
    intensity: float | torch.Tensor, layers: list[tuple[float, float | torch.Tensor]]
) -> torch.Tensor:
    """Intensity behind `layers` of (attenuation mu, thickness): I0 exp(-sum mu * thickness).

    August Beer (1852) after Lambert (1760). The units of mu and thickness must cancel.
    """
    return intensity * torch.exp(-sum(torch.as_tensor(mu * thickness) for mu, thickness in layers))


# ------------------------------------------------------------------------------------------
# Factors: float64 on the CPU, so that a picture does not depend on the machine.


def _checked(n: int, seed: int, start: int) -> tuple[int, int, int]:
    return checks.whole_number(n, "n", 1), checks.seed(seed), checks.whole_number(start, "start")


def _patient(index: torch.Tensor) -> torch.Tensor:
    block = len(_CHILD_OF_PICTURE)
    return 4 * (index // block) + _CHILD_OF_PICTURE[index % block]


def _is_ill(seed: int, patient: torch.Tensor) -> torch.Tensor:
    return uniform(seed, patient, "ill") < 0.5


def _draw(
    seed: int, index: torch.Tensor, stream: str, ranges: dict[str, tuple[float, float]]
) -> dict[str, torch.Tensor]:
    """A (n,) float64 column for each named range."""
    numbers = uniform(seed, index, stream, k=len(ranges))
    return {
        name: low + (high - low) * numbers[:, column]
        for column, (name, (low, high)) in enumerate(ranges.items())
    }


def _opacity(seed: int, index: torch.Tensor) -> dict[str, torch.Tensor]:
    """The opacity that each picture has or, in a clear chest, would have had; lengths in dm.

    Side, place and kind belong to the child, size and density to the picture: the illness changes.
    """
    patient = _patient(index)
    body = _draw(seed, patient, "anatomy", ANATOMY)
    pose = _draw(seed, index, "positioning", POSITIONING)
    # Half of the illnesses are scattered patches, the rest focal or lobar.
    kind = choice(seed, patient, "kind", 4).clamp(max=2)
    place = uniform(seed, patient, "place", k=4)
    course = uniform(seed, index, "course", k=2)

    side = torch.where(place[:, 0] < 0.5, -1.0, 1.0)
    bottom = body["dome_right"] + body["dome_drop"] * (side > 0) + pose["breath"]
    top = body["lung_top"]
    y = top + (bottom - top) * (0.28 + 0.57 * place[:, 1])
    # Between the edge of the heart (or of the lung itself) and the side of the chest.
    width = _lung_width(body, y)
    axis = body["lung_middle"] + body["lung_tilt"] * y
    heart = torch.where(
        (y > -0.2) & (side > 0),
        body["heart_x"] + body["heart_width"],
        torch.full_like(y, 0.2),
    )
    inner = torch.maximum(axis - width, heart + side * pose["rotation"])
    outer = axis + width
    # At most 0.6 dm from the spine, so that no positioning moves it out of the picture.
    x = side * (inner + (outer - inner) * (0.25 + 0.35 * place[:, 2])).clamp(max=0.6)

    size = (place[:, 3] + 0.3 * (course[:, 0] - 0.5)).clamp(0, 1)
    low = torch.tensor([0.18, 0.2, 0.4], dtype=torch.float64)[kind]
    high = torch.tensor([0.4, 0.45, 0.9], dtype=torch.float64)[kind]
    return {
        "kind": kind,
        "side": side,
        "x": x,
        "y": y,
        "radius": low + (high - low) * size,
        "contrast": 0.35 + 0.6 * course[:, 1],
        "both": (uniform(seed, patient, "both sides") < 0.5).double(),
    }


def _lung_width(body: dict[str, torch.Tensor], y: torch.Tensor) -> torch.Tensor:
    """Half the width of a lung at height y: an ellipse whose lower half the diaphragm cuts off."""
    reach = (y - 0.42) / (0.42 - body["lung_top"])
    return body["lung_width"] * (1 - reach.square().square()).clamp(min=0).sqrt().sqrt()


def _view(pose: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of the turn, divided by the zoom: picture plane -> child."""
    return torch.cos(pose["turn"]) / pose["zoom"], torch.sin(pose["turn"]) / pose["zoom"]


def _in_pixels(
    seed: int, index: torch.Tensor, found: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Column, row and radius of the opacity in pixels: the inverse of what `_project` does."""
    body = _draw(seed, _patient(index), "anatomy", ANATOMY)
    pose = _draw(seed, index, "positioning", POSITIONING)
    cos, sin = _view(pose)
    x = found["x"] + body["bend"] * found["y"].square() + pose["x"]
    y = found["y"] + pose["y"]
    square = cos.square() + sin.square()
    u, v = (cos * x - sin * y) / square, (sin * x + cos * y) / square
    half = SIZE / 2
    return (
        (half * (u + 1) - 0.5).float(),
        (half * (v + 1) - 0.5).float(),
        (half * found["radius"] * pose["zoom"]).float(),
    )


# ------------------------------------------------------------------------------------------
# Pixels: elementwise on contiguous (n, 64, 64) float32, so that no picture depends on its batch.


@dataclass(frozen=True)
class _Projection:
    attenuation: torch.Tensor  # (n, 64, 64), sum of mu * thickness
    lung: torch.Tensor  # (n, 64, 64), thickness of lung in dm


def _grid(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    line = (torch.arange(SIZE, device=device, dtype=torch.float32) + 0.5) * (2 / SIZE) - 1
    return line.expand(1, SIZE, SIZE), line[:, None].expand(1, SIZE, SIZE)


def _planes(columns: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {name: c.float().to(device)[:, None, None] for name, c in columns.items()}


def _window(
    field: torch.Tensor, seed: int, index: torch.Tensor, stream: str, device: torch.device
) -> torch.Tensor:
    """(n, 64, 64[, channels]), the part of a random field that each picture sees."""
    return window(field.to(device), *corners(uniform(seed, index, stream, k=2)), SIZE)


def _soft(distance: torch.Tensor, width: float) -> torch.Tensor:
    """1 where the distance is positive, 0 where negative, with a soft step of about `width`."""
    return torch.sigmoid(distance * (4 / width))


def _project(seed: int, index: torch.Tensor, device: torch.device) -> _Projection:
    """Sum of mu * thickness along each beam through the child."""
    patient = _patient(index)
    body = _planes(_draw(seed, patient, "anatomy", ANATOMY), device)
    columns = _draw(seed, index, "positioning", POSITIONING)
    pose = _planes(columns, device)
    cos, sin = (part.float().to(device)[:, None, None] for part in _view(columns))

    u, v = _grid(device)
    y = v * cos - u * sin - pose["y"]
    x = u * cos + v * sin - pose["x"] - body["bend"] * y.square()
    left = x > 0  # the child's left, on the right of the picture
    s = x.abs()
    coarse = _window(clouds(), seed, patient, "clouds", device)
    fine = _window(blotches(), seed, index, "blotches", device)

    # Chest, sloping shoulders, neck and chin.
    wide = (s / (body["body_width"] + 0.05 * y)).square().square()
    chest = 2 * body["body_depth"] * (1 - wide).clamp(min=0).sqrt().sqrt()
    fall = y - body["shoulder"] - body["slope"] * s.square()
    chest = chest * (fall * 5 + 0.25).clamp(0, 1).sqrt()
    head = ellipsoid(x, y + 1.3, body["neck"] * 1.3, 0.5, 0.6)
    neck = ellipsoid(x, y + 1.0, body["neck"], 0.7, 0.42)
    flesh = torch.maximum(chest, torch.maximum(head, neck)) * (1 + 0.05 * coarse)

    # Both lungs, cut below by the dome of the diaphragm.
    reach = (y - 0.42) / (0.42 - body["lung_top"])
    axis = body["lung_middle"] + body["lung_tilt"] * y
    q = ((s - axis) / body["lung_width"]).square() + reach.square().square()
    lung = 2 * body["lung_depth"] * (1 - q.square()).clamp(min=0).sqrt().sqrt()
    dome = body["dome_right"] + pose["breath"] + torch.where(left, body["dome_drop"], 0.0)
    dome = dome + 8 * body["dome_curve"] * (s - 0.36).square()
    lung = lung * _soft(dome - y, 0.05)

    # Heart, mediastinum, thymus and the aortic knob push the lung aside.
    hx, hy = x - body["heart_x"] - pose["rotation"], y - 0.26 - pose["breath"] / 2
    tilt_cos, tilt_sin = torch.cos(body["heart_tilt"]), torch.sin(body["heart_tilt"])
    hx, hy = hx * tilt_cos + hy * tilt_sin, hy * tilt_cos - hx * tilt_sin
    heart = ellipsoid(hx, hy, body["heart_width"] * 1.12, body["heart_height"] * 0.9, 0.42)
    mx = x - pose["rotation"] * 0.7
    middle = ellipsoid(mx, y - 0.1, body["middle_width"], 1.3, 0.5)
    thymus = ellipsoid(mx - 0.12 * body["thymus_side"], y + 0.2, 0.13 + body["thymus"], 0.26, 0.3)
    knob = ellipsoid(mx - 0.13, y + 0.33, 0.09, 0.11, 0.25)
    solid = torch.maximum(torch.maximum(heart, middle), torch.maximum(thymus, knob))
    lung = (lung - solid).clamp(min=0)

    # Vessels fan out from the hilum; a little haze and noise everywhere.
    vx, vy = s - 0.17, y - 0.0
    distance = (vx.square() + vy.square()).sqrt()
    angle = torch.atan2(vy, vx)
    fan = torch.cos(angle * 9 + body["vessel_phase"] + 3 * torch.sin(distance * 9 + angle))
    fan = (fan * 0.5 + 0.5).square().square() * torch.exp(distance * -3.2)
    hilum = torch.exp(-(vx.square() * 60 + vy.square() * 25))
    filled = (
        body["vessels"] * (2.2 * fan + 0.9 * hilum) + body["lung_haze"] * (1 + coarse) + 0.05 * fine
    )
    filled = filled.clamp(0, 1)
    ill = _is_ill(seed, patient).float().to(device)[:, None, None]
    fluid = ill * _opacity_shape(seed, index, x, y, fine, device)
    filled = filled + (1 - filled) * fluid

    # Ribs: tubes along curves, one every `rib_gap`; seen along their length at the chest wall.
    cage = (
        1
        - ((s / (body["lung_middle"] + body["lung_width"] + 0.12)).square())
        - (((y + 0.02) / 0.98).square().square())
    )
    inside = (cage * 8).clamp(0, 1)
    along = 1 / (cage.clamp(min=0.12)).sqrt()
    back = y - body["rib_slope"] * s - body["rib_curve"] * s.square()
    front = y + 0.45 * s - 0.9 * (s - 0.75).square()
    ribs = _tubes(back, body["rib_gap"], body["rib_phase"], body["rib_radius"])
    ribs = ribs + 0.5 * _tubes(
        front, body["rib_gap"] * 1.25, 1 - body["rib_phase"], body["rib_radius"]
    )
    bone = ribs * inside * along.clamp(max=2.2) * body["rib_bone"]

    # Spine with its discs, and the clavicles.
    disc = 0.75 + 0.25 * torch.cos(y * (2 * math.pi / 0.15) + body["rib_phase"] * 6)
    bone = bone + ellipsoid(x, y * 0, body["spine_width"], 1.0, 0.1) * disc
    rise = body["clavicle_y"] - body["clavicle_rise"] * (s - 0.1) + 0.08 * torch.sin(s * 6)
    reach = _soft(s - 0.1, 0.06) * _soft(0.72 - s, 0.1)
    bone = bone + 0.9 * ellipsoid(y - rise, y * 0, 0.04, 1.0, 0.04) * reach

    # Air in the stomach, and an electrode with its wire on some.
    air = body["stomach_width"].clamp(min=0.1)
    stomach = ellipsoid(
        x - body["stomach_x"], y - 0.62 - air * 0.7 - pose["breath"], air * 1.3, air, 0.22
    )
    stomach = stomach * _soft(y - dome, 0.05) * (body["stomach_width"] > 0.1)
    off = y - pose["lead"] - pose["lead_slope"] * (x - pose["lead_x"])
    wire = _soft(0.012 - off.abs(), 0.03) * _soft(pose["lead_x"] - x, 0.03)
    pad = _soft(0.045 - ((x - pose["lead_x"]).square() + (y - pose["lead"]).square()).sqrt(), 0.03)

    attenuation = MU_TISSUE * (flesh - stomach).clamp(min=0)
    attenuation = attenuation - (MU_TISSUE - MU_LUNG) * torch.minimum(lung, flesh) * (1 - filled)
    attenuation = attenuation + (MU_BONE - MU_TISSUE) * bone * _soft(flesh - 0.2, 0.2)
    attenuation = attenuation + 0.25 * wire + 0.5 * pad
    return _Projection(attenuation.clamp(min=0), lung)


def _tubes(
    height: torch.Tensor, gap: torch.Tensor, phase: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """Thickness of parallel round tubes, one every `gap`, `height` being measured across them."""
    turns = height / gap + phase
    distance = (turns - turns.round()) * gap
    return ellipsoid(distance, distance * 0, radius, 1.0, radius)


def _opacity_shape(
    seed: int,
    index: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    fine: torch.Tensor,
    device: torch.device,
) -> torch.Tensor:
    """(n, 64, 64), share of the lung's air that the opacity replaces, 0 to 1."""
    found = _planes(_opacity(seed, index), device)
    side, radius, kind = found["side"], found["radius"], found["kind"]
    same = _soft(x * side, 0.1)
    dx, dy = x - found["x"], y - found["y"]
    near = (dx.square() + dy.square()) / radius.square()
    focal = torch.exp(-near.square()) * (0.8 + 0.4 * fine)
    # A lobe widens from the hilum to the chest wall and ends at its fissures.
    spread = radius * (0.55 + 0.9 * (x * side - 0.15).clamp(0, 1))
    slanted = dy + 0.25 * (x - found["x"]) * side
    lobar = _soft(spread - slanted.abs(), 0.08) * same * (0.8 + 0.4 * fine)
    both = torch.where(found["both"] > 0, 1.0, same)
    mirrored = ((x * side).abs() - found["x"] * side).square() + dy.square()
    patches = (0.25 + 1.4 * fine).clamp(0, 1)
    patchy = torch.exp(-mirrored / radius.square()) * patches * both
    shape = torch.where(kind == 0, focal, torch.where(kind == 1, lobar, patchy))
    return (shape * found["contrast"]).clamp(0, 1)


def _photograph(
    seed: int, index: torch.Tensor, scanner: Scanner, mark: torch.Tensor, device: torch.device
) -> torch.Tensor:
    """(n, 64, 64) uint8: what the scanner shows of its X-rays."""
    ranges = {
        name: getattr(scanner, name) for name in ("blur", "scatter", "black", "white", "gamma")
    }
    ranges |= {"mark_x": (-0.03, 0.03), "mark_y": (-0.03, 0.03)}
    tube = _planes(_draw(seed, index, "tube", ranges), device)
    noise = _window(grain(), seed, index, "grain", device)
    photons, film = (noise[..., channel].contiguous() for channel in (0, 1))

    intensity = beer_lambert(1.0, [(1.0, _project(seed, index, device).attenuation)])
    intensity = _blur(intensity, tube["blur"]) + tube["scatter"]
    # The number of photons is a Poisson variable: its spread is the root of its mean.
    intensity = intensity + (intensity / scanner.photons).sqrt() * photons
    seen = -torch.log(intensity.clamp(min=1e-3))
    grey = ((seen - tube["black"]) / (tube["white"] - tube["black"])).clamp(1e-4, 1)
    grey = torch.exp(torch.log(grey) * tube["gamma"]) + scanner.grain * film

    u, v = _grid(device)
    if scanner.border:
        outside = torch.maximum(u.abs(), v.abs()) - (1 - scanner.border)
        grey = torch.maximum(grey, _soft(outside.expand_as(grey).contiguous(), 0.02) * 0.93)
    stamp = _mark(scanner.mark, u - tube["mark_x"], v - tube["mark_y"])
    shown = mark.float().to(device)[:, None, None]
    grey = grey + (0.97 - grey) * stamp * shown
    return (grey.clamp(0, 1) * 255 + 0.5).to(torch.uint8)


def _blur(picture: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mix each pixel with its neighbours, first left and right, then up and down; the rim stays."""
    across = picture.clone()
    across[:, :, 1:-1] *= 1 - 2 * weight
    across[:, :, 1:-1] += (picture[:, :, :-2] + picture[:, :, 2:]) * weight
    both = across.clone()
    both[:, 1:-1] *= 1 - 2 * weight
    both[:, 1:-1] += (across[:, :-2] + across[:, 2:]) * weight
    return both


def _mark(letter: str, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """A small letter of lead near an upper corner, 0 to 1."""

    def bar(x: float, y: float, half_width: float, half_height: float) -> torch.Tensor:
        beyond = torch.maximum((u - x).abs() - half_width, (v - y).abs() - half_height)
        return _soft(-beyond, 0.03)

    if letter == "L":
        return torch.maximum(bar(-0.86, -0.80, 0.022, 0.09), bar(-0.815, -0.725, 0.06, 0.022))
    return torch.maximum(bar(0.80, -0.78, 0.022, 0.09), bar(0.80, -0.855, 0.075, 0.022))
