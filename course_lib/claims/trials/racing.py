"""Strategies against the clock (C07), and what an epoch of each costs (C10)."""

import numpy as np
import pandas as pd

from course_lib.backbones import Backbone
from course_lib.claims.trials import transfer as shared
from course_lib.data.task import Task, quickly_validated
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES
from course_lib.lab.memory import kept_bytes
from course_lib.train.fit import fit
from course_lib.train.loop import frozen_part, set_trainable


def race_trials(size: dict) -> list[dict]:
    return [
        {
            "task": size["task"],
            "train": size["train"],
            "seed": seed,
            "strategy": name,
            "epochs": size["epochs"],
            "batch": size["batch"],
        }
        for name in (*shared.LANES, *BASELINES)
        for seed in size["seeds"]
    ]


def race(trial: dict) -> dict:
    """One lane: the validation score after every epoch and the seconds of training until then."""
    if trial["strategy"] in BASELINES:
        return shared.transfer({**trial, "rates": ()})
    target = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    run = fit(
        shared.backbone(),
        quickly_validated(target),
        shared.STRATEGIES[trial["strategy"]],
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        progress=False,
    )
    return {
        "test": run.test,
        "validation": [epoch.validation for epoch in run.history],
        "final": run.history[-1].validation,
        "clock": list(np.cumsum([epoch.seconds for epoch in run.history])),
        "seconds": run.seconds,
        "trainable_parameters": run.trainable_parameters,
    }


def by_epoch(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per lane, draw and epoch: its validation score, and in `clock` the seconds of training
    until then, the mean of the draws. Baselines keep their rows, without epoch and clock."""
    ran = rows["validation"].map(lambda scores: isinstance(scores, list))
    lanes = rows[ran]
    lanes = lanes.assign(epoch=[range(1, len(scores) + 1) for scores in lanes["validation"]])
    lanes = lanes.explode(["epoch", "validation", "clock"], ignore_index=True)
    long = pd.concat([lanes, rows[~ran]], ignore_index=True)
    long = long.astype({"epoch": float, "validation": float, "clock": float})
    long["clock"] = long.groupby(["strategy", "epoch"])["clock"].transform("mean").round(3)
    return long


# ---- what an epoch costs ------------------------------------------------------------------------

KEPT = ", features kept"


def cost_trials(size: dict) -> list[dict]:
    return [
        {
            "task": size["task"],
            "train": size["train"],
            "seed": seed,
            "strategy": name,
            "epochs": size["epochs"],
            "batch": size["batch"],
            "cache": cache,
        }
        for seed in size["seeds"]
        for name in (shared.SCRATCH, shared.FULL, shared.FINE, shared.HEAD_ONLY)
        for cache in (False, True)
        if not (cache and name in (shared.SCRATCH, shared.FULL))
    ]


def cost(trial: dict) -> dict:
    """Seconds of the epochs after the first, parameters, and bytes held by one training step."""
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    return cost_of(shared.backbone(), task, trial)


def cost_of(model: Backbone, task: Task, trial: dict) -> dict:
    """`cost` of this net on this task. trial: strategy, epochs, batch, seed, cache."""
    run = fit(
        model,
        task,
        shared.STRATEGIES[trial["strategy"]],
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        cache=trial["cache"],
        validate_every=0,
        test=False,
        progress=False,
    )
    return {
        "first_epoch": run.history[0].seconds,
        "epoch": float(np.median([epoch.seconds for epoch in run.history[1:]])),
        "trainable_parameters": run.trainable_parameters,
        "megabytes": step_bytes(run, trial["batch"]) / 1e6,
    }


def with_lanes(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with `lane`: the strategy, and whether features are kept."""
    kept = np.where(rows["cache"], KEPT, "")
    return rows.assign(lane=rows["strategy"] + kept)


def step_bytes(run, batch: int) -> int:
    """Memory of one training step of a run: weights, gradients, optimizer state, kept activations.

    Counted, not sampled: every tensor that autograd keeps for the backward pass (each storage once,
    parameters apart), the parameters, and for those that learn a gradient and AdamW's two moments.
    """
    model = run.model
    start = set_trainable(model, run.strategy, run.epoch)
    pictures = run.task.train.pictures[:batch].to(model.device)
    kept = kept_bytes(
        model,
        lambda: model.head(model.run_stages(frozen_part(model, pictures, start), start)),
    )
    model.eval()
    parameters = sum(p.nbytes for p in model.parameters())
    learning = sum(p.nbytes for group in run.optimizer.param_groups for p in group["params"])
    return parameters + 3 * learning + kept
