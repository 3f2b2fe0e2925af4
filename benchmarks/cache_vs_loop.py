"""How much time does it save to compute frozen stages once?

Four ways of training the same strategy on the same pictures, side by side in one process, each
without one cost of the way before it:

    loader loop      the loop of most tutorials: a DataLoader over a folder of picture files
                     (torchvision's ImageFolder, ToTensor, Normalize), model.train(), frozen layers
                     computed again in every epoch
    in-memory loop   the same loop over normalised tensors: no files, no loader
    fit, no cache    the course's fit with cache=False: frozen stages in evaluation mode, without
                     gradients, in the layout that is quickest forward
    cache            the course's fit: outputs of frozen stages computed once, that time counted

Repeats are interleaved, so that a slow moment of the machine meets all four. Nothing is measured
but training (writing the files is not); accuracy on the test pictures follows, to show that all
four learn the same.

    python benchmarks/cache_vs_loop.py               # 1,000 pictures, 25 epochs, batches of 32
    python benchmarks/cache_vs_loop.py --batch 64    # stored beside it
    python benchmarks/cache_vs_loop.py --quick       # does it run? a few pictures, 2 epochs
"""

import argparse
import json
import math
import os
import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
import torchvision
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import to_pil_image

from course_lib import evaluate, fit, load_backbone, load_task
from course_lib import strategies as S
from course_lib.data import recipes
from course_lib.files import write_atomically
from course_lib.train.stepping import own_randomness

RESULTS = Path(__file__).parent / "results" / "cache_vs_loop.json"
WAYS = ("loader loop", "in-memory loop", "fit, no cache", "cache")
# One rate for head and last stage, which the loader loop uses too: time is what is compared.
STRATEGIES = {
    "head only": replace(S.FEATURE_EXTRACTION, weight_decay=0.0),
    "last stage + head": replace(S.FINE_TUNING, lr=1e-3, head_lr_ratio=1.0, weight_decay=0.0),
}


def write_pictures(split, folder: Path) -> None:
    """One PNG a picture, which loses nothing, in one folder a class."""
    for i, (picture, label) in enumerate(zip(*split, strict=True)):
        home = folder / f"{int(label):03d}"
        home.mkdir(exist_ok=True)
        to_pil_image(picture).save(home / f"{i:05d}.png")


def from_files(model, folder: Path, batch: int, workers: int) -> DataLoader:
    """Batches as most tutorials make them, from picture files."""
    card = model.card
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(card["mean"], card["std"])]
    )
    return DataLoader(ImageFolder(folder, transform), batch, shuffle=True, num_workers=workers)


class FromMemory:
    """The same batches out of one normalised tensor, in a new order each time."""

    def __init__(self, model, split, batch: int):
        self.pictures, self.labels = model.prepare(split.pictures), split.labels
        self.batch = batch

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch)

    def __iter__(self):
        for rows in torch.randperm(len(self.labels)).split(self.batch):
            yield self.pictures[rows], self.labels[rows]


def tutorial_loop(model, task, batches, strategy, epochs: int, seed: int):
    """The loop of most tutorials over `batches()`. Gives (seconds, test accuracy)."""
    strategy = S.for_net(strategy, model)
    net = model.with_head(len(task.classes), seed)
    net.requires_grad_(False)
    learning = [
        net.head,
        *(net.stages[name] for name in S.learning_stages(strategy, net.stage_names)),
    ]
    for part in learning:
        part.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [p for p in net.parameters() if p.requires_grad], lr=strategy.lr, weight_decay=0.0
    )
    with own_randomness(seed, 0, torch.device("cpu")):
        begin = time.perf_counter()
        loader = batches()
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, strategy.lr, epochs=epochs, steps_per_epoch=len(loader), pct_start=0.1
        )
        for _ in range(epochs):
            net.train()
            for x, y in loader:
                loss = torch.nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        seconds = time.perf_counter() - begin
    return seconds, evaluate(net, task)


def course_fit(model, task, strategy, epochs: int, batch: int, seed: int, cache: bool):
    """The course's own loop. Gives (seconds, test accuracy); features are part of the seconds."""
    run = fit(
        model, task, strategy, epochs, batch_size=batch, seed=seed, cache=cache,
        validate_every=0, test=False, device="cpu", progress=False,
    )  # fmt: skip
    return run.seconds, run.test


def measure(
    n: int, epochs: int, batch: int, repeats: int, workers: int, folder: Path
) -> list[dict]:
    model, task = load_backbone("worldnet"), load_task("new-shapes", train=n)
    write_pictures(task.train, folder)
    # Once unmeasured: what torch does only the first time falls here.
    course_fit(model, task, STRATEGIES["head only"], 1, batch, 0, cache=False)
    rows = []
    for label, strategy in STRATEGIES.items():
        ways = {
            "loader loop": lambda seed, s=strategy: tutorial_loop(
                model, task, lambda: from_files(model, folder, batch, workers), s, epochs, seed
            ),
            "in-memory loop": lambda seed, s=strategy: tutorial_loop(
                model, task, lambda: FromMemory(model, task.train, batch), s, epochs, seed
            ),
            "fit, no cache": lambda seed, s=strategy: course_fit(
                model, task, s, epochs, batch, seed, False
            ),
            "cache": lambda seed, s=strategy: course_fit(model, task, s, epochs, batch, seed, True),
        }
        for seed in range(repeats):
            for way, run in ways.items():
                seconds, accuracy = run(seed)
                rows.append(
                    {"strategy": label, "way": way, "repeat": seed, "seconds": round(seconds, 3),
                     "accuracy": round(accuracy, 4)}
                )  # fmt: skip
                print(f"{label:18} {way:15} {seconds:8.2f} s   accuracy {accuracy:.3f}", flush=True)
    return rows


def summary(rows: list[dict]) -> list[dict]:
    """Median seconds and mean accuracy of each way, and how many times faster the cache is."""
    lines = []
    for label in STRATEGIES:
        median = {}
        for way in WAYS:
            mine = [r for r in rows if (r["strategy"], r["way"]) == (label, way)]
            median[way] = statistics.median(r["seconds"] for r in mine)
            accuracy = statistics.mean(r["accuracy"] for r in mine)
            lines.append(
                {"strategy": label, "way": way, "seconds": median[way], "accuracy": accuracy}
            )
        for line in lines[-len(WAYS) :]:
            line["cache is faster by"] = round(line["seconds"] / median["cache"], 2)
    return lines


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few pictures, to see that it runs")
    parser.add_argument("--batch", type=int, default=32, help="pictures in a step (default: 32)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0, help="processes of the DataLoader")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the JSON goes")
    given = parser.parse_args()
    n, epochs, repeats = (36, 2, 1) if given.quick else (1_000, 25, given.repeats)
    if given.quick:
        recipes.VALIDATION_SIZE = recipes.TEST_SIZE = n
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(n, epochs, given.batch, repeats, given.workers, Path(folder))
    lines = summary(rows)
    print(f"\n{'strategy':18} {'way':15} {'median s':>9} {'accuracy':>9} {'cache is':>12}")
    for line in lines:
        faster = f"{line['cache is faster by']:.1f}x faster"
        print(f"{line['strategy']:18} {line['way']:15} {line['seconds']:9.2f} "
              f"{line['accuracy']:9.3f} {faster:>12}")  # fmt: skip
    record = {
        "pictures": n, "epochs": epochs, "batch": given.batch, "repeats": repeats,
        "loader_workers": given.workers, "threads": torch.get_num_threads(),
        "processor": processor(), "cores": os.cpu_count(), "python": platform.python_version(),
        "torch": torch.__version__, "torchvision": torchvision.__version__,
        "summary": lines, "rows": rows,
    }  # fmt: skip
    stored = json.loads(given.out.read_text("utf-8"))["runs"] if given.out.exists() else []
    runs = [run for run in stored if run["batch"] != given.batch] + [record]
    text = json.dumps({"runs": runs}, indent=1) + "\n"
    write_atomically(given.out, text)
    print(f"\nRows are in {given.out}.")


if __name__ == "__main__":
    main()
