"""The whole program of lesson 03 on photographs, with other weights, beside `fit`.

    python benchmarks/program.py --weights mobilenet_v2.safetensors ants_bees/ [--draws 5]

The folder has one sub-folder of photographs per class. The program's functions are taken from the
lesson as they stand; what a learner changes for a MobileNetV2 is written here: which net, its
transforms, and the names in `parameter_groups`. Nothing is tuned; every draw is a new split, the
same for both.
Prints one line per draw: validation and test accuracy of both.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.models import mobilenet_v2
from torchvision.transforms import v2

from course_lib import Backbone, Task, fit
from course_lib import strategies as S

ROOT = Path(__file__).resolve().parents[1]
SIZE, MEAN, STD = 160, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def program() -> dict:
    """The functions of the program at the end of lesson 03 by name."""
    cells = json.loads((ROOT / "notebooks/03_learning_rates.ipynb").read_text("utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (source,) = (
        source for source in sources if re.match(r"(# @program\n)?\"\"\"Fine-tune", source)
    )
    names = {"__name__": "program"}
    exec(compile(source, "program", "exec"), names)
    return names


def pretrained(weights: Path, classes: int) -> nn.Module:
    net = mobilenet_v2()
    missing, unexpected = net.load_state_dict(load_file(weights), strict=False)
    if unexpected or any(not name.startswith("classifier") for name in missing):
        raise SystemExit(f"{weights} does not fit a mobilenet_v2: {missing[:3]} {unexpected[:3]}")
    net.classifier = nn.Linear(net.last_channel, classes)
    return net


def parameter_groups(net, head_rate, ratio, decay):
    """As in the lesson, with a MobileNetV2's names: 19 blocks in `features`, then `classifier`."""
    rates, rate = [(net.classifier, head_rate)], head_rate / ratio
    for block in reversed(net.features):
        rates.append((block, rate))
        rate = rate * decay
    groups = []
    for module, rate in rates:
        held = list(module.parameters())
        groups.append({"lr": rate, "params": [p for p in held if p.ndim > 1]})
        groups.append({"lr": rate, "params": [p for p in held if p.ndim < 2], "weight_decay": 0.0})
    return groups


def by_hand(own: dict, net, learn, choose, look, seed, epochs=10, head_rate=3e-3, ratio=300.0):
    """What `main` of the program does, line by line: validation and test accuracy."""
    torch.manual_seed(seed)
    loader = DataLoader(learn, 16, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(parameter_groups(net, head_rate, ratio, 1.0))
    schedule = LambdaLR(optimizer, lambda step: own["scale"](step, epochs * len(loader)))
    for _ in range(epochs):
        own["train_one_epoch"](net, loader, optimizer, schedule)
    return [own["accuracy"](net, DataLoader(part, 16)) for part in (choose, look)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    own = program()
    small = [v2.Resize(SIZE), v2.CenterCrop(SIZE)]
    floats = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    given = ImageFolder(options.folder, v2.Compose(small + floats))
    plain = ImageFolder(options.folder, v2.Compose(small))
    rows = []
    for seed in range(options.draws):
        torch.manual_seed(seed)
        rows_of = own["split"](len(given))
        hand = by_hand(
            own, pretrained(options.weights, len(given.classes)),
            *(Subset(given, part) for part in rows_of), seed,
        )  # fmt: skip
        task = Task.from_datasets(
            *(Subset(plain, part) for part in rows_of), classes=given.classes, size=SIZE
        )
        torch.manual_seed(seed)
        net = pretrained(options.weights, len(given.classes))
        model = Backbone.wrap(net, head="classifier", size=SIZE, mean=MEAN, std=STD)
        run = fit(model, task, S.FULL_FINE_TUNING, epochs=10, batch_size=16, seed=seed)
        rows.append((*hand, run.validation, run.test))
        print(f"draw {seed}: by hand {hand[0]:.3f} {hand[1]:.3f}, "
              f"fit {run.validation:.3f} {run.test:.3f}", flush=True)  # fmt: skip
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    print("mean test accuracy: by hand {1:.3f}, fit {3:.3f}".format(*means))


if __name__ == "__main__":
    main()
