"""Adapting batch norm alone: AdaBN and TENT. Both work on a copy and give it back in eval mode."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from course_lib.adaptation.alignment import entropy
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import chunk_size
from course_lib.errors import CourseError

ENOUGH = 2_000  # pictures after which the statistics hardly change


def batch_norms(model: nn.Module) -> list[nn.Module]:
    """The batch norms of a net, in order. Raises CourseError when there is none."""
    found = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not found:
        raise CourseError("This net has no batch norm, so there are no statistics to adapt.")
    return found


def adabn(model: Backbone, pictures: Tensor) -> Backbone:
    """A copy whose batch norms hold the mean and variance of these pictures; no weight changes.

    pictures: uint8 (n, 3, h, w) of the domain to come, at least 2; no labels are needed.
    Li et al., "Revisiting batch normalization for practical domain adaptation", 2016.
    """
    if len(pictures) < 2:
        raise CourseError(f"Statistics need 2 pictures or more; got {len(pictures)}.")
    twin = model.copy().eval()
    for norm in batch_norms(twin):
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all chunks
        norm.train()
    pictures = pictures[:ENOUGH]
    with torch.no_grad():
        for chunk in pictures.tensor_split(-(-len(pictures) // (2 * chunk_size(model)))):
            twin(twin.prepare(chunk.to(twin.device)))
    for norm, old in zip(batch_norms(twin), batch_norms(model), strict=True):
        norm.momentum = old.momentum
    return twin.eval()


def tent(
    model: Backbone,
    pictures: Tensor,
    steps: int = 60,
    lr: float = 1e-3,
    batch: int = 64,
    seed: int = 0,
) -> Backbone:
    """A copy that has been made certain of itself on these pictures, without labels.

    Batch norms use the statistics of the batch, and only their scale and shift learn, by the
    entropy of the predictions. Wang et al., "Tent: fully test-time adaptation by entropy
    minimization", ICLR 2021, equation 1. At the end the statistics are those of the pictures.
    """
    twin = model.copy()
    for _ in _tent_steps(twin, pictures, steps, lr, batch, seed):
        pass
    return adabn(twin, pictures)


def _tent_steps(model, pictures, steps, lr, batch, seed) -> Iterator[float]:
    model.eval().requires_grad_(False)
    norms = batch_norms(model)
    for norm in norms:
        norm.train()
        norm.weight.requires_grad_(True)
        norm.bias.requires_grad_(True)
    optimizer = torch.optim.Adam([p for n in norms for p in (n.weight, n.bias)], lr=lr)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (batch,), generator=generator)
        loss = entropy(model(model.prepare(pictures[rows].to(model.device))).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
    model.requires_grad_(True).eval()
