"""What a frozen net tells the picture tower: a few numbers from several of its stages."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import chunk_size, evaluating

# stage -> how many fields in a row its maps are averaged over: 64 + 4 x 128 + 256 = 832 numbers
LATE: Mapping[str, int] = {"layer2": 1, "layer3": 2, "layer4": 1}
WITH_STEM: Mapping[str, int] = {"stem": 4, **LATE}


def tap(net: Backbone, x: Tensor, grids: Mapping[str, int] = LATE) -> Tensor:
    """Prepared pictures (n, 3, size, size) -> what the stages of `grids` say of them, (n, d)."""
    parts = []
    for name, stage in net.stages.items():
        x = stage(x)
        if name in grids:
            parts.append(adaptive_avg_pool2d(x, grids[name]).flatten(1))
    return torch.cat(parts, 1)


def tower_features(net: Backbone, pictures: Tensor, grids: Mapping[str, int] = LATE) -> Tensor:
    """float32 (n, d) on the CPU from uint8 pictures; the net stays as it is. d is 832 by default.

    A mean over a whole map says what is there; layer3's four fields say roughly where. The stages'
    numbers stand in the net's order, so the last ones are those of the late stages.
    """
    parts = []
    with torch.inference_mode(), evaluating(net):
        for chunk in pictures.split(chunk_size(net)):
            parts.append(tap(net, net.prepare(chunk.to(net.device)), grids).float().cpu())
    return torch.cat(parts).clone()
