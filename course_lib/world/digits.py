"""Handwritten digits: scikit-learn's 1,797 real ones, plain, cluttered, or blended with photos.

The digits (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998; scikit-learn ships its test part) come from few writers, in blocks.
A random split would put every writer into both training and test; the splits here are contiguous.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.world.fields import corners, grain, window
from course_lib.world.patches import patches
from course_lib.world.random import uniform

SIZE = 64
CLASSES = tuple(str(digit) for digit in range(10))
VARIANTS = ("plain", "cluttered", "blended")
SPLITS = {"train": (0, 1000), "validation": (1000, 1300), "test": (1300, 1797)}

_FRAGMENTS = 7  # pieces of other digits around a cluttered one
_CHUNK = 128


def pictures(
    variant: str = "plain",
    split: str = "train",
    n: int | None = None,
    seed: int = 0,
    start: int = 0,
    vary: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of handwritten digits.

    plain: a grey stroke on black, every digit once, in scikit-learn's order; `seed` plays no part.
    With `vary` the digits go round instead, as the composites do.
    cluttered: the digit turned, moved, scaled and coloured, among fragments of other digits of the
    split.
    blended: |photo patch - digit| per channel, the construction of MNIST-M (Ganin et al.,
    "Domain-adversarial training of neural networks", JMLR 2016); digit and patch of one split.

    Cluttered and blended pictures are composed afresh for any n: the digits of the split go round
    in an order drawn for each round, each time with another background. Picture i depends only on
    (variant, split, seed, i).

    Class balance: within a round that of the digits themselves, 9 to 11 % a class in each split.

    Args:
        variant: "plain", "cluttered" or "blended".
        split: "train" (1,000 digits), "validation" (300) or "test" (497).
        n: how many pictures; None for as many as the split has digits (from `start` on for plain).
        seed: any integer.
        start: number of the first picture.
        vary: write every plain or blended digit anew: turned by up to 14 degrees, moved, resized
            by up to 12 % and bent (elastic distortions: Simard, Steinkraus and Platt, ICDAR 2003).
            Cluttered digits vary by themselves.

    Returns:
        (n, 3, 64, 64) uint8 and (n,) int64 labels, 0 to 9.

    Raises:
        CourseError: unknown variant or split, n < 1, start < 0, too many plain digits.
    """
    checks.one_of(variant, "variant", VARIANTS)
    checks.one_of(split, "split", SPLITS)
    seed, start = checks.seed(seed), checks.whole_number(start, "start")
    first, last = SPLITS[split]
    size = last - first
    in_order = variant == "plain" and not vary
    if n is None:
        n = max(size - start, 0) if in_order else size
    n = checks.whole_number(n, "n", 1)
    if in_order and start + n > size:
        raise CourseError(
            f"The {split} split has {size} plain digits, so pictures {start} to {start + n - 1} do "
            "not all exist. Ask for fewer, or for cluttered or blended pictures, or vary=True: "
            "these never end."
        )
    index = torch.arange(start, start + n)
    numbers = first + (index if in_order else _rounds(index, size, f"{variant} {split}", seed))

    def write(i: torch.Tensor, digit: torch.Tensor) -> torch.Tensor:
        return _varied(i, digit, f"{variant} {split}", seed) if vary else _plain(digit)

    draw = {
        "plain": write,
        "cluttered": lambda i, digit: _cluttered(i, digit, split, seed),
        "blended": lambda i, digit: blend(patches(i, split, seed), write(i, digit)),
    }[variant]
    drawn = [draw(i, d) for i, d in zip(index.split(_CHUNK), numbers.split(_CHUNK), strict=True)]
    return torch.cat(drawn), _digits()[1][numbers]


def blend(patch: torch.Tensor, digit: torch.Tensor) -> torch.Tensor:
    """|patch - digit| of two uint8 tensors of equal shape, as uint8."""
    return (patch.short() - digit.short()).abs().to(torch.uint8)


@lru_cache(maxsize=1)
def _digits() -> tuple[torch.Tensor, torch.Tensor]:
    """(1797, 8, 8) float32 in [0, 1] and (1797,) int64."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.tensor(data.images / 16, dtype=torch.float32), torch.tensor(data.target).long()


def _rounds(index: torch.Tensor, size: int, stream: str, seed: int) -> torch.Tensor:
    """Which digit of the split picture i shows: a fresh order of all digits in every round."""
    shown = torch.empty_like(index)
    for lap in (index // size).unique().tolist():
        order = uniform(seed, torch.arange(size) + lap * size, f"order {stream}").argsort()
        here = index // size == lap
        shown[here] = order[index[here] % size]
    return shown


def _ink(
    digit: torch.Tensor,
    extent: torch.Tensor | float,
    x: torch.Tensor | float = 0.0,
    y: torch.Tensor | float = 0.0,
    turn: torch.Tensor | float = 0.0,
    bend: torch.Tensor | None = None,
) -> torch.Tensor:
    """(n, 64, 64) float32 in [0, 1]: digits as smooth pen strokes.

    The 8x8 digit is interpolated (bicubic), and a steep step at half ink gives the stroke its edge.

    Args:
        digit: (n,) int64, numbers of digits.
        extent: side of the digit as a share of the picture.
        x, y: its centre, -1 to 1.
        turn: radians.
        bend: (n, 2, 5, 5), how far the paper is pulled sideways and up or down at a grid of
            points, in halves of the digit; smooth in between.
    """
    columns = [
        torch.as_tensor(c, dtype=torch.float64).expand(len(digit))[:, None, None]
        for c in (extent, x, y, turn)
    ]
    extent, x, y, turn = columns
    line = (torch.arange(SIZE, dtype=torch.float64) + 0.5) * (2 / SIZE) - 1
    u, v = (line - x) / extent, (line[:, None] - y) / extent
    places = torch.stack(
        [u * turn.cos() + v * turn.sin(), v * turn.cos() - u * turn.sin()], dim=-1
    ).float()
    if bend is not None:
        pulled = F.interpolate(bend.float(), size=(SIZE, SIZE), mode="bicubic", align_corners=True)
        places = places + pulled.permute(0, 2, 3, 1)
    small = F.pad(_digits()[0][digit][:, None], (1, 1, 1, 1))
    # The grid speaks of the padded 10x10 picture, of which the digit is the inner 8x8.
    smooth = F.grid_sample(small, places * 0.8, mode="bicubic", align_corners=False)[:, 0]
    return torch.sigmoid((smooth - 0.45) * 9) * (smooth > 0.02)


def _plain(digit: torch.Tensor) -> torch.Tensor:
    """(n, 3, 64, 64) uint8, grey on black."""
    return _grey(_ink(digit, 0.86))


def _varied(index: torch.Tensor, digit: torch.Tensor, name: str, seed: int) -> torch.Tensor:
    """(n, 3, 64, 64) uint8, grey on black, each written a little differently."""
    k = uniform(seed, index, f"hand {name}", k=4) * 2 - 1
    bend = uniform(seed, index, f"bend {name}", k=50).view(-1, 2, 5, 5) * 2 - 1
    extent = 0.8 * (1 + 0.12 * k[:, 0])
    return _grey(_ink(digit, extent, 0.1 * k[:, 1], 0.1 * k[:, 2], 0.25 * k[:, 3], 0.1 * bend))


def _grey(ink: torch.Tensor) -> torch.Tensor:
    """(n, 64, 64) in [0, 1] -> (n, 3, 64, 64) uint8."""
    return (ink * 255 + 0.5).to(torch.uint8)[:, None].repeat(1, 3, 1, 1)


def _cluttered(index: torch.Tensor, digit: torch.Tensor, split: str, seed: int) -> torch.Tensor:
    """(n, 3, 64, 64) uint8, a coloured digit before fragments of others of the same split."""
    first, last = SPLITS[split]
    name = f"clutter {split}"
    k = uniform(seed, index, name, k=12)
    line = (torch.arange(SIZE, dtype=torch.float32) + 0.5) * (2 / SIZE) - 1
    u, v = line.expand(SIZE, SIZE), line[:, None].expand(SIZE, SIZE)

    # A dim ground that changes smoothly from one colour to another.
    low, high = (colour.float()[:, :, None, None] * 0.4 for colour in (k[:, :3], k[:, 3:6]))
    picture = low + (high - low) * ((u + v) / 4 + 0.5)
    for piece in range(_FRAGMENTS):
        r = uniform(seed, index, f"{name} {piece}", k=9)
        other = first + (r[:, 0] * (last - first)).long()
        x, y = r[:, 1] * 2 - 1, r[:, 2] * 2 - 1
        whole = _ink(other, 0.45 + 0.4 * r[:, 3], x + 0.3 * (r[:, 4] - 0.5), y, 6.28 * r[:, 5])
        distance = ((u - _plane(x)).square() + (v - _plane(y)).square()).sqrt()
        part = whole * torch.sigmoid((0.2 - distance) * 30)
        picture = _over(picture, part, 0.15 + 0.6 * r[:, 6:9])

    extent = 0.5 + 0.3 * k[:, 6]
    room = 0.94 - extent
    x, y = (k[:, 7] * 2 - 1) * room, (k[:, 8] * 2 - 1) * room
    ink = _ink(digit, extent, x, y, (k[:, 9] - 0.5) * 0.5)
    picture = _over(picture, ink, _bright(k[:, 10]))
    noise = window(grain(), *corners(uniform(seed, index, f"{name} noise", k=2)), SIZE)
    picture = picture + noise[:, None, :, :, 0] * (0.015 + 0.05 * _plane(k[:, 11]))[:, None]
    return (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8)


def _plane(column: torch.Tensor) -> torch.Tensor:
    return column.float()[:, None, None]


def _over(picture: torch.Tensor, ink: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Paint `ink` (n, 64, 64) of one colour (n, 3) over the picture (n, 3, 64, 64)."""
    return picture + (colour.float()[:, :, None, None] - picture) * ink[:, None]


def _bright(hue: torch.Tensor) -> torch.Tensor:
    """(n, 3) light colours of every hue, clearly lighter than the ground."""
    turns = hue[:, None] + torch.tensor([0.0, 1 / 3, 2 / 3])
    return 0.75 + 0.25 * torch.cos(2 * torch.pi * turns)
