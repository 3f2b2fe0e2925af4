"""Bytes of memory, counted and not sampled; and what is free, given back."""

import ctypes
import gc
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn


def kept_bytes(model: nn.Module, forward: Callable[[], Tensor]) -> int:
    """What autograd keeps of a forward pass for the backward one, the model's weights apart.

    Every storage counts once. forward: makes the pass and gives its output.
    """
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a graph that holds its own outputs would never be freed

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = forward()
    total = sum(kept.values())  # before the graph goes, so that no address is used twice
    del output
    return total


def give_back() -> None:
    """Hand memory that nothing uses any more back to the system.

    glibc keeps what was freed, and a container such as Binder's counts what is kept. Elsewhere
    (macOS, Windows, musl) only Python's own garbage is collected.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)
