"""From prompts to labels: a head on the picture tower that begins at zero or at the prompts."""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Module):
    """A linear layer on unit vectors: scale * x W' + b. start: (classes, d), its first weights.

    With unit prompts as the start it says exactly what the prompts say.
    """

    def __init__(self, start: Tensor, scale: float):
        super().__init__()
        self.weight = nn.Parameter(start.clone())
        self.bias = nn.Parameter(torch.zeros(len(start)))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * F.normalize(x, dim=1) @ self.weight.T + self.bias


@dataclass(frozen=True)
class Settings:
    """How a head is fitted: AdamW at `rate` for `steps` steps, all labelled pictures in each."""

    rate: float
    steps: int


def fit_head(
    tower: nn.Module,
    head: Head,
    inputs: Tensor,
    labels: Tensor,
    settings: Settings,
    tower_ratio: float | None = None,
) -> nn.Module:
    """A tower and a head fitted to some labelled pictures; what is given stays as it is.

    inputs: (n, ...), what the tower takes. labels: (n,) int64. tower_ratio: the tower learns too,
    at a rate so many times smaller; None: only the head does. Batch norm keeps its statistics.
    """
    tower, head = copy.deepcopy(tower).eval(), copy.deepcopy(head)
    groups = [{"params": list(head.parameters()), "lr": settings.rate}]
    if tower_ratio is None:
        tower.requires_grad_(False)
        with torch.no_grad():
            inputs = tower(inputs)
    else:
        groups.append({"params": list(tower.parameters()), "lr": settings.rate / tower_ratio})
    optimizer = torch.optim.AdamW(groups)
    for _ in range(settings.steps):
        x = inputs if tower_ratio is None else tower(inputs)
        loss = F.cross_entropy(head(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.Sequential(tower, head).eval()
