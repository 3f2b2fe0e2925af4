"""How each net is cut into stages and a head, as one table.

A stage is what is frozen, unfrozen and given a rate as a whole. The stages of a net, run in order
and followed by its pool and its head, are the net's own forward pass; so the first k stages can be
computed once and kept while they are frozen.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Architecture:
    """What the course must know of a net.

    build: classes -> net with fresh weights.
    stages: net -> its stages by name, in order. Together they hold every parameter but the head's.
    pool: output of the last stage -> features (n, feature_dim); has no parameters.
    head: name, inside the net, of the last linear layer, which a new task replaces.
    size: side in pixels of the pictures that the net sees.
    """

    name: str
    build: Callable[[int], nn.Module]
    stages: Callable[[nn.Module], dict[str, nn.Module]]
    pool: Callable[[Tensor], Tensor]
    head: str
    size: int


def _worldnet(classes: int) -> nn.Module:
    from course_lib.backbones.worldnet import WorldNet

    return WorldNet(classes)


def _torchvision(name: str) -> Callable[[int], nn.Module]:
    def build(classes: int) -> nn.Module:
        from torchvision.models import get_model

        return get_model(name, weights=None, num_classes=classes)

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
        Architecture("worldnet", _worldnet, _resnet_stages, _mean_over_places, "fc", 64),
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
