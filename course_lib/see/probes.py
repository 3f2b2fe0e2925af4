"""What can be read from each stage by a linear map: probes of the image world's known factors.

A probe tells what a stage *offers*, not what the net uses. Three things keep it honest: every stage
gives the probe equally many numbers, the penalty is chosen on validation pictures, and the same
probe on an untrained net stands beside it (Alain and Bengio 2016, "Understanding intermediate
layers using linear classifier probes"; Hewitt and Liang 2019 on controls).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError
from course_lib.measure import metrics
from course_lib.see.activations import as_maps, stage_maps
from course_lib.world import TEXTURES, Scenes

GRID = 2  # each map is averaged over 2 x 2 fields, so that a probe can tell left from right
DIMENSION = 96  # numbers that every stage gives its probe
PIXELS = "pixels"
# Ridge penalties that validation chooses from, as shares of the mean variance of a feature.
PENALTIES = tuple(10.0**power for power in range(-5, 3))


@dataclass(frozen=True)
class Factor:
    """One known factor of a picture.

    name: what figures call it. low: whether it is a low-level one (colour, light, ground, place),
    as against what the object is. targets: scenes -> int64 (n,) for kinds or float (n, k) for
    numbers (an angle is given as its cosine and sine).
    """

    name: str
    low: bool
    targets: Callable[[Scenes], Tensor]


def _turning(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], 1)


FACTORS = (
    Factor("hue", True, lambda s: _turning(2 * torch.pi * s.hue)),
    Factor("light", True, lambda s: _turning(s.light)),
    Factor("ground", True, lambda s: s.background),
    Factor("position", True, lambda s: torch.stack([s.x, s.y], 1)),
    Factor("size", True, lambda s: s.size[:, None]),
    Factor("orientation", False, lambda s: s.orientation[:, None]),
    Factor("texture", False, lambda s: s.texture),
    Factor("shape", False, lambda s: s.shape),
    Factor("class", False, lambda s: s.shape * len(TEXTURES) + s.texture),
)


def stage_features(model: Backbone, pictures: Tensor, grid: int = GRID) -> dict[str, Tensor]:
    """What each stage offers a probe: pixels first, then every stage, float (n, d) on the CPU.

    Maps are averaged over grid x grid fields; pixels over 16 x 16 (they have few channels).
    """
    small = adaptive_avg_pool2d(pictures.float() / 255, 16).flatten(1)
    stages = stage_maps(model, pictures, lambda x: adaptive_avg_pool2d(as_maps(x), grid).flatten(1))
    return {PIXELS: small, **stages}


def match_dimension(train: Tensor, others: list[Tensor], dimension: int) -> list[Tensor]:
    """The first principal components of the training features, and of the others in their frame.

    Each has `dimension` columns, or one less than there are training rows if those are fewer.
    """
    centre, spread = train.mean(0), train.std(0)
    # A channel that is silent on the training pictures says nothing, however loud later.
    scale = torch.where(spread > 1e-6, 1 / spread.clamp(min=1e-6), 0)
    frame = ((train - centre) * scale).double()
    most = min(dimension, len(train) - 1, frame.shape[1])
    if len(frame) > frame.shape[1]:
        _, vectors = torch.linalg.eigh(frame.T @ frame)
        keep = vectors.flip(1)[:, :most].float()
    else:  # as many directions as rows: from the smaller matrix
        values, vectors = torch.linalg.eigh(frame @ frame.T)
        lengths = values.clamp(min=1e-12).sqrt()
        keep = (frame.T @ (vectors / lengths)).flip(1)[:, :most].float()
    return [((x - centre) * scale) @ keep for x in (train, *others)]


class Score(NamedTuple):
    """What a probe reached on the test rows, and on the validation rows that chose its penalty."""

    test: float
    validation: float


def probe(
    features: tuple[Tensor, Tensor, Tensor],
    targets: tuple[Tensor, Tensor, Tensor],
    metric: str = "accuracy",
) -> Score:
    """Fit a linear probe on training rows and score it.

    Args:
        features: training, validation and test rows, float (n, d).
        targets: of each, int64 (n,) or float (n, k). Kinds are fitted as one number per kind, 0 or
            1 (least-squares classification).
        metric: for kinds: "accuracy" or "auc".

    Returns:
        For kinds the metric, 0..1. For numbers R squared, the share of their variance that is
        explained: 1 is perfect, 0 is no better than the mean, and it can be negative.

    The ridge penalty is the one that does best on the validation rows.
    """
    kinds = targets[0].dtype == torch.int64
    classes = 1 + max(int(t.max()) for t in targets) if kinds else 0
    aims = [one_hot(t, classes).double() if kinds else t.double() for t in targets]
    centre, middle = features[0].double().mean(0), aims[0].mean(0)
    rows = [x.double() - centre for x in features]

    values, vectors = torch.linalg.eigh(rows[0].T @ rows[0])
    against = vectors.T @ (rows[0].T @ (aims[0] - middle))

    def score(split: int, penalty: float) -> float:
        ridge = penalty * values.clamp(min=0).mean().clamp(min=1e-12)
        weights = vectors @ (against / (values.clamp(min=0) + ridge)[:, None])
        guess = rows[split] @ weights + middle
        if kinds:
            return metrics.score(metric, guess, targets[split])
        error = ((guess - aims[split]) ** 2).sum()
        spread = ((aims[split] - aims[split].mean(0)) ** 2).sum()
        return float(1 - error / spread)

    best = max(PENALTIES, key=lambda penalty: score(1, penalty))
    return Score(score(2, best), score(1, best))


def skill(score: float, chance: float) -> float:
    """A score on the scale where 0 is chance and 1 is perfect."""
    if not 0 <= chance < 1:
        raise CourseError(f"Chance lies from 0 to below 1; got {chance}.")
    return (score - chance) / (1 - chance)


def probe_factors(
    model: Backbone,
    splits: tuple[tuple[Tensor, Scenes], tuple[Tensor, Scenes], tuple[Tensor, Scenes]],
    dimension: int = DIMENSION,
) -> dict[str, dict[str, float]]:
    """Every factor at every stage: stage -> factor -> skill (0 chance, 1 perfect).

    splits: (pictures, scenes) to train on, to choose by, and to report.
    """
    features = [stage_features(model, pictures) for pictures, _ in splits]
    found: dict[str, dict[str, float]] = {}
    for stage in features[0]:
        first, *rest = (part[stage] for part in features)
        rows = tuple(match_dimension(first, rest, dimension))
        found[stage] = {}
        for factor in FACTORS:
            targets = tuple(factor.targets(scenes) for _, scenes in splits)
            score = probe(rows, targets).test
            kinds = targets[2].dtype == torch.int64
            chance = float(torch.bincount(targets[2]).max()) / len(targets[2]) if kinds else 0.0
            found[stage][factor.name] = skill(score, chance)
    return found
