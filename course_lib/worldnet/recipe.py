"""What WorldNet is pretrained on, with which loss and at which rate.

A recipe is frozen data. The pictures of a run are rendered once from their seed; augmentation
depends only on (seed, step).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks, world
from course_lib.backbones.worldnet import WorldNet
from course_lib.world import fractals

MEAN, STD = (
    (0.45, 0.45, 0.45),
    (0.28, 0.28, 0.28),
)  # of the image world, rounded; one value keeps grey grey


FACTORS = 9  # numbers that describe hue, orientation, size, place, light and ground


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, apart from rounding on other hardware.

    Raises CourseError for values outside their range.
    """

    pictures: int = 160_000  # different pictures of the source classes
    fractals: int = 40_000  # different pictures of fractals, extra classes (0: none)
    epochs: int = 12
    batch: int = 128  # over all processes
    rate: float = 0.15  # peak learning rate, one-cycle
    weight_decay: float = 5e-4
    momentum: float = 0.9
    parts_weight: float = 0.5  # weight of the two losses that name shape and texture alone
    factors_weight: float = (
        0.0  # weight of the loss on hue, orientation, size, place, light, ground
    )
    augment: bool = True
    distractors: int = 2  # up to so many small objects behind the main one
    seed: int = 0

    def __post_init__(self):
        checks.whole_number(self.distractors, "distractors", 0, 3)
        for name, least in (("pictures", 1), ("fractals", 0), ("epochs", 1)):
            checks.whole_number(getattr(self, name), name, least)
        checks.whole_number(self.batch, "batch", 1, self.pictures + self.fractals)
        checks.seed(self.seed)
        checks.number(self.rate, "rate", above=0, most=1_000)
        checks.number(self.momentum, "momentum", least=0, below=1)
        for name in ("weight_decay", "parts_weight", "factors_weight"):
            checks.number(getattr(self, name), name, least=0)
        checks.true_or_false(self.augment, "augment")


@dataclass(frozen=True)
class Pool:
    """The pictures that one process trains on, with their labels."""

    pictures: Tensor  # (n, 3, 64, 64) uint8
    label: Tensor  # (n,) int64 class
    shape: Tensor  # (n,) int64, -1 for fractals
    texture: Tensor  # (n,) int64, -1 for fractals
    factors: Tensor  # (n, FACTORS) float32, NaN for fractals


def class_names(recipe: Recipe) -> list[str]:
    """Names of the outputs of `fc`: texture and shape, then the fractals."""
    objects = [f"{t} {s}" for s in world.SOURCE_SHAPES for t in world.SOURCE_TEXTURES]
    return objects + [f"fractal {k}" for k in range(fractals.CLASSES if recipe.fractals else 0)]


def source_labels(scenes: world.Scenes) -> Tensor:
    """(n,) int64 class of each scene, in the order of `class_names`."""
    return scenes.shape * len(world.SOURCE_TEXTURES) + scenes.texture


def make_pool(recipe: Recipe, rank: int = 0, processes: int = 1, device=None) -> Pool:
    """Render the pictures of one process: the rank-th of `processes` equal parts."""
    n, k = recipe.pictures // processes, recipe.fractals // processes
    scenes = world.sample(n, recipe.seed, start=rank * n, distractors=recipe.distractors)
    pictures = world.render(scenes, device)
    objects = len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES)
    extra, kinds = fractals.pictures(k, recipe.seed, start=rank * k, device=device)
    factors = torch.stack(
        [
            torch.cos(2 * torch.pi * scenes.hue),
            torch.sin(2 * torch.pi * scenes.hue),
            scenes.orientation / 0.45,
            (scenes.size - 0.56) / 0.08,
            scenes.x / 0.16,
            scenes.y / 0.16,
            torch.cos(scenes.light),
            torch.sin(scenes.light),
            scenes.background / 1.7 - 1.5,
        ],
        -1,
    ).float()
    none = torch.full((k,), -1)
    return Pool(
        pictures=torch.cat([pictures, extra]),
        label=torch.cat([source_labels(scenes), objects + kinds]),
        shape=torch.cat([scenes.shape, none]),
        texture=torch.cat([scenes.texture, none]),
        factors=torch.cat([factors, torch.full((k, FACTORS), torch.nan)]),
    )


def normalise(pictures: Tensor) -> Tensor:
    """uint8 (n, 3, 64, 64) to float with the mean and standard deviation that WorldNet expects."""
    mean = torch.tensor(MEAN, device=pictures.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pictures.device).view(3, 1, 1)
    return (pictures.float() / 255 - mean) / std


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Change colours, contrast, frame and sharpness of normalised pictures (n, 3, 64, 64) at
    random.

    Classes here are shapes and textures, so no colour and no sharpness may be relied on: that is
    what lets the features serve grey radiographs and blurred digits.
    """
    n = len(x)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(x.device)

    def some(probability: float) -> Tensor:
        return (draw(n, 1, 1, 1) < probability).to(x.dtype)

    zoom, stretch, shift = 0.85 + 0.2 * draw(n), 0.95 + 0.1 * draw(n), 0.2 * (draw(n, 2) - 0.5)
    frame = torch.zeros(n, 2, 3, device=x.device)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = zoom * stretch, zoom / stretch, shift
    grid = F.affine_grid(frame, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    half = n // 8  # the batch is in random order: the first eighth loses its fine detail
    coarse = (16, 24, 32)[int(draw(1) * 3)]
    small = F.interpolate(
        x[:half], size=coarse, mode="bilinear", antialias=True, align_corners=False
    )
    x[:half] = F.interpolate(small, size=64, mode="bilinear", align_corners=False)
    x = torch.lerp(x, x.mean(1, keepdim=True), some(0.15))
    x = x * (1 - 2 * some(0.05))  # negative
    x = x * (0.7 + 0.6 * draw(n, 1, 1, 1)) + 0.6 * (draw(n, 1, 1, 1) - 0.5)
    strength = 0.2 * draw(n, 1, 1, 1) * some(0.2)
    return x + strength * torch.randn(x.shape, generator=generator).to(x.device)


class Pupil(nn.Module):
    """WorldNet with the extra heads that pretraining uses and the shipped net drops."""

    def __init__(self, recipe: Recipe):
        super().__init__()
        self.net = WorldNet(len(class_names(recipe)))
        sizes = {}  # a head that no loss reads would stall DistributedDataParallel
        if recipe.parts_weight:
            sizes |= {"shape": len(world.SOURCE_SHAPES), "texture": len(world.SOURCE_TEXTURES)}
        if recipe.factors_weight:
            sizes["factors"] = FACTORS
        features = self.net.fc.in_features
        self.heads = nn.ModuleDict({name: nn.Linear(features, k) for name, k in sizes.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        features = net.avgpool(x).flatten(1)
        heads = {name: head(features) for name, head in self.heads.items()}
        return {"label": net.fc(features), **heads}


def loss_of(outputs: dict[str, Tensor], pool: Pool, rows: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy of the class, plus the weighted losses of the extra heads on objects."""

    def named(head: str) -> Tensor:
        known = getattr(pool, head)[rows].to(outputs[head].device)
        total = F.cross_entropy(outputs[head].float(), known, ignore_index=-1, reduction="sum")
        return total / (known >= 0).sum().clamp(min=1)

    loss = named("label")
    if recipe.parts_weight:
        loss = loss + recipe.parts_weight * (named("shape") + named("texture"))
    if recipe.factors_weight:
        known = pool.factors[rows].to(outputs["factors"].device)
        error = (outputs["factors"].float() - known.nan_to_num()) ** 2
        error = torch.where(known.isnan(), 0.0, error)
        loss = loss + recipe.factors_weight * error.sum() / (~known.isnan()).sum().clamp(min=1)
    return loss


def rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """One-cycle: a linear rise over the first fifth, then half a cosine down to zero."""
    rise = max(1, steps // 5)
    if step < rise:
        return recipe.rate * (step + 1) / rise
    done = torch.tensor((step - rise) / max(1, steps - rise))
    return recipe.rate * float(0.5 * (1 + torch.cos(torch.pi * done)))


@torch.inference_mode()
def source_accuracy(net: nn.Module, pictures: int = 4000, seed: int = 10_007, device=None) -> dict:
    """Accuracy on fresh single-object pictures of the source classes: class, shape and texture."""
    scenes = world.sample(pictures, seed=seed)
    rendered, labels = world.render(scenes), source_labels(scenes)
    objects = len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES)
    training = net.training
    net.eval()
    logits = torch.cat([net(normalise(p.to(device))).float().cpu() for p in rendered.split(500)])
    net.train(training)
    guess = logits[:, :objects].argmax(1)
    textures = len(world.SOURCE_TEXTURES)
    return {
        "class": (guess == labels).float().mean().item(),
        "shape": (guess // textures == labels // textures).float().mean().item(),
        "texture": (guess % textures == labels % textures).float().mean().item(),
        "pictures": pictures,
        "seed": seed,
    }
