"""load_backbone: a net by name, with its pretrained weights and the preprocessing they need."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from course_lib import checks
from course_lib.backbones.architectures import (
    ARCHITECTURES,
    AUXILIARY,
    TIMM,
    Architecture,
    architecture,
    timm,
    timm_settings,
    unknown,
)
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.preprocessing import Normalise, given_normalisation
from course_lib.data.downloads import File, fetch
from course_lib.devices import usable_device
from course_lib.errors import CourseError
from course_lib.facts import MEAN, NAMES, STD, TEXT, read_facts

WORLDNET_WEIGHTS = Path(__file__).parent / "weights" / "worldnet.safetensors"
WEIGHT_FILES = (".safetensors", ".pth", ".pt")
# For random nets, which have no card: about the mean and spread of the image world.
DEFAULT_MEAN, DEFAULT_STD = (0.45, 0.45, 0.45), (0.28, 0.28, 0.28)

CARD = {
    "type": "object",
    "properties": {"classes": NAMES, "mean": MEAN, "std": STD, "sha256": TEXT},
    "required": ["classes", "mean", "std", "sha256"],
}


def available_backbones() -> tuple[str, ...]:
    """The nets that the course itself uses.

    load_backbone knows more: every classification net of torchvision, and "timm:NAME".
    """
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

    name: one of available_backbones(), the name of any other classification net of torchvision, or
        "timm:NAME" for one of timm (pip install timm). A net of your own: Backbone.wrap.
    pretrained: False gives random weights (from `seed`) and downloads nothing; preprocessing is the
    same.
    device: where the weights go; default: the CPU. `fit` moves its own copy to a GPU when there is
    one.
    weights: for worldnet the path of a .safetensors file with its card, a .json, beside it; for
        torchvision's nets the name of weights, such as "IMAGENET1K_V1" (default: the newest ones);
        for all others than worldnet the path of a state dict, .pth, .pt or .safetensors, with the
        names that torchvision or timm gives its tensors. A file without a head gets a random one
        and no source classes.
    size, mean, std: with a path, the preprocessing that these weights were trained with: pictures
        of size x size pixels, (value - mean) / std with values 0..1 and three numbers each. They
        go together; without them, the usual preprocessing of this net.

    Weights are downloaded once. Raises CourseError for an unknown name, for weights that are
    missing or changed, and when there is no network or no space.
    """
    if not isinstance(name, str):
        raise unknown(name)
    pretrained, seed = checks.true_or_false(pretrained, "pretrained"), checks.seed(seed)
    device = usable_device("cpu" if device is None else device)
    if weights is not None and not isinstance(weights, str | Path):
        raise CourseError(
            f"weights must be a path, or the name of weights as a text; got {weights!r}."
        )
    given = (size, mean, std) != (None, None, None)
    from_file = name != "worldnet" and _is_file(weights)
    if from_file and not pretrained:
        raise CourseError("pretrained=False gives random weights: leave out weights, or it.")
    if given and not from_file:
        raise CourseError(
            "size, mean and std belong to weights of your own: give their file with weights=PATH "
            f"({', '.join(WEIGHT_FILES)}). {name}'s own weights bring their preprocessing."
        )
    if name == "worldnet":
        backbone = _load_worldnet(name, pretrained, seed, weights)
    elif from_file:
        transform = given_normalisation(size, mean, std) if given else None
        backbone = _load_file(name, checks.path(weights, "weights"), seed, transform)
    elif name.startswith(TIMM):
        backbone = _load_timm(name, pretrained, seed, weights)
    else:
        backbone = _load_torchvision(name, pretrained, seed, weights)
    return backbone.to(device).eval()


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
    mend = "`course pretrain` makes both anew."
    card = read_facts(card_path, f"WorldNet's card {card_path}", CARD, mend)
    found = _sha256(path)
    if found != card["sha256"]:
        raise CourseError(
            f"WorldNet's weights {path} are not the ones that its card describes: SHA-256 "
            f"{found[:12]}…, "
            f"expected {card['sha256'][:12]}…. The file was changed or cut short; {mend}"
        )
    return card


def _load_worldnet(name: str, pretrained: bool, seed: int, weights) -> Backbone:
    like = ARCHITECTURES[name]
    path = checks.path(weights or WORLDNET_WEIGHTS, "weights")
    if not pretrained:
        # The shipped card, when there is one, gives the same classes and preprocessing.
        card = read_card(path) if path.with_suffix(".json").is_file() else {}
        net = _random_net(like, len(card.get("classes", range(10))), seed)
        return Backbone(net, like, _normalisation(like.size, card))
    card = read_card(path)
    net = like.build(len(card["classes"]))
    try:
        net.load_state_dict(read_state_dict(path))
    except RuntimeError as error:
        raise CourseError(f"The weights {path} do not fit WorldNet: {error}") from error
    transform = _normalisation(like.size, card)
    return Backbone(net, like, transform, tuple(card["classes"]), card)


def _load_torchvision(name: str, pretrained: bool, seed: int, weights) -> Backbone:
    from torchvision.models import get_model_weights

    usual = architecture(name)  # refuses a name that nobody knows
    choices = get_model_weights(name)
    if weights is not None and str(weights) not in choices.__members__:
        raise CourseError(
            f"{name} has no weights {str(weights)!r}. There are: {', '.join(choices.__members__)}."
        )
    chosen = choices.DEFAULT if weights is None else choices[str(weights)]
    classes, transform = tuple(chosen.meta["categories"]), chosen.transforms()
    side = transform.crop_size[0]
    like = usual if side == usual.size else architecture(name, side)
    if not pretrained:
        return Backbone(_random_net(like, len(classes), seed), like, transform)
    path = fetch(torchvision_file(name, chosen), also=[_torch_folder()])
    net = like.build(len(classes))
    net.load_state_dict(_wanted(name, torch.load(path, map_location="cpu", weights_only=True)))
    card = {
        "name": name,
        "weights": str(chosen),
        "url": chosen.url,
        "accuracy": chosen.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100,
        "recipe": chosen.meta["recipe"],
    }
    return Backbone(net, like, transform, classes, card)


def _load_timm(name: str, pretrained: bool, seed: int, weights) -> Backbone:
    if weights is not None:
        raise CourseError(
            f"For {name} weights= takes the path of a file ({', '.join(WEIGHT_FILES)}); got "
            f"{weights!r}. timm's own weights are part of the name: timm:NAME.TAG."
        )
    like = architecture(name)
    net = _random_net(like, 1000, seed)
    classes: tuple[str, ...] = ()
    card: dict[str, str] = {}
    transform = _timm_transform(net)
    if pretrained:
        try:
            net = timm().create_model(name.removeprefix(TIMM), pretrained=True)
        except Exception as error:  # of the network, of the store of weights, of a net without any
            raise CourseError(
                f"The weights of {name} cannot be had: {error}. pretrained=False gives the net "
                "with random weights, weights=PATH reads a file."
            ) from error
        classes = _class_names(net.get_submodule(like.head).out_features)
        card = {"name": name, "weights": str(net.pretrained_cfg.get("hf_hub_id", ""))}
    return Backbone(net, like, transform, classes, card)


def _timm_transform(net) -> Callable[[Tensor], Tensor]:
    """A timm net's own preprocessing, as torchvision writes such things."""
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    settings = timm_settings(net)
    side = settings["input_size"][-1]
    known = [mode.value for mode in InterpolationMode]
    mode = settings["interpolation"] if settings["interpolation"] in known else "bilinear"
    return ImageClassification(
        crop_size=side,
        resize_size=round(side / settings["crop_pct"]),
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation=InterpolationMode(mode),
    )


def _class_names(classes: int) -> tuple[str, ...]:
    """ImageNet's names for 1,000 classes, else "class 0", "class 1", ..."""
    from torchvision.models import ResNet18_Weights

    names = tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    return names if classes == len(names) else tuple(f"class {i}" for i in range(classes))


def _is_file(weights) -> bool:
    return isinstance(weights, Path) or str(weights).lower().endswith(WEIGHT_FILES)


def _wanted(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict without the extra heads that only a net's first training used."""
    extra = AUXILIARY.get(name, ())
    return {key: value for key, value in tensors.items() if not key.startswith(extra or "\0")}


def _load_file(name: str, path: Path, seed: int, given: Normalise | None) -> Backbone:
    """A net of torchvision or timm with the state dict in a file."""
    like = architecture(name, given.size if given else None)
    tensors = _wanted(name, read_state_dict(path))
    head = tensors.get(f"{like.head}.weight")
    classes = len(head) if head is not None and head.ndim == 2 else 1000
    net = _random_net(like, classes, seed)
    try:
        missing, unexpected = net.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise CourseError(f"The weights {path} do not fit {name}: {error}") from error
    # A net without its head is how feature extractors are passed on; nothing else may be missing.
    # Files from before torch 0.4.1 lack the counters of batch norm.
    missing = [
        key
        for key in missing
        if not key.endswith("num_batches_tracked")
        and (head is not None or not key.startswith(like.head + "."))
    ]
    if missing or unexpected:
        maker = "timm" if name.startswith(TIMM) else "torchvision"
        raise CourseError(
            f"The weights {path} do not fit {name}: {len(missing)} tensors are missing "
            f"({', '.join(missing[:3])}), {len(unexpected)} unknown ({', '.join(unexpected[:3])}). "
            f"The names must be those of {maker}'s {name.removeprefix(TIMM)}."
        )
    card = {"name": name, "weights": path.name, "sha256": _sha256(path)}
    known = () if head is None else _class_names(classes)
    return Backbone(net, like, given or _usual_transform(name, net), known, card)


def _usual_transform(name: str, net) -> Callable[[Tensor], Tensor]:
    if name.startswith(TIMM):
        return _timm_transform(net)
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT.transforms()


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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def torchvision_file(name: str, weights=None) -> File:
    """The file of a torchvision net's weights (default: the newest), to fetch or to describe.

    Its name carries the first digits of its SHA-256 (resnet18-f37072fd.pth).
    """
    from torchvision.models import get_model_weights

    chosen = weights or get_model_weights(name).DEFAULT
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", chosen.url)
    assert digits is not None  # torchvision names its files so
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


def _random_net(architecture: Architecture, classes: int, seed: int):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architecture.build(classes)


def _normalisation(size: int, card: dict) -> Normalise:
    return Normalise(
        size, tuple(card.get("mean", DEFAULT_MEAN)), tuple(card.get("std", DEFAULT_STD))
    )
