"""How well do the shipped weights transfer, and does scratch with the same budget do as well?

    python benchmarks/transfer.py [--data FOLDER] [--photographs FOLDER ...] [--draws 5] [--card]
    python benchmarks/transfer.py ... --weights mobilenet_v2.safetensors

Rows go to benchmarks/results/transfer.json, one at a time, so a stopped run goes on. With --data,
the folder that holds pneumoniamnist.npz (MedMNIST, CC BY 4.0) and ants_bees_64.npz, real pictures
are measured too; with --photographs also folders with one sub-folder per class, split anew for each
draw. --card writes the means into the model card. Every strategy tries the same learning rates
(multiples of its own) and picks by validation; test pictures are opened once per draw. Where a
target says "12 views", every method but the two baselines also learns from 12 random views of each
picture.

With --weights a MobileNetV2 meets the targets of IMAGENET_TARGETS at 160 px, same draws, same
search, in rows of its own (results/transfer_imagenet.json). It is slow, so its full fine-tuning has
10 epochs, and chooses by at most 100 validation pictures.
"""

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import load_backbone, load_task, tune
from course_lib import strategies as S
from course_lib.backbones import Backbone
from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card
from course_lib.data.split import Split, stratified
from course_lib.data.task import Task
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.train.baselines import linear_probe, pixel_logistic_regression, random_frozen
from course_lib.worldnet.card import transfer_table, write_card

RESULTS = Path(__file__).parent / "results"
OUT, OUT_IMAGENET = RESULTS / "transfer.json", RESULTS / "transfer_imagenet.json"
RATES = (0.3, 1.0, 3.0)  # multiples of each strategy's own rate
STRATEGIES = (S.SCRATCH, S.FEATURE_EXTRACTION, S.FINE_TUNING, S.FULL_FINE_TUNING)
METHODS = (
    "pixel logistic regression",
    "random frozen backbone",
    *(strategy.name for strategy in STRATEGIES),
    "linear probe",
)
IMAGENET_METHODS = {  # name -> epochs, where not the target's
    "random frozen backbone": None,
    S.FEATURE_EXTRACTION.name: None,
    S.FULL_FINE_TUNING.name: 10,
}
IMAGENET_TARGETS = ("held-out shapes", "plain digits", "real chest X-rays")  # and all photographs
IMAGENET_VALIDATION = 100
VIEWS = 12
PHOTOGRAPHS = {"labels": 100, "validation": 100, "test": 240}


def pick(split: Split, n: int, classes: int, seed: int) -> tuple[Split, Split]:
    """n labels, stratified, in an order that the seed decides; and the rest."""
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed))
    rows = order[stratified(split.labels[order], n, classes)]
    rest = torch.ones(len(split.labels), dtype=torch.bool)
    rest[rows] = False
    return Split(split.pictures[rows], split.labels[rows]), Split(
        split.pictures[rest], split.labels[rest]
    )


def x_rays(folder: Path, train: int, seed: int, size: int = 64) -> Task:
    """PneumoniaMNIST, 28x28 grey, enlarged to size x size."""
    data = np.load(folder / "pneumoniamnist.npz")

    def split(name: str) -> Split:
        grey = torch.from_numpy(data[f"{name}_images"]).float()[:, None]
        large = F.interpolate(grey, size=size, mode="bicubic", align_corners=False).clamp(0, 255)
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


def photographs(folder: Path, seed: int, size: int) -> Task:
    """A split of its own for every seed, of all pictures of a folder; each part an equal mix."""
    whole = load_task(f"folder:{folder}", size=size)
    parts = (whole.train, whole.validation, whole.test)
    rest, splits = Split(*(torch.cat(part) for part in zip(*parts, strict=True))), []
    for count in PHOTOGRAPHS.values():
        few, rest = pick(rest, min(count, len(rest.labels)), len(whole.classes), seed)
        splits.append(few)
    return Task(folder.name, folder.name, *splits, whole.classes, "accuracy", "different", "photos")


def targets(data: Path | None, folders: list[Path], size: int = 64) -> list[dict]:
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
             "load": lambda train, seed: x_rays(data, train, seed, size)},
            {"target": "real chest X-rays", "labels": 500, "epochs": 10,
             "load": lambda train, seed: x_rays(data, train, seed, size)},
            {"target": "ants and bees, photographs", "labels": 200, "epochs": 15,
             "load": lambda train, seed: ants_and_bees(data, train, seed)},
        ]  # fmt: skip
    for folder in folders:
        found.append(
            {
                "target": folder.name.replace("_", " and "),
                "labels": PHOTOGRAPHS["labels"],
                "epochs": 25,
                "load": lambda train, seed, folder=folder: photographs(folder, seed, size),
            }
        )
    return found


def for_imagenet(found: list[dict], folders: list[Path]) -> list[dict]:
    """The targets that a slow net meets: 100 labels, fewer validation pictures."""
    names = {*IMAGENET_TARGETS, *(folder.name.replace("_", " and ") for folder in folders)}

    def fewer(load):
        def task(train, seed):
            whole = load(train, seed)
            count = min(IMAGENET_VALIDATION, len(whole.validation.labels))
            few, _ = pick(whole.validation, count, len(whole.classes), seed)
            return replace(whole, validation=few)

        return task

    return [
        what | {"load": fewer(what["load"])}
        for what in found
        if what["target"] in names and what["labels"] == 100
    ]


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


BESIDE = {  # column of the table of both nets -> (net, method)
    "pixels": ("worldnet", "pixel logistic regression"),
    "random WorldNet": ("worldnet", "random frozen backbone"),
    "scratch": ("worldnet", "scratch"),
    "WorldNet, head": ("worldnet", "feature extraction"),
    "WorldNet, all": ("worldnet", "full fine-tuning"),
    "random MobileNetV2": ("imagenet", "random frozen backbone"),
    "MobileNetV2, head": ("imagenet", "feature extraction"),
    "MobileNetV2, all": ("imagenet", "full fine-tuning"),
}


def both_nets(world: list[dict], imagenet: list[dict]) -> str:
    """Mean test scores of both nets on the draws that both have seen whole, as a Markdown table."""
    rows = {"worldnet": world, "imagenet": imagenet}
    lines = ["| target | draws | " + " | ".join(BESIDE) + " |", "|---|--:|" + "--:|" * len(BESIDE)]
    for target in dict.fromkeys(row["target"] for row in imagenet):
        scores = {
            column: {
                row["seed"]: row["test"]
                for row in rows[net]
                if (row["target"], row["labels"], row["strategy"]) == (target, 100, method)
            }
            for column, (net, method) in BESIDE.items()
        }
        draws = sorted(set.intersection(*(set(found) for found in scores.values())))
        if not draws:
            continue
        means = {
            column: float(np.mean([found[seed] for seed in draws]))
            for column, found in scores.items()
        }
        best = max(means.values())
        cells = [f"**{mean:.3f}**" if mean == best else f"{mean:.3f}" for mean in means.values()]
        lines.append(f"| {target} | {len(draws)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(
    out: Path,
    backbone: Backbone,
    weights: str,
    found: list[dict],
    methods: dict[str, int | None],
    draws: int,
) -> list[dict]:
    """All rows: those that `out` holds, and the missing ones, stored one at a time.

    weights: their hash; rows of others are put aside. methods: name -> epochs, None: the target's.
    """
    study = {"weights": weights, "made_with": machine(), "rates": RATES, "rows": []}
    if out.exists():
        stored = json.loads(out.read_text())
        if stored["weights"] == weights:
            study = stored
        else:
            out.rename(out.with_suffix(".old.json"))
    done = {(r["target"], r["labels"], r["strategy"], r["seed"]) for r in study["rows"]}
    for seed in range(draws):
        for what in found:
            missing = [
                name for name in methods if (what["target"], what["labels"], name, seed) not in done
            ]
            task = what["load"](what["labels"], seed) if missing else None
            for name in missing:
                epochs = methods[name] or what["epochs"]
                row = {"target": what["target"], "labels": what["labels"], "strategy": name,
                       "seed": seed, "metric": task.metric, "epochs": epochs}  # fmt: skip
                row |= measure(backbone, task, name, epochs, what.get("views", 0), seed)
                study["rows"].append(row)
                write_atomically(out, json.dumps(study, indent=1) + "\n")
                print(row["target"], row["labels"], name, seed, f"{row['test']:.3f}", flush=True)
    return study["rows"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the real pictures")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], metavar="FOLDER",
                        help="folders with one sub-folder per class")  # fmt: skip
    parser.add_argument("--weights", type=Path, help="a MobileNetV2 to measure in WorldNet's place")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--card", action="store_true", help="write the means into the model card")
    arguments = parser.parse_args()
    if arguments.weights:
        half, size = (0.5, 0.5, 0.5), 160
        net = load_backbone(
            "mobilenet_v2", weights=arguments.weights, size=size, mean=half, std=half
        )
        found = targets(arguments.data, arguments.photographs, size)
        run(
            OUT_IMAGENET,
            net,
            hashlib.sha256(arguments.weights.read_bytes()).hexdigest(),
            for_imagenet(found, arguments.photographs),
            IMAGENET_METHODS,
            arguments.draws,
        )
        return
    card = read_card(WORLDNET_WEIGHTS)
    found = targets(arguments.data, arguments.photographs)
    methods = dict.fromkeys(METHODS)
    rows = run(OUT, load_backbone(), card["sha256"], found, methods, arguments.draws)
    card["transfer"] = summary(rows)
    print(transfer_table(card))
    if OUT_IMAGENET.exists():
        print(both_nets(rows, json.loads(OUT_IMAGENET.read_text())["rows"]))
    if arguments.card:
        write_card(WORLDNET_WEIGHTS, card)


if __name__ == "__main__":
    main()
