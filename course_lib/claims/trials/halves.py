"""Small nets trained on one half of the image world: general or specific?

Half A and half B share no shape and no texture, so what a net of one half knows about objects is
of no direct use in the other. The nets are WorldNet at half its width and learn to name the shape.
"""

from dataclasses import replace
from functools import lru_cache

import pandas as pd
import torch
from torch.nn.functional import avg_pool2d

from course_lib import world
from course_lib.backbones.architectures import ARCHITECTURES
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.loading import DEFAULT_MEAN, DEFAULT_STD
from course_lib.backbones.preprocessing import Normalise
from course_lib.backbones.worldnet import WorldNet
from course_lib.claims.trials.stages import STAGES, UNTRAINED, in_order
from course_lib.claims.trials.transfer import FRESH
from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.lab.tuning import Tuning
from course_lib.see import first_filters, orientation_selectivity, stage_cka, transplant
from course_lib.train import strategies as S
from course_lib.train.baselines import adapt_batch_norm
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.loop import Run

HALVES = {"A": 0, "B": 1}
BASE = "base"  # trained on B from random weights: what the others are measured against
# Yosinski et al. 2014: first stages from a net of A or of B, frozen or (+) learning with the rest.
KINDS = ("AnB", "BnB", "AnB+", "BnB+")
RANDOM_STAGES = "RnB"  # the control: first stages that learnt nothing, frozen
SAME, OTHER = "same source", "other source"
PAIRS = (SAME, OTHER, UNTRAINED)
ANOTHER = 10_000  # further than any draw: B's donor learns from other pictures than its transplant
CHOOSING = 400  # validation pictures by which a rate is chosen
_QUIETLY = {"batch_size": 64, "validate_every": 0, "test": False, "progress": False}


# ---------------------------------------------------------------- nets and tasks of a half


class SmallWorldNet(WorldNet):
    widths = (16, 32, 64, 128)


def small_net(side: int = 64) -> Backbone:
    """WorldNet at half the width with random weights, for pictures of `side` pixels."""
    like = replace(ARCHITECTURES["worldnet"], build=SmallWorldNet, size=side)
    net = SmallWorldNet(len(half_shapes("A")))
    return Backbone(net, like, Normalise(side, DEFAULT_MEAN, DEFAULT_STD)).eval()


def half_shapes(half: str) -> tuple[str, ...]:
    return world.SOURCE_SHAPES[HALVES[half] :: 2]


def half_task(half: str, pictures: int, seed: int, side: int, test: int = 1_000) -> Task:
    """Name the shape: `pictures` drawn shapes and textures of one half, `side` pixels wide."""
    return Task(
        f"half {half}",
        f"Shapes of half {half}",
        half_split(half, pictures, TRAIN_SEED + seed, side),
        half_split(half, 100, VALIDATION_SEED, side),
        half_split(half, test, TEST_SEED, side),
        half_shapes(half),
        "accuracy",
        "similar",
        "rendered by course_lib.world",
    )


@lru_cache(maxsize=16)
def half_split(half: str, n: int, seed: int, side: int) -> Split:
    """n pictures of one half and the numbers of their shapes."""
    shapes, textures = half_shapes(half), world.SOURCE_TEXTURES[HALVES[half] :: 2]
    place = {world.SHAPES.index(name): number for number, name in enumerate(shapes)}
    scenes = world.sample(n, seed, shapes=shapes, textures=textures)
    drawn = avg_pool2d(world.render(scenes).float(), world.SIZE // side)
    labels = torch.tensor([place[kind] for kind in scenes.shape.tolist()])
    return Split(drawn.round().to(torch.uint8), labels)


@lru_cache(maxsize=12)
def half_net(
    half: str, seed: int, pictures: int, epochs: int, side: int, rate: float | None = S.SCRATCH.lr
) -> Run:
    """A small net trained on one half from random weights: the run."""
    task, strategy = half_task(half, pictures, seed, side), replace(S.SCRATCH, lr=rate)
    return fit(small_net(side), task, strategy, epochs, seed=seed, **_QUIETLY)


# ---------------------------------------------------------------- transplants


def transplanted(trial: dict) -> dict:
    """Put the first stages of a trained net under fresh ones, train on half B, and test there.

    trial: kind (`BASE`, `RANDOM_STAGES` or one of `KINDS`), stages (how many), seed, pictures,
    epochs, side; maybe rate, instead of the usual one, and fresh, if so many pictures of the draw's
    own are the test.
    """
    run = _run_of(trial)
    if "fresh" not in trial:
        return {"test": run.test, "seconds": run.seconds}
    test = half_split("B", trial["fresh"], TRAIN_SEED + FRESH + trial["seed"], trial["side"])
    return {"test": evaluate(run.model, test), "seconds": run.seconds}


def tried(trial: dict) -> dict:
    """What a rate is chosen by. trial: as for `transplanted`."""
    pictures = half_split("B", CHOOSING, VALIDATION_SEED, trial["side"])
    return {"validation": evaluate(_run_of(trial).model, pictures)}


def _run_of(trial: dict) -> Run:
    kind, seed, stages = trial["kind"], trial["seed"], trial["stages"]
    settings = {key: trial[key] for key in ("pictures", "epochs", "side")}
    rate = trial.get("rate", S.SCRATCH.lr)
    if kind == BASE:
        return half_net("B", seed, **settings, rate=rate)
    task = half_task("B", trial["pictures"], seed, trial["side"])
    if kind == RANDOM_STAGES:
        donor = small_net(trial["side"]).fresh(seed + 200)
        adapt_batch_norm(donor, task.train.pictures)  # or its untrained statistics would decide
    else:
        # At the usual rate. B's learnt from other pictures than its transplant will, as A's did.
        where = seed if kind[0] == "A" else seed + ANOTHER
        donor = half_net(kind[0], where, **settings).model
    net = transplant(donor, donor.fresh(seed + 100), stages)
    learn = "all" if kind.endswith("+") else len(STAGES) - stages
    strategy = S.Strategy(kind, trainable=learn, lr=rate, head_lr_ratio=1.0, batch_norm="train")
    return fit(net, task, strategy, trial["epochs"], seed=seed, **_QUIETLY)


RATES = {"rate": (1e-3, 3e-3, 1e-2)}
TRANSPLANTS = {BASE: (0,), **dict.fromkeys(KINDS, range(1, 1 + len(STAGES)))}
FULL_SIZE = {"pictures": 2_000, "epochs": 5, "side": 64}
# Every kind has, at every depth, a rate of its own.
RATE_CHOICE = Tuning(
    "C03",
    tried,
    rivals={
        f"{kind}, {depth} stages": {**FULL_SIZE, "kind": kind, "stages": depth}
        for kind, depths in TRANSPLANTS.items() for depth in depths
    },
    grids={f"{kind}, {depth} stages": RATES
           for kind, depths in TRANSPLANTS.items() for depth in depths},
)  # fmt: skip


def transplant_trials(size: dict) -> list[dict]:
    """Every kind at every depth; tuned: at the rate chosen for it there."""
    common = {key: size[key] for key in ("pictures", "epochs", "side", "fresh") if key in size}
    chosen = RATE_CHOICE.chosen() if size.get("tuned") else {}
    kinds = {BASE: (0,), **dict.fromkeys(size["kinds"], size["stages"])}
    return [
        {**common, **chosen.get(f"{kind}, {depth} stages", {}), "kind": kind, "stages": depth,
         "seed": seed}
        for seed in size["seeds"] for kind, depths in kinds.items() for depth in depths
    ]  # fmt: skip


def over_depths(rows: pd.DataFrame) -> pd.DataFrame:
    """Column "over depths": the mean test accuracy of a kind over its numbers of stages, draw by
    draw. The base net has no number of stages."""
    return rows.assign(
        stages=rows["stages"].where(rows["kind"] != BASE),
        **{"over depths": rows.groupby(["kind", "seed"])["test"].transform("mean")},
    )


def lost_to_other(rows: pd.DataFrame, tuned: bool = False) -> pd.Series:
    """Mean test accuracy of B with its own first stages minus that with A's, by their number.

    tuned: of transplants that were fine-tuned, "+", and not frozen. Only numbers of stages at which
    both were measured.
    """
    mark = "+" if tuned else ""
    means = rows.groupby(["kind", "stages"])["test"].mean().unstack("kind")
    wanted = means.reindex(columns=[f"BnB{mark}", f"AnB{mark}"]).dropna()
    return wanted[f"BnB{mark}"] - wanted[f"AnB{mark}"]


def frozen_random(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean test accuracy of B with frozen first stages of A's ("AnB") and of a random net ("RnB"),
    by their number; empty where the control was not measured."""
    means = rows.groupby(["kind", "stages"])["test"].mean().unstack("kind")
    return means.reindex(columns=["AnB", RANDOM_STAGES]).dropna()


# ---------------------------------------------------------------- two unrelated sources


def compared(trial: dict) -> dict:
    """CKA of every stage of two nets with the same stage of the other, on pictures of both halves;
    and how oriented the first filters of the second net are.

    trial: pair (one of `PAIRS`), seed, pictures, epochs, side.
    """
    settings = {key: trial[key] for key in ("pictures", "epochs", "side")}
    seed, pair = trial["seed"], trial["pair"]
    pictures = world.render(world.sample(400, seed=660_000 + seed))
    if pair == UNTRAINED:
        nets = [small_net(trial["side"]).fresh(seed + k) for k in (0, 100)]
        for net in nets:
            adapt_batch_norm(net, pictures)
    else:
        other = ("A", seed + 10) if pair == SAME else ("B", seed)
        nets = [half_net(*which, **settings).model for which in (("A", seed), other)]
    return {
        "cka": stage_cka(*nets, pictures).diag().tolist(),
        "selectivity": orientation_selectivity(first_filters(nets[1])).mean().item(),
    }


def by_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per pair of nets and stage; the selectivity is that of the stem's filters."""
    found = rows.assign(stage=[STAGES] * len(rows)).explode(["stage", "cka"], ignore_index=True)
    stem = found["stage"] == STAGES[0]
    return found.assign(
        stage=in_order(found["stage"]),
        cka=found["cka"].astype(float),
        selectivity=found["selectivity"].where(stem),
    )
