"""LoRA: frozen layers with a small correction of low rank beside each (Hu et al. 2022).

net = add_lora(backbone.net, ("layer3", "layer4"), rank=4, alpha=4)   # only the new part learns
merge(net)      # plain layers again, the correction added to their weights
take_off(net)   # plain layers again, as they were before, bit for bit
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib import checks
from course_lib.errors import CourseError

ADAPTED = (nn.Linear, nn.Conv2d)


class LoRA(nn.Module):
    """layer(x) + alpha / rank * up(down(x)), with `layer` frozen.

    layer: an nn.Linear, or an nn.Conv2d without groups. down: to `rank` channels, of the layer's
    own kind (size, stride, padding). up: from there to the layer's outputs, zero at the start, so
    that nothing changes before the first step. The layer given is taken over, not copied.
    """

    def __init__(self, layer: nn.Module, rank: int, alpha: float):
        super().__init__()
        rank = checks.whole_number(rank, "rank", 1)
        self.layer = layer.requires_grad_(False)
        self.scale = checks.number(alpha, "alpha", above=0) / rank
        self.down: nn.Module
        self.up: nn.Module
        if isinstance(layer, nn.Linear):
            self.down = nn.Linear(layer.in_features, rank, bias=False)
            self.up = nn.Linear(rank, layer.out_features, bias=False)
        elif isinstance(layer, nn.Conv2d) and layer.groups == 1:
            same = {name: getattr(layer, name) for name in ("stride", "padding", "dilation")}
            same["padding_mode"] = layer.padding_mode
            self.down = nn.Conv2d(layer.in_channels, rank, layer.kernel_size, **same, bias=False)
            self.up = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
        else:
            raise CourseError(f"LoRA adapts linear layers and convolutions; got {layer}.")
        nn.init.zeros_(self.up.weight)
        self.to(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.scale * self.up(self.down(x))

    def difference(self) -> Tensor:
        """What the correction adds to the layer's weight, in that weight's shape."""
        return self.scale * (self.up.weight.flatten(1) @ self.down.weight.flatten(1)).view_as(
            self.layer.weight
        )


def add_lora(net: nn.Module, names: Sequence[str], rank: int, alpha: float) -> nn.Module:
    """A copy of a net with a LoRA around the layers of these names, the rest frozen.

    names: of layers, or of modules such as "layer4" all of whose linear layers and convolutions are
    meant. alpha: the correction counts alpha / rank times. What else is to learn, such as a new
    head, is unlocked afterwards. Left out are the output layers of nn.MultiheadAttention, which
    PyTorch does not call like others. Batch norm is left to the caller: its statistics follow every
    batch in training mode and are no part of the correction.
    Raises CourseError for a name that is not there or holds nothing to adapt, and for a net that
    has a LoRA already.
    """
    net = copy.deepcopy(net).requires_grad_(False)
    if adapters(net):
        raise CourseError("This net has a LoRA already: merge it or take it off first.")
    found = dict(net.named_modules())
    # Their output layer is never called: PyTorch reads its weight and multiplies by itself.
    unseen = {
        f"{name}.out_proj" for name, m in found.items() if isinstance(m, nn.MultiheadAttention)
    }
    wanted: dict[str, nn.Module] = {}
    for name in checks.names(names, "names"):
        inside = [] if name not in found else list(found[name].named_modules(prefix=name))
        layers = {p: m for p, m in inside if isinstance(m, ADAPTED) and p not in unseen}
        if not layers:
            raise CourseError(f"There is no layer to adapt at {name!r} in this net.")
        wanted |= layers
    for path, layer in wanted.items():
        net.set_submodule(path, LoRA(layer, rank, alpha))
    return net


def merge(net: nn.Module) -> nn.Module:
    """A copy with plain layers, each weight W + alpha / rank * up down: as fast as before."""
    net = copy.deepcopy(net)
    for path, module in adapters(net).items():
        with torch.no_grad():
            module.layer.weight += module.difference()
        net.set_submodule(path, module.layer)
    return net


def take_off(net: nn.Module) -> nn.Module:
    """A copy with the plain layers that `add_lora` was given, bit for bit."""
    net = copy.deepcopy(net)
    for path, module in adapters(net).items():
        net.set_submodule(path, module.layer)
    return net


def adapters(net: nn.Module) -> dict[str, LoRA]:
    """The adapted layers of a net by name."""
    return {path: module for path, module in net.named_modules() if isinstance(module, LoRA)}
