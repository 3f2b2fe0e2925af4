"""Continued pretraining on unlabelled target pictures: guess by how much a picture was turned.

Gidaris, Singh and Komodakis, "Unsupervised representation learning by predicting image rotations",
ICLR 2018; for adaptation: Sun et al., "Unsupervised domain adaptation through self-supervision",
2019.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import default_device
from course_lib.train import strategies
from course_lib.train.stepping import forward_pass, update


def quarter_turns(pictures: Tensor, turns: Tensor) -> Tensor:
    """Each picture (n, 3, s, s) turned by its number of quarter turns, (n,) int64 in 0..3."""
    turned = pictures.clone()
    for quarter in (1, 2, 3):
        here = turns == quarter
        turned[here] = torch.rot90(pictures[here], quarter, (2, 3))
    return turned


def continue_pretraining(
    model: Backbone,
    pictures: Tensor,
    steps: int = 60,
    lr: float = 1e-3,
    batch: int = 32,
    seed: int = 0,
) -> Backbone:
    """A copy whose stages have learnt on unlabelled pictures; its head is as it was.

    pictures: uint8 (n, 3, s, s). lr: peak rate of the stages, ten times more for the head of four
    turns, which is thrown away.
    """
    learner = model.with_head(4, seed).to(default_device()).train()
    head = {id(p) for p in learner.head.parameters()}
    groups = [
        {"name": "stages", "params": [p for p in learner.parameters() if id(p) not in head]},
        {"name": "head", "params": list(learner.head.parameters())},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=1e-4, fused=True)
    draw = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rate = lr * strategies.cosine_with_warmup((step + 0.5) / steps)
        rows = torch.randint(len(pictures), (batch,), generator=draw)
        turns = torch.randint(4, (batch,), generator=draw).to(learner.device)
        turned = quarter_turns(pictures[rows].to(learner.device), turns)
        with forward_pass(seed, step, learner.device):
            loss = F.cross_entropy(learner(learner.prepare(turned)).float(), turns)
        update(optimizer, loss, {"stages": rate, "head": 10 * rate}, step)
    learner.replace_head(model.copy().head.to(learner.device), model.source_classes)
    return learner.to(model.device).eval()
