"""load_backbone: a net by name, with its pretrained weights and the preprocessing they need."""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from course_lib.backbones.architectures import ARCHITECTURES
from course_lib.backbones.backbone import Backbone
from course_lib.downloads import File, fetch
from course_lib.errors import CourseError

WORLDNET_WEIGHTS = Path(__file__).parent / "weights" / "worldnet.safetensors"
WEIGHT_FILES = (".safetensors", ".pth", ".pt")
# For random nets, which have no card: about the mean and spread of the image world.
DEFAULT_MEAN, DEFAULT_STD = (0.45, 0.45, 0.45), (0.28, 0.28, 0.28)


def available_backbones() -> tuple[str, ...]:
    """Names that load_backbone knows."""
    return tuple(ARCHITECTURES)


def load_backbone(
    name: str = "worldnet",
    *,
    pretrained: bool = True,
    device: str | torch.device | None = None,
    seed: int = 0,
    weights: str | Path | None = None,
    size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Backbone:
    """A net with its source head, in eval mode.

    name: one of available_backbones().
    pretrained: False gives random weights (from `seed`) and downloads nothing; preprocessing is the
    same.
    device: where the weights go; default: the CPU. `fit` moves its own copy to a GPU when there is
    one.
    weights: for worldnet the path of a .safetensors file with its card, a .json, beside it; for the
        others the name of torchvision weights, such as "IMAGENET1K_V1" (default: the newest ones),
        or the path of a state dict, .pth, .pt or .safetensors, with torchvision's names. A file
        without a head gets a random one and no source classes.
    size, mean, std: with a path, the preprocessing that these weights were trained with: pictures
        of size x size pixels, (value - mean) / std with values 0..1 and three numbers each. mean
        and std go together; without all three, torchvision's own preprocessing for this net.

    torchvision weights are downloaded once. Raises CourseError for an unknown name, for weights
    that are missing or changed, and when there is no network or no space.
    """
    if name not in ARCHITECTURES:
        near = difflib.get_close_matches(str(name), ARCHITECTURES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise CourseError(f"No backbone {name!r}.{hint} There are: {', '.join(ARCHITECTURES)}.")
    given = [size, mean, std] != [None, None, None]
    if name != "worldnet" and _is_file(weights):
        if not pretrained:
            raise CourseError("pretrained=False gives random weights: leave out weights, or it.")
        backbone = _load_file(name, Path(weights), seed, size, mean, std)
    elif given:
        raise CourseError(
            "size, mean and std belong to weights of your own: give their file with weights=PATH "
            f"({', '.join(WEIGHT_FILES)}). {name}'s own weights bring their preprocessing."
        )
    else:
        load = _load_worldnet if name == "worldnet" else _load_torchvision
        backbone = load(name, pretrained, seed, weights)
    return backbone.to(device or "cpu").eval()


def read_card(path: Path) -> dict:
    """The model card beside a WorldNet weights file. Raises CourseError when either is unusable."""
    path = Path(path)
    card_path = path.with_suffix(".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise CourseError(
                f"WorldNet's file {needed} is missing. `course pretrain` makes it; reinstalling "
                "the "
                "course brings back the one that it ships."
            )
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        missing = {"classes", "mean", "std", "sha256"} - set(card)
    except (ValueError, TypeError) as error:
        raise CourseError(f"WorldNet's card {card_path} is not valid JSON: {error}.") from error
    if missing:
        raise CourseError(f"WorldNet's card {card_path} lacks {', '.join(sorted(missing))}.")
    found = _sha256(path)
    if found != card["sha256"]:
        raise CourseError(
            f"WorldNet's weights {path} are not the ones that its card describes: SHA-256 "
            f"{found[:12]}…, "
            f"expected {card['sha256'][:12]}…. The file was changed or cut short; `course "
            "pretrain` "
            "makes both anew."
        )
    return card


def _load_worldnet(name: str, pretrained: bool, seed: int, weights) -> Backbone:
    architecture = ARCHITECTURES[name]
    path = Path(weights or WORLDNET_WEIGHTS)
    if not pretrained:
        # The shipped card, when there is one, gives the same classes and preprocessing.
        card = read_card(path) if path.with_suffix(".json").is_file() else {}
        net = _random_net(architecture, len(card.get("classes", range(10))), seed)
        return Backbone(net, architecture, _normalisation(architecture.size, card))
    card = read_card(path)
    from safetensors.torch import load_file

    net = architecture.build(len(card["classes"]))
    try:
        net.load_state_dict(
            {
                key: value.float() if value.is_floating_point() else value
                for key, value in load_file(path).items()
            }
        )
    except RuntimeError as error:
        raise CourseError(f"The weights {path} do not fit WorldNet: {error}") from error
    transform = _normalisation(architecture.size, card)
    return Backbone(net, architecture, transform, tuple(card["classes"]), card)


def _load_torchvision(name: str, pretrained: bool, seed: int, weights) -> Backbone:
    from torchvision.models import get_model_weights

    choices = get_model_weights(name)
    if weights is not None and str(weights) not in choices.__members__:
        raise CourseError(
            f"{name} has no weights {str(weights)!r}. There are: {', '.join(choices.__members__)}."
        )
    chosen = choices.DEFAULT if weights is None else choices[str(weights)]
    architecture = ARCHITECTURES[name]
    classes = tuple(chosen.meta["categories"])
    transform = chosen.transforms()
    if not pretrained:
        return Backbone(_random_net(architecture, len(classes), seed), architecture, transform)
    path = fetch(torchvision_file(name, chosen), also=[_torch_folder()])
    net = architecture.build(len(classes))
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    card = {
        "name": name,
        "weights": str(chosen),
        "url": chosen.url,
        "accuracy": chosen.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100,
        "recipe": chosen.meta["recipe"],
    }
    return Backbone(net, architecture, transform, classes, card)


def _is_file(weights) -> bool:
    return isinstance(weights, Path) or str(weights).lower().endswith(WEIGHT_FILES)


def _load_file(name: str, path: Path, seed: int, size, mean, std) -> Backbone:
    """A torchvision net with the state dict in a file."""
    from torchvision.models import get_model_weights

    architecture, tensors = ARCHITECTURES[name], read_state_dict(path)
    head = tensors.get(f"{architecture.head}.weight")
    classes = len(head) if head is not None and head.ndim == 2 else 1000
    net = _random_net(architecture, classes, seed)
    try:
        missing, unknown = net.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CourseError(f"The weights {path} do not fit {name}: {error}") from error
    # A net without its head is how feature extractors are passed on; nothing else may be missing.
    # Files from before torch 0.4.1 lack the counters of batch norm.
    missing = [
        key
        for key in missing
        if not key.endswith("num_batches_tracked")
        and (head is not None or not key.startswith(architecture.head + "."))
    ]
    if missing or unknown:
        raise CourseError(
            f"The weights {path} do not fit {name}: {len(missing)} tensors are missing "
            f"({', '.join(missing[:3])}), {len(unknown)} unknown ({', '.join(unknown[:3])}). "
            f"The names must be those of torchvision's {name}."
        )
    own = get_model_weights(name).DEFAULT
    names = tuple(own.meta["categories"])
    known = names if head is not None and classes == len(names) else ()
    if head is not None and not known:
        known = tuple(f"class {i}" for i in range(classes))
    transform = own.transforms()
    if (size, mean, std) != (None, None, None):
        transform = _given_normalisation(size, mean, std)
        architecture = replace(architecture, size=size)
    card = {"name": name, "weights": path.name, "sha256": _sha256(path)}
    return Backbone(net, architecture, transform, known, card)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict in a file, float32 where they are of lower precision.

    A .safetensors file or one of torch.save; the latter is read with weights_only, so that it can
    carry no code. Raises CourseError for a file that is missing, damaged or holds anything else.
    """
    if not path.is_file():
        raise CourseError(f"There is no file {path}; weights= takes the path of a state dict.")
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each reader has kinds of its own for a damaged file
        raise CourseError(
            f"The weights {path} cannot be read ({type(error).__name__}). The file is damaged, or "
            "it is not a state dict: torch.save(net.state_dict(), path) writes one."
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise CourseError(
            f"The file {path} holds something else than a state dict, names with tensors: "
            "torch.save(net.state_dict(), path) writes one."
        )
    broken = [k for k, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if broken:
        raise CourseError(f"The weights {path} hold NaN or infinite numbers, in {broken[0]}.")
    return {k: t.float() if t.is_floating_point() else t for k, t in tensors.items()}


def _given_normalisation(size, mean, std) -> "Normalise":
    """Preprocessing from what a caller gave, or a CourseError that says what is allowed."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise CourseError(f"size must be a whole number of pixels from 1; got {size!r}.")
    triples = []
    for label, values, least in (("mean", mean, -math.inf), ("std", std, 0.0)):
        try:
            triple = tuple(float(v) for v in values)
        except (TypeError, ValueError):
            triple = ()
        if len(triple) != 3 or not all(math.isfinite(v) and v > least for v in triple):
            raise CourseError(
                f"{label} must be three numbers, one for each colour"
                f"{', above 0' if label == 'std' else ''}; got {values!r}. Give size, mean and std "
                "together."
            )
        triples.append(triple)
    return Normalise(size, *triples)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def torchvision_file(name: str, weights=None) -> File:
    """The file of a torchvision net's weights (default: the newest), to fetch or to describe.

    Its name carries the first digits of its SHA-256 (resnet18-f37072fd.pth).
    """
    from torchvision.models import get_model_weights

    chosen = weights or get_model_weights(name).DEFAULT
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", chosen.url)
    return File(
        f"{name}'s weights",
        chosen.url,
        round(chosen.meta["_file_size"] * 2**20),  # torchvision counts in MiB
        f"sha256:{digits[1]}",
        "BSD 3-Clause, trained on ImageNet's photographs",
        "weights",
    )


def _torch_folder() -> Path:
    """Where torch itself keeps weights: what is there need not be downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _random_net(architecture, classes: int, seed: int):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architecture.build(classes)


def _normalisation(size: int, card: dict) -> "Normalise":
    return Normalise(
        size, tuple(card.get("mean", DEFAULT_MEAN)), tuple(card.get("std", DEFAULT_STD))
    )


@dataclass(frozen=True)
class Normalise:
    """Pictures (n, 3, h, w) -> float (n, 3, size, size), (value - mean) / std per channel."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, pictures: Tensor) -> Tensor:
        x = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
        if x.shape[-2:] != (self.size, self.size):
            x = torch.nn.functional.interpolate(
                x, (self.size, self.size), mode="bilinear", antialias=True
            )
        mean, std = (x.new_tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        return (x - mean) / std
