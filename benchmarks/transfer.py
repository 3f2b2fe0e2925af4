"""How well do the shipped weights transfer, and does scratch with the same budget do as well?

    python benchmarks/transfer.py [--data FOLDER] [--draws 5] [--card]

Rows go to benchmarks/results/transfer.json, one at a time, so a stopped run goes on. With --data,
the folder that holds pneumoniamnist.npz (MedMNIST, CC BY 4.0) and ants_bees_64.npz, real pictures
are measured too. --card writes the means into the model card. Every strategy tries the same
learning rates (multiples of its own) and picks by validation; test pictures are opened once per
draw. Where a target says "12 views", every method but the two baselines also learns from 12 random
views of each picture.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import load_backbone, load_task, tune
from course_lib import strategies as S
from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card
from course_lib.data.split import Split, stratified
from course_lib.data.task import Task
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.train.baselines import linear_probe, pixel_logistic_regression, random_frozen
from course_lib.worldnet.card import transfer_table, write_card

OUT = Path(__file__).parent / "results" / "transfer.json"
RATES = (0.3, 1.0, 3.0)  # multiples of each strategy's own rate
STRATEGIES = (S.SCRATCH, S.FEATURE_EXTRACTION, S.FINE_TUNING, S.FULL_FINE_TUNING)
METHODS = (
    "pixel logistic regression",
    "random frozen backbone",
    *(strategy.name for strategy in STRATEGIES),
    "linear probe",
)
VIEWS = 12


def pick(split: Split, n: int, classes: int, seed: int) -> tuple[Split, Split]:
    """n labels, stratified, in an order that the seed decides; and the rest."""
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed))
    rows = order[stratified(split.labels[order], n, classes)]
    rest = torch.ones(len(split.labels), dtype=torch.bool)
    rest[rows] = False
    return Split(split.pictures[rows], split.labels[rows]), Split(
        split.pictures[rest], split.labels[rest]
    )


def x_rays(folder: Path, train: int, seed: int) -> Task:
    """PneumoniaMNIST, 28x28 grey, enlarged to 64x64."""
    data = np.load(folder / "pneumoniamnist.npz")

    def split(name: str) -> Split:
        grey = torch.from_numpy(data[f"{name}_images"]).float()[:, None]
        large = F.interpolate(grey, size=64, mode="bicubic", align_corners=False).clamp(0, 255)
        labels = torch.from_numpy(data[f"{name}_labels"].astype(np.int64).ravel())
        return Split(large.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous(), labels)

    few, _ = pick(split("train"), train, 2, seed)
    return Task("x-rays", "Real chest X-rays", few, split("val"), split("test"),
                ("normal", "pneumonia"), "auc", "different", "PneumoniaMNIST")  # fmt: skip


def ants_and_bees(folder: Path, train: int, seed: int) -> Task:
    """Photographs; what is left of the training pictures serves as validation."""
    data = np.load(folder / "ants_bees_64.npz")

    def split(name: str) -> Split:
        pictures = torch.from_numpy(data[f"{name}_images"]).permute(0, 3, 1, 2).contiguous()
        return Split(pictures, torch.from_numpy(data[f"{name}_labels"].astype(np.int64).ravel()))

    few, rest = pick(split("train"), train, 2, seed)
    return Task("ants-bees", "Photographs of ants and bees", few, rest, split("val"),
                ("ants", "bees"), "accuracy", "different", "tutorial photographs")  # fmt: skip


def targets(data: Path | None) -> list[dict]:
    """What is measured: name, labels, epochs and how to get the task of a draw."""

    def built_in(name):
        return lambda train, seed: load_task(name, train=train, seed=seed)

    found = [
        {"target": "held-out shapes", "labels": 100, "epochs": 25, "load": built_in("new-shapes")},
        {"target": "held-out shapes, 12 views", "labels": 100, "epochs": 25, "views": VIEWS,
         "load": built_in("new-shapes")},
        {"target": "plain digits", "labels": 100, "epochs": 25, "load": built_in("digits")},
        {"target": "plain digits, 12 views", "labels": 100, "epochs": 25, "views": VIEWS,
         "load": built_in("digits")},
        {"target": "phantom radiographs", "labels": 100, "epochs": 25,
         "load": built_in("radiographs")},
        {"target": "phantom radiographs", "labels": 500, "epochs": 10,
         "load": built_in("radiographs")},
    ]  # fmt: skip
    if data:
        found += [
            {"target": "real chest X-rays", "labels": 100, "epochs": 25,
             "load": lambda train, seed: x_rays(data, train, seed)},
            {"target": "real chest X-rays", "labels": 500, "epochs": 10,
             "load": lambda train, seed: x_rays(data, train, seed)},
            {"target": "ants and bees, photographs", "labels": 200, "epochs": 15,
             "load": lambda train, seed: ants_and_bees(data, train, seed)},
        ]  # fmt: skip
    return found


def measure(backbone, task: Task, name: str, epochs: int, views: int, seed: int) -> dict:
    if name == "pixel logistic regression":
        one = pixel_logistic_regression(task)
        return {"test": one.test, "validation": one.validation}
    if name == "random frozen backbone":
        one = random_frozen(backbone, task, seed)
        return {"test": one.test, "validation": one.validation}
    if name == "linear probe":
        one = linear_probe(backbone, task, views, seed)
        return {"test": one.test, "validation": one.validation, "C": one.C}
    strategy = next(s for s in STRATEGIES if s.name == name)
    usual = S.for_net(strategy, backbone).lr
    found = tune(
        backbone, task, strategy, rates=[usual * r for r in RATES], epochs=epochs, widen=0,
        batch_size=16 if len(task.train.labels) <= 200 else 32, seed=seed, augment=views,
        progress=False,
    )  # fmt: skip
    return {"test": found.run.test, "validation": found.run.validation, "lr": found.strategy.lr,
            "seconds": round(found.seconds, 1)}  # fmt: skip


def summary(rows: list[dict]) -> list[dict]:
    """Mean and standard deviation over draws, for the card; further views below what they view."""
    found = []
    kinds = list(dict.fromkeys(r["target"].split(",")[0] for r in rows))
    measured = dict.fromkeys((r["target"], r["labels"], r["metric"]) for r in rows)
    for target, labels, metric in sorted(measured, key=lambda m: kinds.index(m[0].split(",")[0])):
        mine = [r for r in rows if (r["target"], r["labels"]) == (target, labels)]
        scores = {}
        for name in dict.fromkeys(r["strategy"] for r in mine):
            values = [r["test"] for r in mine if r["strategy"] == name]
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            before = np.mean([r["validation"] for r in mine if r["strategy"] == name])
            scores[name] = {"mean": round(float(np.mean(values)), 4), "sd": round(spread, 4),
                            "validation": round(float(before), 4)}  # fmt: skip
        found.append({"target": target, "labels": labels, "metric": metric,
                      "draws": len({r["seed"] for r in mine}), "scores": scores})  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the real pictures")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--card", action="store_true", help="write the means into the model card")
    arguments = parser.parse_args()
    backbone, card = load_backbone(), read_card(WORLDNET_WEIGHTS)
    study = {"weights": card["sha256"], "made_with": machine(), "rates": RATES, "rows": []}
    if OUT.exists():
        stored = json.loads(OUT.read_text())
        if stored["weights"] == card["sha256"]:
            study = stored
        else:
            OUT.rename(OUT.with_suffix(".old.json"))
    done = {(r["target"], r["labels"], r["strategy"], r["seed"]) for r in study["rows"]}
    for seed in range(arguments.draws):
        for what in targets(arguments.data):
            task = what["load"](what["labels"], seed)
            for name in METHODS:
                key = (what["target"], what["labels"], name, seed)
                if key in done:
                    continue
                row = dict(zip(("target", "labels", "strategy", "seed"), key, strict=True))
                row |= {"metric": task.metric, "epochs": what["epochs"]}
                row |= measure(backbone, task, name, what["epochs"], what.get("views", 0), seed)
                study["rows"].append(row)
                text = json.dumps(study, indent=1) + "\n"
                write_atomically(OUT, text)
                print(*key, f"{row['test']:.3f}", flush=True)
    card["transfer"] = summary(study["rows"])
    print(transfer_table(card))
    if arguments.card:
        write_card(WORLDNET_WEIGHTS, card)


if __name__ == "__main__":
    main()
