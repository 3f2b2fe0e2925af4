"""One strategy at rates that were chosen on other draws, measured on pictures of its own draw.

The trial of C36, whose task is drawn by course_lib.world and never run out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from course_lib.claims.trials import transfer as shared
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES, PIXELS
from course_lib.lab.tuning import Grid, Setting, Tuning
from course_lib.train import strategies as S
from course_lib.train.baselines import pixel_logistic_regression, random_frozen
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.loop import Run

FRESH = 500_000  # draws of training pictures from this one on are measured on


def fresh(task: str, n: int, seed: int) -> Split:
    """n test pictures of a draw's own: nobody learns from them, and no other draw has them."""
    return load_task(task, train=n, seed=FRESH + seed).train


def strategy_of(trial: dict) -> S.Strategy:
    """The trial's strategy at its rate. frozen: how many of the first stages stay as they are."""
    strategy = replace(shared.STRATEGIES[trial["strategy"]], lr=trial["rate"])
    if "frozen" not in trial:
        return strategy
    return replace(strategy, trainable=len(shared.backbone().stage_names) - trial["frozen"])


def run_of(trial: dict) -> Run:
    return fit(
        shared.backbone(),
        load_task(trial["task"], train=trial["train"], seed=trial["seed"]),
        strategy_of(trial),
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        test=False,
        progress=False,
    )


def tried(trial: dict) -> dict:
    """What a setting is chosen by."""
    return {"validation": run_of(trial).validation}


def trained(trial: dict) -> dict:
    """A strategy or a baseline on fresh test pictures.

    trial: task, train, seed, strategy, test_pictures; but for baselines also epochs, batch, rate
    and what strategy_of takes.
    """
    test = fresh(trial["task"], trial["test_pictures"], trial["seed"])
    if trial["strategy"] in BASELINES:
        return _baseline(trial, test)
    run = run_of(trial)
    return {
        "test": evaluate(run.model, test),
        "train_accuracy": run.history[-1].accuracy,
        "loss": run.history[-1].loss,
        "seconds": run.seconds,
        "epoch": float(np.median([epoch.seconds for epoch in run.history[1:]])),
        "trainable_parameters": run.trainable_parameters,
    }


def _baseline(trial: dict, test: Split) -> dict:
    task: Task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    task = replace(task, test=test)
    if trial["strategy"] == PIXELS:
        return {"test": pixel_logistic_regression(task).test}
    return {"test": random_frozen(shared.backbone(), task, trial["seed"]).test}


# ---- trials -------------------------------------------------------------------------------------


def lanes(size: dict, rivals: Iterable[dict]) -> list[dict]:
    """A trial of each rival, with its setting, for each draw. What they share is in `size`."""
    shared_by_all = {key: size[key] for key in ("task", "test_pictures")}
    return [{**shared_by_all, **rival, "seed": seed} for rival in rivals for seed in size["seeds"]]


def baselines(size: dict, train: int) -> list[dict]:
    return lanes(size, ({"train": train, "strategy": name} for name in BASELINES))


def setting_of(tuning: Tuning, name: str, given: Mapping[str, Setting]) -> Setting:
    """The setting of a rival: as given, else as chosen."""
    return given[name] if name in given else tuning.chosen()[name]


RATES: Grid = {"rate": (1e-3, 3e-3, 1e-2)}
SHAPES = {"task": "new-shapes", "batch": 16}


# ---- C36: how deep to freeze --------------------------------------------------------------------

DEPTHS = range(6)  # WorldNet has five stages
FREEZING = {**SHAPES, "strategy": shared.FULL, "train": 100, "epochs": 15}
DEEPER = Tuning(
    "C36",
    tried,
    rivals={f"{n} frozen": {**FREEZING, "frozen": n} for n in DEPTHS},
    grids={f"{n} frozen": RATES for n in DEPTHS},
)


def depth_trials(size: dict) -> list[dict]:
    rivals = [
        {
            **{key: size[key] for key in ("batch", "train", "epochs")},
            "strategy": shared.FULL,
            "frozen": n,
            **setting_of(DEEPER, f"{n} frozen", size["settings"]),
        }
        for n in range(1 + len(shared.backbone().stage_names))
    ]
    missing = [{**one, "frozen": None} for one in baselines(size, size["train"])]
    return lanes(size, rivals) + missing
