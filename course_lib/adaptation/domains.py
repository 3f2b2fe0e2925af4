"""Two domains of one task: labels in the source, pictures in both.

`Domains` keeps what a method may see apart from what only the referee sees. A method gets `source`
(pictures and labels) and `target` (pictures alone). `test` is for the final figure, and
`oracle_labels` for the one row of a table that is allowed to cheat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import checks
from course_lib.data.recipes import LARGEST_TRAIN, TEST_SEED, TRAIN_SEED, VALIDATION_SEED
from course_lib.data.split import SEEDS, Split, check_split
from course_lib.data.tasks import load_task
from course_lib.measure.metrics import METRICS
from course_lib.world import digits, phantoms

DIGITS_SIZE = 24  # pixels: three for each of the 8 that the digits were scanned with
_CHUNK = 500


@dataclass(frozen=True, eq=False)
class Domains:
    """A task in two domains. Pictures are uint8 (n, 3, height, width), labels int64 (n,).

    source: labelled training pictures. source_validation: labelled, of the source domain.
    target: training pictures of the target domain, without labels.
    test: target pictures and labels, the same ones for every seed; looked at once, at the end.
    oracle_labels: labels of `target`. Only the oracle is trained on them.
    metric: "accuracy" or "auc".
    """

    name: str
    title: str
    source: Split
    source_validation: Split
    target: Tensor
    test: Split
    oracle_labels: Tensor
    classes: tuple[str, ...]
    metric: str = "accuracy"

    def __post_init__(self):
        checks.one_of(self.metric, "metric", METRICS)
        for name in ("source", "source_validation", "test"):
            check_split(getattr(self, name), len(self.classes), f"{self.name}, {name}")
        unlabelled = Split(self.target, self.oracle_labels)
        check_split(unlabelled, len(self.classes), f"{self.name}, target")


def load_domains(name: str, train: int | None = None, seed: int = 0) -> Domains:
    """A pair of domains by name.

    digits: white digits on black -> the same digits over photo patches, |patch - digit| (the
        construction of MNIST-M, Ganin et al., JMLR 2016). Both are written anew each time (turned,
        moved, bent). Training, validation and test take different blocks of digits (the data name
        no writers) and different regions of photographs.
    night: held-out shapes of the image world by day -> at night.
    scanners: phantom radiographs of scanner A -> scanner B; other patients in every part.
    mnist to mnist-blended, mnist to svhn: downloaded sets of digits, see course_lib.data.photos.

    name: one of `available_domains()`. train: pictures of each domain; default: the pair's usual
    number. seed: which training pictures; source validation and test do not depend on it.
    Raises CourseError for an unknown name and too few pictures.
    """
    make, usual = _PAIRS[checks.one_of(name, "domains", _PAIRS)]
    if train is not None:
        train = checks.whole_number(train, "train", 20, LARGEST_TRAIN)
    return make(train or usual, checks.whole_number(seed, "seed", 0, SEEDS - 1))


def available_domains() -> tuple[str, ...]:
    """Names that load_domains knows."""
    return tuple(_PAIRS)


# ---------------------------------------------------------------- digits -> digits over photographs


@lru_cache(maxsize=2)
def _digits(train: int, seed: int) -> Domains:
    # Two seeds: the same digit is bent in another way in each domain, so that nothing is paired.
    source = _written("plain", "train", train, 2 * seed, vary=True)
    target = _written("blended", "train", train, 2 * seed + 1, vary=True)
    return Domains(
        "digits",
        "White digits on black -> digits over photographs",
        source,
        _digits_fixed("plain", "validation", None),
        target.pictures,
        _digits_fixed("blended", "test", 3 * 497),
        target.labels,
        digits.CLASSES,
    )


@lru_cache(maxsize=4)
def _digits_fixed(variant: str, split: str, n: int | None) -> Split:
    """Every digit of the split; over photographs three times, each time over another patch."""
    return _written(variant, split, n, TEST_SEED)


def _written(variant: str, split: str, n: int | None, seed: int, vary: bool = False) -> Split:
    """Digits of 24 pixels, drawn at 64 and shrunk, piece by piece so that little memory is held."""
    if n is None:
        pictures, labels = digits.pictures(variant, split, seed=seed, vary=vary)
        return Split(shrink(pictures, DIGITS_SIZE), labels)
    parts = []
    for start in range(0, n, _CHUNK):
        count = min(_CHUNK, n - start)
        pictures, labels = digits.pictures(variant, split, count, seed, start, vary)
        parts.append((shrink(pictures, DIGITS_SIZE), labels))
    return Split(*(torch.cat(part) for part in zip(*parts, strict=True)))


def shrink(pictures: Tensor, size: int) -> Tensor:
    """uint8 (n, 3, h, w) -> uint8 (n, 3, size, size)."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    small = F.interpolate(pictures.float(), (size, size), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


# ---------------------------------------------------------------- day -> night


@lru_cache(maxsize=8)
def _night(train: int, seed: int) -> Domains:
    # TRAIN_SEED + seed by day and the same number at night would be pairs of one scene.
    day = load_task("new-shapes", train=train, seed=seed)
    night = load_task("night-shapes", train=train, seed=seed + 500_000)
    return Domains(
        "night",
        "Shapes by day -> at night",
        day.train,
        day.validation,
        night.train.pictures,
        night.test,
        night.train.labels,
        day.classes,
    )


# ---------------------------------------------------------------- scanner A -> scanner B


@lru_cache(maxsize=4)
def _scanners(train: int, seed: int) -> Domains:
    source = _radiographs(train, 2 * (TRAIN_SEED + seed), "A")
    target = _radiographs(train, 2 * (TRAIN_SEED + seed) + 1, "B")
    return Domains(
        "scanners",
        "Phantom radiographs of scanner A -> of scanner B",
        source,
        _radiographs(400, VALIDATION_SEED, "A"),
        target.pictures,
        _radiographs(800, TEST_SEED, "B"),
        target.labels,
        phantoms.CLASSES,
        "auc",
    )


def _radiographs(n: int, seed: int, scanner: str) -> Split:
    drawn = phantoms.radiographs(n, seed=seed, scanner=scanner)
    return Split(drawn.pictures, drawn.labels)


# ---------------------------------------------------------------- MNIST -> photographs (downloads)


def _mnist(target: str, title: str) -> Callable[[int, int], Domains]:
    """MNIST and another set of digits, both at the size that the nets for digits expect."""

    @lru_cache(maxsize=2)
    def make(train: int, seed: int) -> Domains:
        source = load_task("mnist", train=train, seed=seed)
        other = load_task(target, train=train, seed=seed + 500_000)
        small = [
            Split(shrink(split.pictures, DIGITS_SIZE), split.labels)
            for split in (source.train, source.validation, other.train, other.test)
        ]
        name = f"mnist to {target}"
        return Domains(
            name, title, *small[:2], small[2].pictures, small[3], small[2].labels, source.classes
        )

    return make


_PAIRS: dict[str, tuple[Callable[[int, int], Domains], int]] = {
    "digits": (_digits, 10_000),
    "night": (_night, 300),
    "scanners": (_scanners, 400),
    "mnist to mnist-blended": (
        _mnist("mnist-blended", "MNIST -> MNIST over photographs"),
        10_000,
    ),
    "mnist to svhn": (_mnist("svhn", "MNIST -> house numbers in street photographs"), 10_000),
}
