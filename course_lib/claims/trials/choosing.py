"""Which backbone: parameters, milliseconds, memory, and accuracy where weights are there (C30).

Time and memory of a net do not depend on its weights, so random ones serve and nothing is
downloaded. Accuracy does: it is measured for the nets whose weights are asked for.
"""

import time

import numpy as np
import pandas as pd
import torch
from torchvision.models import get_model_weights

from course_lib.backbones import Backbone, load_backbone
from course_lib.data.tasks import load_task
from course_lib.lab.memory import give_back, kept_bytes
from course_lib.train import strategies as S
from course_lib.train.fit import fit

NAMES = ("worldnet", "mobilenet_v3_small", "efficientnet_b0", "resnet18", "resnet50", "vit_b_16",
         "vgg19")  # fmt: skip


def choosing_trials(size: dict) -> list[dict]:
    keys = ("repeats", "batch", "task", "train", "epochs")
    return [
        {"backbone": name, "pretrained": name in size["pretrained"],
         **{key: size[key] for key in keys}}
        for name in size["backbones"]
    ]  # fmt: skip


def cost_of_backbone(trial: dict) -> dict:
    """What one net costs on this machine; its accuracy too where it has pretrained weights.

    trial: backbone, pretrained, repeats (of the forward pass), batch; task, train and epochs of a
    new head.
    """
    give_back()  # of the net before this one
    model = load_backbone(trial["backbone"], pretrained=trial["pretrained"])
    size = model.architecture.size
    one = torch.rand(1, 3, size, size)
    alone = _milliseconds(model, one, trial["repeats"])
    batch = _milliseconds(model, one.expand(trial["batch"], -1, -1, -1), trial["repeats"])
    parameters = sum(p.numel() for p in model.parameters())
    return {
        "size": size,
        "parameters": parameters,
        "milliseconds": float(np.median(alone)),
        "fastest": min(alone),
        "slowest": max(alone),
        "batch_milliseconds": float(np.median(batch)) / trial["batch"],
        # A training step holds weights, gradients and AdamW's two moments, and what the backward
        # pass needs of each picture.
        "megabytes_of_weights": 4 * parameters / 1e6,
        "megabytes_per_picture": kept_bytes(model, lambda: model(one)) / 1e6,
        "published": published_accuracy(trial["backbone"]),
        "accuracy": _accuracy(model, trial) if trial["pretrained"] else None,
    }


def _milliseconds(model: Backbone, pictures: torch.Tensor, repeats: int) -> list[float]:
    """Wall-clock of forward passes, the first one not counted."""
    found = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            begin = time.perf_counter()
            model(pictures)
            found.append(1000 * (time.perf_counter() - begin))
    return found[1:]


def published_accuracy(name: str) -> float | None:
    """ImageNet accuracy that torchvision states for its newest weights; None for WorldNet."""
    if name == "worldnet":
        return None
    return get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100


def _accuracy(model: Backbone, trial: dict) -> float:
    task = load_task(trial["task"], train=trial["train"], seed=0)
    run = fit(model, task, S.FEATURE_EXTRACTION, trial["epochs"], validate_every=0, progress=False)
    return run.test


def training_megabytes(rows: pd.DataFrame, batch: int = 32) -> pd.Series:
    """Memory of a full fine-tuning step with AdamW, a number per row."""
    return 4 * rows["megabytes_of_weights"] + batch * rows["megabytes_per_picture"]


def with_memory(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds training_megabytes and million_parameters. Every net was measured once: draw 0."""
    return rows.assign(
        seed=0,
        training_megabytes=training_megabytes(rows),
        million_parameters=rows["parameters"] / 1e6,
    )
