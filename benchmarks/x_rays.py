"""How many labels does a real chest X-ray task need, from scratch and from the shipped weights?

    python benchmarks/x_rays.py /path/to/pneumoniamnist.npz

PneumoniaMNIST (MedMNIST, CC BY 4.0): grey pictures of 28x28 pixels, enlarged to 64x64 as in
benchmarks/transfer.py. The trials are those of claim C29 at full size, with all training pictures
as the largest number; rows go to course_lib/experiments/results/C29-real.json one at a time, so a
stopped run goes on. Patients are not known here, so bootstrap intervals draw single pictures.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from course_lib.experiments.registry import claim

from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card
from course_lib.data.split import Split, stratified
from course_lib.data.task import Task
from course_lib.experiments.production import x_rays
from course_lib.experiments.study import checksum, select
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine

SIZES = (100, 500)


def load(path: Path) -> dict[str, Split]:
    """train, val and test as the course sees pictures."""
    data = np.load(path)

    def split(name: str) -> Split:
        grey = torch.from_numpy(data[f"{name}_images"]).float()[:, None]
        large = F.interpolate(grey, size=64, mode="bicubic", align_corners=False).clamp(0, 255)
        labels = torch.from_numpy(data[f"{name}_labels"].astype(np.int64).ravel())
        return Split(large.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous(), labels)

    return {name: split(name) for name in ("train", "val", "test")}


def draw(parts: dict[str, Split], train: int, seed: int) -> Task:
    """`train` labels, stratified, in an order that the seed decides."""
    pictures, labels = parts["train"]
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    rows = order[stratified(labels[order], train, 2)]
    return Task("x-rays", "Real chest X-rays", Split(pictures[rows], labels[rows]), parts["val"],
                parts["test"], ("normal", "pneumonia"), "auc", "different",
                "PneumoniaMNIST")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="pneumoniamnist.npz")
    parser.add_argument("--out", type=Path, default=x_rays.REAL)
    arguments = parser.parse_args()
    parts = load(arguments.data)
    size = {**claim("C29").full, "trains": (*SIZES, len(parts["train"].labels))}
    trials = json.loads(json.dumps(x_rays.c29_trials(size)))
    weights = read_card(WORLDNET_WEIGHTS)["sha256"]
    study = {"made_with": machine(), "weights": weights, "rows": []}
    if arguments.out.exists():
        stored = json.loads(arguments.out.read_text())
        if stored["weights"] == weights:
            study = stored
        else:
            arguments.out.rename(arguments.out.with_suffix(".old.json"))
    for number, trial in enumerate(trials, 1):
        if select(study["rows"], trial=trial):
            continue
        task = draw(parts, trial["train"], trial["seed"])
        row = {"trial": trial, "measured": x_rays.measure_case(task, trial)}
        study["rows"].append({**row, "sha256": checksum(row)})
        text = json.dumps(study, indent=1) + "\n"
        write_atomically(arguments.out, text)
        row = study["rows"][-1]["measured"]
        print(f"{number}/{len(trials)}", trial["train"], trial["strategy"], trial["seed"],
              f"{row['auc']:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
