"""Which backbone: parameters, milliseconds, memory, and accuracy where weights are there (C30).

Time and memory of a net do not depend on its weights, so random ones serve and nothing is
downloaded. Accuracy does: it is measured for the nets whose weights are asked for.
"""

import time

from course_lib.experiments.study import Claim, Finding, Row
from course_lib.measure.statistics import together
from course_lib.train import strategies as S

NAMES = ("worldnet", "mobilenet_v3_small", "efficientnet_b0", "resnet18", "resnet50", "vit_b_16",
         "vgg19")  # fmt: skip


def trials(size: dict) -> list[dict]:
    keys = ("repeats", "batch", "task", "train", "epochs")
    return [
        {"backbone": name, "pretrained": name in size["pretrained"],
         **{key: size[key] for key in keys}}
        for name in size["backbones"]
    ]  # fmt: skip


def measure(trial: dict) -> dict:
    import numpy as np
    import torch

    from course_lib import load_backbone
    from course_lib.experiments.memory import give_back, kept_bytes

    give_back()  # of the net before this one
    model = load_backbone(trial["backbone"], pretrained=trial["pretrained"])
    size = model.architecture.size
    one = torch.rand(1, 3, size, size)
    alone = _milliseconds(model, one, trial["repeats"])
    batch = _milliseconds(model, one.expand(trial["batch"], -1, -1, -1), trial["repeats"])
    parameters = sum(p.numel() for p in model.parameters())
    row = {
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
        "accuracy": None,
    }
    if trial["pretrained"]:
        row["accuracy"] = _accuracy(model, trial)
    return row


def _milliseconds(model, pictures, repeats: int) -> list[float]:
    """Wall-clock of forward passes, the first one not counted."""
    import torch

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
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100


def _accuracy(model, trial: dict) -> float:
    from course_lib import fit, load_task

    task = load_task(trial["task"], train=trial["train"], seed=0)
    run = fit(model, task, S.FEATURE_EXTRACTION, trial["epochs"], validate_every=0, progress=False)
    return run.test


def training_megabytes(row: Row, batch: int = 32) -> float:
    """Memory of a full fine-tuning step with AdamW."""
    return 4 * row["megabytes_of_weights"] + batch * row["megabytes_per_picture"]


def judge(rows: list[Row]) -> Finding:
    nets = {row["backbone"]: row for row in rows}
    small = [name for name in ("mobilenet_v3_small", "efficientnet_b0") if name in nets]
    parts = {}
    if "resnet50" in nets:
        middle = nets["resnet50"]
        for name in small:
            ways = {
                "parameters": nets[name]["parameters"] < middle["parameters"],
                "milliseconds": nets[name]["milliseconds"] < middle["milliseconds"],
                "memory": training_megabytes(nets[name]) < training_megabytes(middle),
            }
            lighter = [way for way, less in ways.items() if less]
            parts[f"{name} is lighter than resnet50 in {' and '.join(lighter) or 'nothing'}"] = (
                _verdict(all(ways.values()))
            )
        if "vit_b_16" in nets:
            slower = nets["vit_b_16"]["milliseconds"] > middle["milliseconds"]
            parts["vit_b_16 costs more time than resnet50"] = _verdict(slower)
    unmeasured = [name for name, row in nets.items() if row["accuracy"] is None]
    parts["which one is most accurate on your task"] = "undecided" if unmeasured else "holds"
    times = ", ".join(f"{name} {row['milliseconds']:.1f}" for name, row in nets.items())
    measured = [f"{n} {r['accuracy']:.3f}" for n, r in nets.items() if r["accuracy"] is not None]
    missing = (
        f"; the {len(unmeasured)} others had random weights, so theirs needs the photographs track "
        "and its downloads"
        if unmeasured
        else ""
    )
    sentence = (
        f"Milliseconds for one picture on this machine: {times}. Accuracy was measured for "
        f"{', '.join(measured) or 'none'}{missing}. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Milliseconds per picture against millions of parameters: " + ", ".join(
        f"{name} {row['milliseconds']:.0f} and {row['parameters'] / 1e6:.1f}"
        for name, row in nets.items()
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def _verdict(true: bool) -> str:
    return "holds" if true else "does not hold here"


def draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7.4, 4.2))
    for row in rows:
        own = row["backbone"] == "worldnet"
        x, y = row["milliseconds"], row["parameters"] / 1e6
        ax.plot([row["fastest"], row["slowest"]], [y, y], color="#777777", lw=1.2)
        area = 20 + training_megabytes(row) / 12
        ax.scatter(x, y, s=area, color="#D55E00" if own else "#0072B2", alpha=0.55, zorder=3)
        below = row["backbone"] in ("mobilenet_v3_small", "vit_b_16")  # close to a neighbour
        away = area**0.5 / 2 + 4
        ax.annotate(row["backbone"], (x, y), xytext=(0, -away if below else away), ha="center",
                    va="top" if below else "bottom", textcoords="offset points",
                    fontsize=9)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.margins(0.16, 0.2)
    ax.set_xlabel("milliseconds for one picture (line: fastest to slowest)")
    ax.set_ylabel("million parameters")
    ax.set_title("Area: memory of a training step with 32 pictures", fontsize=11)
    return fig


CLAIMS = (
    Claim(
        tag="C30",
        lesson="06",
        statement="ResNet-50 is the all-rounder, MobileNetV3 and EfficientNet-B0 suit small "
        "devices, ViT wants the most compute.",
        rule="each of the two small nets needs fewer parameters, milliseconds and megabytes than "
        "ResNet-50, and ViT-B/16 more milliseconds; accuracy counts only where it is measured.",
        trials=trials,
        measure=measure,
        judge=judge,
        draw=draw,
        # VGG-19 alone would take half a gigabyte of a learner's memory.
        live={"backbones": NAMES[:-1], "pretrained": ("worldnet",), "repeats": 5, "batch": 4,
              "task": "new-shapes", "train": 100, "epochs": 10},
        quick={"backbones": NAMES[:2], "pretrained": ("worldnet",), "repeats": 2, "batch": 2,
               "task": "new-shapes", "train": 24, "epochs": 2},
        full={"backbones": NAMES, "pretrained": ("worldnet",), "repeats": 9, "batch": 4,
              "task": "new-shapes", "train": 100, "epochs": 10},
    ),
)  # fmt: skip
