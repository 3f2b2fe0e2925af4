"""Are the presets safe on photographs? Each against a new head alone, on the same draws.

    python benchmarks/presets.py --weights mobilenet_v2.safetensors --size 160 \
        --mean 0.5 0.5 0.5 --std 0.5 0.5 0.5 ants_bees/ flowers/

Each folder has one sub-folder of photographs per class. A draw is a split of its own: 100 labels to
learn from, as equal per class as can be, and up to 240 other photographs to test on. Nothing is
tuned: presets run with the rates that belong to the net. `--choose` sweeps head_lr_ratio and the
head's rate instead, on draws of its own; the rates in course_lib/backbones/rates.py were chosen so.
Rows go to course_lib/claims/results/presets.json one at a time, so a stopped run goes on.
"""

import argparse
import itertools
import json
from dataclasses import replace
from pathlib import Path

import torch

from course_lib import Task, fit, load_backbone, load_task
from course_lib import strategies as S
from course_lib.claims.photographs import (
    PRESETS,
    PRESETS_ROWS,
    RATIOS_ROWS,
    RUIN_RATE,
    RUIN_RATIOS,
    photographs_table,
    ratios_table,
)
from course_lib.data.split import Split, stratified
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine

TRAIN, TEST, EPOCHS, BATCH = 100, 240, 10, 16
DRAWS = range(10)
CHOOSING = range(100, 102)  # draws on which the usual rates were chosen
CHOOSERS = (S.FINE_TUNING, S.FULL_FINE_TUNING)
RATIOS = (100.0, 300.0, 30.0)
HEAD_RATES = (3e-3, 1e-3, 1e-2)
RUINING = range(20, 25)  # draws of its own


def pool(folder: Path, size: int) -> tuple[Split, tuple[str, ...]]:
    """All photographs of a folder and its classes."""
    task = load_task(f"folder:{folder}", size=size)
    splits = (task.train, task.validation, task.test)
    return Split(*(torch.cat(part) for part in zip(*splits, strict=True))), task.classes


def draw(
    name: str, photographs: Split, classes: tuple[str, ...], seed: int, train: int = TRAIN
) -> Task:
    """A split of its own: `train` labels, and up to TEST other photographs of an equal mix."""
    order = torch.randperm(len(photographs.labels), generator=torch.Generator().manual_seed(seed))
    labels = photographs.labels[order]
    learn = stratified(labels, train, len(classes))
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[learn] = False
    split, test = (Split(*(part[order][rows] for part in photographs)) for rows in (learn, rest))
    rows = stratified(test.labels, min(TEST, len(test.labels)), len(classes))
    test = Split(*(part[rows] for part in test))
    return Task(name, name, split, test, test, classes, "accuracy", "different", "photographs")


def trials(names: list[str], choosing: bool = False, ruining: bool = False) -> list[dict]:
    """Plain data: folder, draw, strategy, and where rates are swept, lr and head_lr_ratio."""
    draws = RUINING if ruining else CHOOSING if choosing else DRAWS
    if ruining:
        strategies = [{"strategy": S.FEATURE_EXTRACTION.name, "lr": RUIN_RATE}]
        strategies += [
            {"strategy": S.FULL_FINE_TUNING.name, "lr": RUIN_RATE, "head_lr_ratio": ratio}
            for ratio in RUIN_RATIOS
        ]
        strategies.append({**strategies[1], "batch_norm": "train"})
    elif not choosing:
        strategies = [{"strategy": s.name} for s in (S.FEATURE_EXTRACTION, *PRESETS)]
    else:
        strategies = [{"strategy": S.FEATURE_EXTRACTION.name, "lr": lr} for lr in HEAD_RATES]
        strategies += [
            {"strategy": s.name, "lr": 3e-3, "head_lr_ratio": ratio}
            for ratio, s in itertools.product(RATIOS, CHOOSERS)
        ]
    return [
        {"folder": name, "draw": seed, **strategy}
        for seed in draws
        for name in names
        for strategy in strategies
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--net", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--mean", type=float, nargs=3, default=(0.5, 0.5, 0.5))
    parser.add_argument("--std", type=float, nargs=3, default=(0.5, 0.5, 0.5))
    parser.add_argument("--choose", action="store_true", help="sweep the rates, on other draws")
    parser.add_argument(
        "--ruin",
        action="store_true",
        help="large rates at ratios 1, 10 and 100, and batch norm learning at 1",
    )
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    out = arguments.out or (RATIOS_ROWS if arguments.ruin else PRESETS_ROWS)
    model = load_backbone(
        arguments.net,
        weights=arguments.weights,
        size=arguments.size,
        mean=arguments.mean,
        std=arguments.std,
    )
    pools = {f.name: pool(f, arguments.size) for f in arguments.folders}
    study = {"made_with": machine(), "net": model.card, "rows": []}
    if out.exists():
        study = json.loads(out.read_text())
    done = [row["trial"] for row in study["rows"]]
    presets = {s.name: s for s in (S.FEATURE_EXTRACTION, *PRESETS)}
    for trial in trials(list(pools), arguments.choose, arguments.ruin):
        if trial in done:
            continue
        task = draw(trial["folder"], *pools[trial["folder"]], trial["draw"])
        fields = {key: trial[key] for key in ("lr", "head_lr_ratio", "batch_norm") if key in trial}
        run = fit(
            model,
            task,
            replace(presets[trial["strategy"]], **fields),
            EPOCHS,
            batch_size=BATCH,
            seed=trial["draw"],
            validate_every=0,
            progress=False,
        )
        used = {"lr": run.strategy.lr, "head_lr_ratio": run.strategy.head_lr_ratio}
        row = {"trial": trial, "test": run.test, "used": used, "seconds": round(run.seconds, 1)}
        study["rows"].append(row)
        text = json.dumps(study, indent=1) + "\n"
        write_atomically(out, text)
        print(trial, f"{run.test:.3f}", f"{run.seconds:.0f} s", flush=True)
    if not arguments.choose:
        print((ratios_table if arguments.ruin else photographs_table)(study["rows"]))


if __name__ == "__main__":
    main()
