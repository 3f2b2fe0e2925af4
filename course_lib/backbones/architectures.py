"""How each net is cut into stages and a head: a table for the nets of the course, found for others.

A stage is what is frozen, unfrozen and given a rate as a whole. The stages of a net, run in order
and followed by its pool and its head, are the net's own forward pass; so the first k stages can be
computed once and kept while they are frozen.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from course_lib.backbones.rates import PHOTOGRAPHS, WORLDNET, UsualRates
from course_lib.backbones.stages import find_stages
from course_lib.errors import CourseError

TIMM, OWN = "timm:", "own:"  # beginnings of names: a net of timm, a net of the person's own


# Nets with further heads that only their first training used, and how those tensors' names begin.
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


@dataclass(frozen=True)
class Architecture:
    """What the course must know of a net.

    build: classes -> net with fresh weights.
    stages: net -> its stages by name, in order. Together they hold every parameter but the head's.
    pool: output of the last stage -> features (n, feature_dim); has no parameters.
    head: name, inside the net, of the last linear layer, which a new task replaces.
    size: side in pixels of the pictures that the net sees.
    ends: names of the modules that a caller gave as the stages' ends; None: the stages are known,
        or were found.
    rates: learning rates that suit it.
    """

    name: str
    build: Callable[[int], nn.Module]
    stages: Callable[[nn.Module], dict[str, nn.Module]]
    pool: Callable[[Tensor], Tensor]
    head: str
    size: int
    ends: tuple[str, ...] | None = None
    rates: UsualRates = PHOTOGRAPHS


def _worldnet(classes: int) -> nn.Module:
    from course_lib.backbones.worldnet import WorldNet

    return WorldNet(classes)


def _torchvision(name: str, size: int = 224) -> Callable[[int], nn.Module]:
    settings: dict[str, object] = {}
    if name.startswith("vit_"):
        settings = {"image_size": size}
    elif name.startswith("maxvit"):
        settings = {"input_size": (size, size)}
    elif name in AUXILIARY:
        # As torchvision builds them for its weights, without the extra heads of their training.
        settings = {"aux_logits": False, "transform_input": True, "init_weights": True}

    def build(classes: int) -> nn.Module:
        from torchvision.models import get_model

        return get_model(name, weights=None, num_classes=classes, **settings)

    return build


def _timm(name: str) -> Callable[[int], nn.Module]:
    def build(classes: int) -> nn.Module:
        return timm().create_model(name, pretrained=False, num_classes=classes)

    return build


def _mean_over_places(maps: Tensor) -> Tensor:
    """(n, channels, height, width) -> (n, channels)."""
    return nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)


def _as_it_is(features: Tensor) -> Tensor:
    return features


def _class_token(tokens: Tensor) -> Tensor:
    """(n, tokens, channels) -> (n, channels)."""
    return tokens[:, 0]


def _resnet_stages(net: nn.Module) -> dict[str, nn.Module]:
    return {
        "stem": nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool),
        "layer1": net.layer1,
        "layer2": net.layer2,
        "layer3": net.layer3,
        "layer4": net.layer4,
    }


def _cut(blocks: nn.Sequential, ends: tuple[int, ...]) -> dict[str, nn.Module]:
    """Cut a chain of blocks after the positions `ends`: stem, stage1, stage2, ..."""
    names = ["stem", *(f"stage{i}" for i in range(1, len(ends)))]
    starts = (0, *ends[:-1])
    return {name: blocks[start:end] for name, start, end in zip(names, starts, ends, strict=True)}


def _efficientnet_stages(net: nn.Module) -> dict[str, nn.Module]:
    # features[0] is the stem, features[1..7] the stages of Tan and Le (2019, table 1), features[8]
    # the last 1x1 convolution, which goes with stage 7, and so do pooling and the dropout before
    # the head.
    stages = _cut(net.features, (1, 2, 3, 4, 5, 6, 7, 9))
    last = (*stages["stage7"], net.avgpool, nn.Flatten(), net.classifier[0])
    return {**stages, "stage7": nn.Sequential(*last)}


def _mobilenet_v2_stages(net: nn.Module) -> dict[str, nn.Module]:
    # Cut where the resolution halves (Sandler et al. 2018, table 2); pooling and the dropout before
    # the head go with the last stage.
    stages = _cut(net.features, (1, 2, 4, 7, 14, 19))
    last = (*stages["stage5"], nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.classifier[0])
    return {**stages, "stage5": nn.Sequential(*last)}


def _mobilenet_stages(net: nn.Module) -> dict[str, nn.Module]:
    # Cut where the resolution halves (Howard et al. 2019, table 2); the hidden linear layer before
    # the head is a stage of its own.
    stages = _cut(net.features, (1, 2, 4, 9, 13))
    hidden = nn.Sequential(net.avgpool, nn.Flatten(), *net.classifier[:3])
    return {**stages, "hidden": hidden}


def _vgg_stages(net: nn.Module) -> dict[str, nn.Module]:
    # A block ends with its max-pooling. VGG has no stem: its first block plays that part.
    ends = [i + 1 for i, layer in enumerate(net.features) if isinstance(layer, nn.MaxPool2d)]
    starts = [0, *ends[:-1]]
    blocks = {
        f"block{i}": net.features[start:end]
        for i, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    }
    return {**blocks, "hidden": nn.Sequential(net.avgpool, nn.Flatten(), *net.classifier[:6])}


class _VitStem(nn.Module):
    """Patches, class token and positions: what VisionTransformer.forward does before its layers."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.conv_proj = net.conv_proj
        self.class_token = net.class_token
        self.pos_embedding = net.encoder.pos_embedding
        self.dropout = net.encoder.dropout

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)
        return self.dropout(tokens + self.pos_embedding)


def _vit_stages(net: nn.Module) -> dict[str, nn.Module]:
    layers = list(net.encoder.layers)
    stages = {"stem": _VitStem(net)}
    stages |= {f"layer{i}": layer for i, layer in enumerate(layers[:-1], start=1)}
    stages[f"layer{len(layers)}"] = nn.Sequential(layers[-1], net.encoder.ln)
    return stages


ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture(
            "worldnet", _worldnet, _resnet_stages, _mean_over_places, "fc", 64, rates=WORLDNET
        ),
        *(
            Architecture(name, _torchvision(name), stages, pool, head, 224)
            for name, stages, pool, head in (
                ("resnet18", _resnet_stages, _mean_over_places, "fc"),
                ("resnet50", _resnet_stages, _mean_over_places, "fc"),
                ("efficientnet_b0", _efficientnet_stages, _as_it_is, "classifier.1"),
                ("mobilenet_v2", _mobilenet_v2_stages, _as_it_is, "classifier.1"),
                ("mobilenet_v3_small", _mobilenet_stages, _as_it_is, "classifier.3"),
                ("vgg19", _vgg_stages, _as_it_is, "classifier.6"),
                ("vit_b_16", _vit_stages, _class_token, "heads.head"),
            )
        ),
    )
}


# ---- nets that are not in the table --------------------------------------------------------------


def architecture(name: str, size: int | None = None) -> Architecture:
    """What the course must know of a net by name: one of the table, of torchvision or of timm.

    size: side of its pictures; default: that of its newest weights. Stages that the table lacks are
    found. Raises CourseError for a name that nobody knows, and for a net without stages or without
    a linear head.
    """
    if name == "worldnet":
        return ARCHITECTURES[name] if size is None else replace(ARCHITECTURES[name], size=size)
    if not isinstance(name, str) or not (name.startswith(TIMM) or name in torchvision_names()):
        raise unknown(name)
    return _known(name, size)


@lru_cache(maxsize=16)
def _known(name: str, size: int | None) -> Architecture:
    if name.startswith(TIMM):
        build = _timm(_timm_name(name))
        net = build(1000)
        return found(name, net, build, size or timm_settings(net)["input_size"][-1])
    size = size or torchvision_size(name)
    build = _torchvision(name, size)
    if name in ARCHITECTURES:
        return replace(ARCHITECTURES[name], build=build, size=size)
    return found(name, build(1000), build, size)


def found(
    name: str,
    net: nn.Module,
    build: Callable[[int], nn.Module],
    size: int,
    head: str | None = None,
    ends: Sequence[str] | None = None,
) -> Architecture:
    """An architecture whose stages are looked for in `net`. Raises CourseError: see find_stages."""
    result = find_stages(net, size, head, ends)
    given = None if ends is None else tuple(ends)
    return Architecture(name, build, result.stages, _as_it_is, result.head, size, given)


@lru_cache(maxsize=1)
def torchvision_names() -> tuple[str, ...]:
    """Every classification net of torchvision, by the name that torchvision gives it."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def torchvision_size(name: str) -> int:
    """Side in pixels of the pictures of a torchvision net's newest weights."""
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT.transforms().crop_size[0]


def timm():
    """The package timm. Raises CourseError where it is not installed."""
    try:
        import timm
    except ImportError as error:
        raise CourseError(
            "Nets of timm need the package timm: pip install timm. Without it there are the nets "
            "of torchvision, and Backbone.wrap for one of your own."
        ) from error
    return timm


def timm_settings(net: nn.Module) -> dict:
    """input_size (3, h, w), mean, std, interpolation and crop_pct of a timm net's weights."""
    timm()
    from timm.data import resolve_model_data_config

    return resolve_model_data_config(net)


def _timm_name(name: str) -> str:
    bare = name.removeprefix(TIMM)
    if not timm().is_model(bare):
        near = difflib.get_close_matches(bare, timm().list_models(), n=3)
        hint = f" Did you mean {' or '.join(repr(TIMM + n) for n in near)}?" if near else ""
        raise CourseError(f"timm has no net {bare!r}.{hint} timm.list_models() gives its names.")
    return bare


def unknown(name) -> CourseError:
    """The error for a backbone's name that nobody knows."""
    names = (*ARCHITECTURES, *torchvision_names())
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return CourseError(
        f"No backbone {name!r}.{hint} There are: {', '.join(ARCHITECTURES)}; every other "
        'classification net of torchvision by its name; "timm:NAME"; and Backbone.wrap(net, ...) '
        "for a net of your own."
    )
