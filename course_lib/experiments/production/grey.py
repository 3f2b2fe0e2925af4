"""Grey pictures into a net made for colour: repeat, sum the first filters, or a new stem (C28)."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import backbone
from course_lib.measure.statistics import above, mean, points, together, with_spread
from course_lib.train import strategies as S

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


def grey_model(model, way: str, seed: int = 0):
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


@lru_cache(maxsize=8)
def _task(name: str, train: int, seed: int, test: int):
    from course_lib import load_task
    from course_lib.data.split import Split

    task = load_task(name, train=train, seed=seed)
    return replace(task, test=Split(task.test.pictures[:test], task.test.labels[:test]))


def trials(size: dict) -> list[dict]:
    keys = ("task", "epochs", "test")
    return [
        {"train": train, "seed": seed, "way": way, "learns": learns,
         **{key: size[key] for key in keys}}
        for train in size["trains"]
        for seed in size["seeds"]
        for way, learns in size["lanes"]
    ]  # fmt: skip


def measure(trial: dict) -> dict:
    """Train on grey pictures by one way in, and compare the features with those of repeating."""
    from course_lib import fit
    from course_lib.train.baselines import features

    task = _task(trial["task"], trial["train"], trial["seed"], trial["test"])
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


def _scores(rows: list[Row], **wanted) -> np.ndarray:
    return np.array([r["test"] for r in sorted(select(rows, **wanted), key=lambda r: r["seed"])])


def _lanes(rows: list[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["way"], row["learns"]) for row in rows))


def judge(rows: list[Row]) -> Finding:
    few, lanes = min(row["train"] for row in rows), _lanes(rows)
    scores = {lane: _scores(rows, way=lane[0], learns=lane[1], train=few) for lane in lanes}
    largest = max(row["difference"] for row in select(rows, way=SUM))
    parts = {"repeating and summing are the same": "holds" if largest < 1e-3 else
             "does not hold here"}  # fmt: skip
    for learns in (STEM, ALL):
        if (NEW, learns) in lanes:
            lost = scores[REPEAT, learns] - scores[NEW, learns]
            parts[f"a new stem is worse when {learns} learn (lost {points(mean(lost))})"] = above(
                lost
            )
    wrong = {way: mean(scores[REPEAT, HEAD] - scores[way, HEAD]) for way in (MEAN, ONE)}
    sentence = (
        f"Summed filters gave the features of repeated channels to within {largest:.0e} of the "
        f"largest feature. With {few} labels: "
        + ", ".join(f"{NAMES[lane]} {with_spread(scores[lane])}" for lane in lanes)
        + f". The mean in place of the sum cost {points(wrong[MEAN])}, one channel of the filters "
        f"{points(wrong[ONE])}, though the head was trained on what they give. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = f"Test score with {few} labels for each way to feed grey pictures: " + ", ".join(
        f"{NAMES[lane]} {mean(scores[lane]):.2f}" for lane in lanes
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


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
COLORS = {REPEAT: "#0072B2", SUM: "#009E73", MEAN: "#E69F00", ONE: "#CC79A7", NEW: "#D55E00"}


def draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    sizes, lanes = sorted({row["train"] for row in rows}), _lanes(rows)[::-1]
    fig, axes = plt.subplots(
        1, len(sizes), figsize=(5 + 2.2 * len(sizes), 0.5 * len(lanes) + 0.9), sharey=True,
        squeeze=False,
    )  # fmt: skip
    for ax, train in zip(axes[0], sizes, strict=True):
        for place, (way, learns) in enumerate(lanes):
            values = _scores(rows, way=way, learns=learns, train=train)
            ax.plot(values, np.full(len(values), place), "o", ms=4.5, alpha=0.5, color=COLORS[way])
            ax.plot(values.mean(), place, "D", ms=8, color=COLORS[way])
            ax.text(values.mean(), place + 0.22, f"{values.mean():.3f}", color=COLORS[way],
                    ha="center", fontsize=9)  # fmt: skip
        ax.margins(x=0.1)
        ax.set_ylim(-0.5, len(lanes) - 0.3)
        ax.set_xlabel("test AUC" if rows[0]["task"] == "radiographs" else "test accuracy")
        ax.set_title(f"{train} labels")
    axes[0][0].set_yticks(range(len(lanes)), [NAMES[lane] for lane in lanes])
    return fig


CLAIMS = (
    Claim(
        tag="C28",
        lesson="06",
        statement="For grey pictures, repeating the channel and summing the first filters are the "
        "same thing; a retrained stem is worse when labels are few.",
        rule="features of the two ways differ by less than a thousandth of the largest one; and at "
        "the fewest labels a new stem scores lower than the pretrained one under the same strategy "
        "(95 % interval over draws).",
        trials=trials,
        measure=measure,
        judge=judge,
        draw=draw,
        live={"task": "radiographs", "lanes": LANES, "trains": (100,), "seeds": (0, 1, 2),
              "epochs": 6, "test": 240},
        quick={"task": "radiographs", "lanes": LANES, "trains": (40,), "seeds": (0, 1),
               "epochs": 2, "test": 60},
        full={"task": "radiographs", "lanes": (*LANES, (REPEAT, ALL), (NEW, ALL)),
              "trains": (100, 300), "seeds": (0, 1, 2, 3, 4), "epochs": 8, "test": 600},
    ),
)  # fmt: skip
