"""Grey pictures into a net made for colour: repeat, sum the first filters, or a new stem (C28)."""

from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor, nn

from course_lib.backbones import Backbone
from course_lib.claims.trials.mistakes import task_of
from course_lib.claims.trials.transfer import backbone
from course_lib.measure.figures import Look
from course_lib.train import strategies as S
from course_lib.train.baselines import features
from course_lib.train.fit import fit

REPEAT, SUM, MEAN, ONE, NEW = "repeat", "sum", "mean", "one channel", "new stem"
# What learns: the head alone, the stem too, or everything.
HEAD, STEM, ALL = "head", "stem and head", "everything"
STRATEGIES = {
    HEAD: S.FEATURE_EXTRACTION,
    # A new stem has all to learn, so it gets the head's rate and its own batch statistics; the
    # pretrained stem gets the same chance.
    STEM: replace(S.FULL_FINE_TUNING, trainable=("stem",), head_lr_ratio=1.0, batch_norm="train"),
    ALL: replace(S.FULL_FINE_TUNING, batch_norm="train"),
}
LANES = ((REPEAT, HEAD), (SUM, HEAD), (MEAN, HEAD), (ONE, HEAD), (REPEAT, STEM), (NEW, STEM))
NAMES = {
    (REPEAT, HEAD): "channel repeated, head learns",
    (SUM, HEAD): "filters summed, head learns",
    (MEAN, HEAD): "mean of the filters, head learns",
    (ONE, HEAD): "one channel of the filters, head learns",
    (REPEAT, STEM): "channel repeated, stem and head learn",
    (NEW, STEM): "new stem, stem and head learn",
    (REPEAT, ALL): "channel repeated, everything learns",
    (NEW, ALL): "new stem, everything learns",
}
_BY_WAY = {
    REPEAT: Look("#0072B2", "-", "s"),
    SUM: Look("#009E73", "-.", "^"),
    MEAN: Look("#E69F00", "-.", "P"),
    ONE: Look("#CC79A7", "-", "D"),
    NEW: Look("#D55E00", "--", "o"),
}
LOOKS = {name: _BY_WAY[way] for (way, _), name in NAMES.items()}


class GreyConv(nn.Conv2d):
    """A convolution of one channel that reads the first of three equal ones.

    So a net made for RGB pictures keeps its interface, and its first layer does a third of the
    work.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :1])


def grey_weights(weight: Tensor, way: str) -> Tensor:
    """Filters (n, 3, h, w) for colour -> (n, 1, h, w) for grey.

    Three equal channels meet the sum of a filter's three parts, since convolution is linear:
    sum_c w_c * x = (sum_c w_c) * x. The mean makes the first layer's output three times too small.
    """
    ways = {
        SUM: lambda: weight.sum(1, keepdim=True),
        MEAN: lambda: weight.mean(1, keepdim=True),
        ONE: lambda: weight[:, :1],
        NEW: lambda: nn.init.kaiming_normal_(torch.empty_like(weight[:, :1]), mode="fan_out"),
    }
    return ways[way]()


def grey_model(model: Backbone, way: str, seed: int = 0) -> Backbone:
    """A copy of a net with torchvision's `conv1` whose first layer reads one channel.

    Exact for preprocessing with the same mean and deviation in each channel, as WorldNet's.
    """
    twin = model.copy()
    if way == REPEAT:
        return twin
    old = twin.net.conv1
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        new = GreyConv(1, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)
        new.weight.copy_(grey_weights(old.weight, way))
    twin.net.conv1 = new.to(old.weight.device)
    return twin


def grey_trials(size: dict) -> list[dict]:
    keys = ("task", "epochs", "test")
    return [
        {"train": train, "seed": seed, "way": way, "learns": learns,
         **{key: size[key] for key in keys}}
        for train in size["trains"]
        for seed in size["seeds"]
        for way, learns in size["lanes"]
    ]  # fmt: skip


def grey_input(trial: dict) -> dict:
    """Train on grey pictures by one way in, and compare the features with those of repeating."""
    task = task_of(trial["task"], trial["train"], trial["seed"], trial["test"])
    way = trial["way"]
    model = grey_model(backbone(), way, trial["seed"])
    strategy = STRATEGIES[trial["learns"]]
    run = fit(
        model,
        task,
        strategy,
        trial["epochs"],
        batch_size=16,
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    few = task.test.pictures[:32]
    right = features(backbone(), few)
    difference = (features(model, few) - right).abs().max() / right.abs().max()
    return {"test": run.test, "difference": difference.item(), "seconds": run.seconds}


def with_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds what a row is called in the figure: lane and labels."""
    lanes = [NAMES[lane] for lane in zip(rows["way"], rows["learns"], strict=True)]
    return rows.assign(lane=lanes, labels=[f"{train} labels" for train in rows["train"]])
