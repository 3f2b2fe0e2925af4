"""How many labels does a real chest X-ray task need, from scratch and from the shipped weights?

    python benchmarks/x_rays.py /path/to/pneumoniamnist.npz

PneumoniaMNIST (MedMNIST, CC BY 4.0): grey pictures of 28x28 pixels, enlarged to 64x64 as in
benchmarks/transfer.py. The trials are those of claim C29 at full size, with all training pictures
as the largest number; rows go to course_lib/claims/results/C29-real.json one at a time, so a
stopped run goes on. course_lib.claims.real_x_rays judges them. Patients are not known here, so the
interval of an AUC takes each picture for a patient of its own.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.claims.real_x_rays import REAL, X_RAYS
from course_lib.claims.trials.clinic import measure_case
from course_lib.data.split import Split, stratified
from course_lib.data.task import Task
from course_lib.lab import cache, store, tracks
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
    parser.add_argument("--folder", type=Path, help="of C29-real.json (default: the course's rows)")
    arguments = parser.parse_args()
    parts = load(arguments.data)
    size = {**REAL.full, "trains": (*SIZES, len(parts["train"].labels))}
    trials = [cache.plain(trial) for trial in REAL.trials(size)]
    with store.writing(REAL.tag, arguments.folder) as path, tracks.using(X_RAYS):
        study = store.open_study(REAL.tag, arguments.folder)
        have = {store.depends(row) for row in study.rows}
        for number, trial in enumerate(trials, 1):
            key = cache.key(REAL.measure, trial)
            if cache.text(key) in have:
                continue
            begin = time.monotonic()
            measured = cache.plain(measure_case(draw(parts, trial["train"], trial["seed"]), trial))
            row = {
                **key,
                "measured": measured,
                "machine": study.machine(machine()),
                "took": round(time.monotonic() - begin, 2),
                "date": date.today().isoformat(),
            }
            study.rows.append({**row, "sha256": cache.checksum(row)})
            study.save(path)
            print(f"{number}/{len(trials)}", trial["train"], trial["strategy"], trial["seed"],
                  f"{measured['auc']:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
