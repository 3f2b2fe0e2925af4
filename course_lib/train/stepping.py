"""One training step, as every loop of the course takes it.

with forward_pass(seed, step, device):
    loss = F.cross_entropy(net(x), labels)
update(optimizer, loss, rates, step)
"""

from collections.abc import Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from course_lib.backbones.inference import precision
from course_lib.errors import Diverged


@contextmanager
def forward_pass(seed: int, step: int, device: torch.device):
    """Inside, a loss is computed: in bf16 on a GPU, random numbers from (seed, step) alone."""
    with own_randomness(seed, step, device), precision(device):
        yield


def update(
    optimizer: torch.optim.Optimizer, loss: Tensor, rates: Mapping[str, float], step: int
) -> None:
    """Let the optimizer act once on the gradients of a loss.

    rates: learning rate of each of its groups, by the group's entry "name". step: those taken so
    far. Raises Diverged, before anything changes, for a loss that is no number.
    """
    if not torch.isfinite(loss):
        raise Diverged(
            f"The loss became {loss.item()} in step {step + 1}, at a learning rate of "
            f"{max(rates.values()):.2g}: training diverged. Try a smaller lr, for instance a tenth."
        )
    for group in optimizer.param_groups:
        group["lr"] = rates[group["name"]]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@contextmanager
def own_randomness(seed: int, step: int, device: torch.device):
    """Random numbers (dropout) from (seed, step) alone; the global generators stay as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: without a GPU it queues a call for later, with a stack trace, each
        # time it is called, and that queue only grows.
        torch.default_generator.manual_seed(seed * 1_000_003 + step)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed * 1_000_003 + step)
        yield
