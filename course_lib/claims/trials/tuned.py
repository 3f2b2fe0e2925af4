"""One strategy at rates that were chosen on other draws, measured on pictures of its own draw.

The trial of C11 and C36, whose tasks are drawn by course_lib.world and never run out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from course_lib.claims.trials import transfer as shared
from course_lib.claims.trials.transfer import fresh
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES, PIXELS
from course_lib.lab.tuning import Grid, Setting, Tuning
from course_lib.train import strategies as S
from course_lib.train.baselines import pixel_logistic_regression, random_frozen
from course_lib.train.evaluation import evaluate
from course_lib.train.loop import Run

# Entry of a trial -> the field of a Strategy that it sets.
FIELDS = {"rate": "lr", "ratio": "head_lr_ratio", "head_epochs": "head_epochs"}
NIGHT = "night-shapes"


def strategy_of(trial: dict) -> S.Strategy:
    """The trial's strategy with the fields that the trial sets. frozen: how many stages stay."""
    fields = {field: trial[entry] for entry, field in FIELDS.items() if entry in trial}
    if "frozen" in trial:
        fields["trainable"] = len(shared.backbone().stage_names) - trial["frozen"]
    return replace(shared.STRATEGIES[trial["strategy"]], **fields)


def run_of(trial: dict) -> Run:
    return shared.run_once(trial, strategy_of(trial))


def tried(trial: dict) -> dict:
    """What a setting is chosen by."""
    return {"validation": run_of(trial).validation}


def trained(trial: dict) -> dict:
    """A strategy or a baseline on fresh test pictures.

    trial: task, train, seed, strategy, test_pictures; but for baselines epochs, batch and rate, and
    where they are not the strategy's own ratio, head_epochs, frozen. night: also measure shifted,
    the accuracy on as many pictures of the same classes at night.
    """
    test = fresh(trial["task"], trial["test_pictures"], trial["seed"])
    if trial["strategy"] in BASELINES:
        return _baseline(trial, test)
    run = run_of(trial)
    found = {
        "test": evaluate(run.model, test),
        "train_accuracy": run.history[-1].accuracy,
        "loss": run.history[-1].loss,
        "seconds": run.seconds,
        "epoch": float(np.median([epoch.seconds for epoch in run.history[1:]])),
        "trainable_parameters": run.trainable_parameters,
    }
    if trial.get("night"):
        found["shifted"] = evaluate(run.model, fresh(NIGHT, trial["test_pictures"], trial["seed"]))
    return found


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


# ---- C11: whether the head goes first -----------------------------------------------------------

LP_FT = S.LP_FT.name
HEAD_EPOCHS = 6  # of the head alone, before as many epochs of everything as its rival has
TWO_AXES: Grid = {"rate": (3e-3, 1e-2), "ratio": (10.0, 100.0)}
FULL_EPOCHS = 12
AFTER_HEAD = {"head_epochs": HEAD_EPOCHS, "epochs": HEAD_EPOCHS + FULL_EPOCHS}
FIRST = Tuning(
    "C11",
    tried,
    rivals={
        shared.FULL: {**SHAPES, "train": 100, "strategy": shared.FULL, "epochs": FULL_EPOCHS},
        LP_FT: {**SHAPES, "train": 100, "strategy": LP_FT, **AFTER_HEAD},
        shared.HEAD_ONLY: {
            **SHAPES, "train": 100, "strategy": shared.HEAD_ONLY, "epochs": FULL_EPOCHS,
        },
    },
    grids={shared.FULL: TWO_AXES, LP_FT: TWO_AXES, shared.HEAD_ONLY: {"rate": TWO_AXES["rate"]}},
)  # fmt: skip


def head_first_trials(size: dict) -> list[dict]:
    """The head alone, everything at once, and the head first, by day and at night."""
    epochs, head = size["epochs"], size["head_epochs"]
    of_its_own = {LP_FT: {"head_epochs": head, "epochs": head + epochs}}
    rivals = [
        {
            **{key: size[key] for key in ("batch", "train", "epochs")},
            "strategy": name,
            "night": True,
            **of_its_own.get(name, {}),
            **setting_of(FIRST, name, size["settings"]),
        }
        for name in (shared.HEAD_ONLY, shared.FULL, LP_FT)
    ]
    return lanes(size, rivals) + baselines(size, size["train"])
