"""Differential learning rates: what they overwrite (C14), and sweeps of them (C15 to C17)."""

import math
from dataclasses import replace

import pandas as pd

from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.trials import sources
from course_lib.claims.trials import transfer as shared
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES
from course_lib.lab.quantities import DRAW
from course_lib.lab.tuning import Tuning
from course_lib.measure import metrics
from course_lib.train import strategies as S
from course_lib.train.fit import fit
from course_lib.train.forgetting import Meter, source_accuracy
from course_lib.train.tuning import tune

LARGE, SMALL, DIFFERENTIAL = "one large rate", "one small rate", "ratio 100"
LEARNING = "one large rate, batch norm learns"
HEAD_TRAINED = "one large rate, head trained first"
RATIO, DECAY = "head_lr_ratio", "layer_decay"  # fields of a Strategy that are swept
# Head rate and head rate / backbone rate, from the first step on: no warm-up that would hide it.
OVERWRITING: dict[str, dict] = {
    LARGE: {"lr": 1e-2, RATIO: 1.0},
    SMALL: {"lr": 1e-4, RATIO: 1.0},
    DIFFERENTIAL: {"lr": 1e-2, RATIO: 100.0},
    LEARNING: {"lr": 1e-2, RATIO: 1.0, "batch_norm": "train"},
    HEAD_TRAINED: {"lr": 1e-2, RATIO: 1.0, "head_epochs": 8, "restart": True},
}
AT_ONCE, GRADUAL, HEAD_FIRST = "at once", "gradually, last first", "head first (LP-FT)"
SCHEDULES = {
    AT_ONCE: S.FULL_FINE_TUNING,
    GRADUAL: S.GRADUAL_UNFREEZING,
    HEAD_FIRST: S.LP_FT,
}
CHOSEN = "chosen on validation"


def tuned(trial: dict) -> dict:
    """Train with each head rate of the trial, keep the best on validation, measure that one.

    trial: task, train, seed, epochs, batch, and of the strategy the fields in `strategy`; or the
    name of a baseline.
    """
    if trial["name"] in BASELINES:
        return shared.baseline(trial, trial["name"])
    tuning = tune(
        shared.backbone(),
        load_task(trial["task"], train=trial["train"], seed=trial["seed"]),
        replace(S.FULL_FINE_TUNING, **trial["strategy"]),
        rates=trial["rates"],
        epochs=trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        widen=0,
        progress=False,
    )
    run = tuning.run
    source = sources.source(sources.SOURCE_PICTURES)
    scores = predict(run.model, run.task.test.pictures)
    return {
        "test": metrics.score(run.task.metric, scores, run.task.test.labels),
        "right": shared.packed(scores, run.task.test.labels),
        "validation": run.validation,
        "source": source_accuracy(run.model, run.source_head, source),
        "lr": run.strategy.lr,
        "seconds": run.seconds,
        "tuning_seconds": tuning.seconds,
    }


def overwriting(trial: dict) -> dict:
    """Drift of each stage and source accuracy step by step, and the target accuracy at the end.

    Steps count from when the backbone begins to learn.
    """
    if trial["name"] in BASELINES:
        return shared.baseline(trial, trial["name"])
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    return overwritten(shared.backbone(), sources.source(trial["source_pictures"]), task, trial)


def overwritten(model: Backbone, source: Split, task: Task, trial: dict) -> dict:
    """`overwriting` of this net, whose head knows the labels of `source`, by this task."""
    strategy = S.Strategy(trial["name"], trainable="all", warmup=0.0, **OVERWRITING[trial["name"]])
    before = strategy.head_epochs * math.ceil(len(task.train.labels) / trial["batch"])
    meter = Meter(
        model,
        source=source,
        pictures=task.train.pictures[:32],
        every=tuple(before + step for step in trial["steps"]),
    )
    run = fit(
        model,
        task,
        strategy,
        strategy.head_epochs + trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        on_tick=meter,
        progress=False,
    )
    return {
        "at": [max(0, reading.step - before) for reading in meter.readings],
        "source": [reading.source for reading in meter.readings],
        "drift": [reading.drift for reading in meter.readings],
        "cka": [reading.cka for reading in meter.readings],
        "test": run.test,
        "seconds": run.seconds,
    }


RATIOS = (1.0, 10.0, 100.0, 1000.0)
FULL_RATES = (1e-3, 3e-3, 1e-2)


def tried(trial: dict) -> dict:
    """What a head rate is chosen by. trial: as for `tuned`, rates being one number."""
    strategy = replace(S.FULL_FINE_TUNING, lr=trial["rates"], **trial["strategy"])
    return {"validation": shared.run_once(trial, strategy).validation}


RATIO_CHOICE = Tuning(
    "C15",
    tried,
    rivals={
        f"{ratio:g}": {
            "task": "digits", "train": 100, "epochs": 8, "batch": 16, "strategy": {RATIO: ratio},
        }
        for ratio in RATIOS
    },
    grids={f"{ratio:g}": {"rates": FULL_RATES} for ratio in RATIOS},
)  # fmt: skip


def schedule(name: str, epochs: int) -> dict:
    """Fields of the Strategy of this schedule. The head is alone for half of the epochs at most."""
    fields = {
        field: getattr(SCHEDULES[name], field)
        for field in ("head_epochs", "unfreeze_every", "restart", "head_joins")
    }
    return {**fields, "head_epochs": min(fields["head_epochs"], epochs // 2)}


HARDER = ("digits", "digits-cluttered")
SCHEDULE_EPOCHS = 12
SCHEDULE_CHOICE = Tuning(
    "C17",
    tried,
    rivals={
        f"{name} on {task}": {
            "task": task, "train": 100, "epochs": SCHEDULE_EPOCHS, "batch": 16,
            "strategy": schedule(name, SCHEDULE_EPOCHS),
        }
        for task in HARDER for name in SCHEDULES
    },
    grids={f"{name} on {task}": {"rates": FULL_RATES} for task in HARDER for name in SCHEDULES},
)  # fmt: skip


# ---- trials -------------------------------------------------------------------------------------


def overwriting_trials(size: dict) -> list[dict]:
    return [
        {
            **_common(size, seed),
            "name": name,
            "steps": size["steps"],
            "source_pictures": size["source_pictures"],
        }
        for name in size["names"]
        for seed in size["seeds"]
    ] + _baselines(size)


def ratio_trials(size: dict) -> list[dict]:
    """Every ratio at the rates of the size and at the rate chosen for it, which is marked."""
    chosen = {**(RATIO_CHOICE.chosen() if not size["chosen"] else {}), **size["chosen"]}
    found = []
    for ratio in size["ratios"]:
        best = chosen[f"{ratio:g}"]["rates"]
        for rate in sorted({*size["rates"], best}):
            some = {**size, "rates": (rate,)}
            more = _sweep(some, (ratio,), lambda one: {RATIO: one}, baselines=False)
            found += [{**trial, "chosen": rate == best} for trial in more]
    return found + _baselines(size)


def decay_trials(size: dict) -> list[dict]:
    return _sweep(size, size["decays"], lambda decay: {RATIO: 10.0, DECAY: decay})


def schedule_trials(size: dict) -> list[dict]:
    """Every schedule at the rates of the size, or where it has none at the chosen one."""
    chosen = {} if size["rates"] else SCHEDULE_CHOICE.chosen()
    return [
        {
            **_common(size, seed, task),
            "name": name,
            "strategy": schedule(name, size["epochs"]),
            "rates": size["rates"] or (chosen[f"{name} on {task}"]["rates"],),
        }
        for task in size["tasks"]
        for name in size["schedules"]
        for seed in size["seeds"]
    ] + [trial for task in size["tasks"] for trial in _baselines(size, task)]


def _sweep(size: dict, values, fields, baselines: bool = True) -> list[dict]:
    """A trial for every value, head rate and draw: validation chooses among the rates later."""
    return [
        {
            **_common(size, seed),
            "name": f"{value:g}",
            "strategy": fields(value),
            "rates": [rate],
        }
        for value in values
        for rate in size["rates"]
        for seed in size["seeds"]
    ] + (_baselines(size) if baselines else [])


def _common(size: dict, seed: int, task: str | None = None) -> dict:
    return {
        "task": task or size["task"],
        "train": size["train"],
        "seed": seed,
        "epochs": size["epochs"],
        "batch": size["batch"],
    }


def _baselines(size: dict, task: str | None = None) -> list[dict]:
    return [
        {**_common(size, seed, task), "name": name} for name in BASELINES for seed in size["seeds"]
    ]


# ---- rows ---------------------------------------------------------------------------------------


def by_step(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per run, draw and reading: `step`, `source`, `left` (of the source accuracy at the
    start), drift and cka of each stage ("drift.layer4"). Baselines keep their rows, without step.

    Where nothing has moved yet there is no drift: it would have no place on a logarithmic axis.
    """
    ran = rows["at"].map(lambda steps: isinstance(steps, list))
    runs = rows[ran].assign(start=[source[0] for source in rows.loc[ran, "source"]])
    long = runs.rename(columns={"at": "step"}).explode(
        ["step", "source", "drift", "cka"], ignore_index=True
    )
    for name in ("drift", "cka"):
        nested = pd.DataFrame(long.pop(name).tolist()).add_prefix(f"{name}.")
        long = long.join(nested.where(nested > 0) if name == "drift" else nested)
    long = long.astype({"step": float, "source": float})
    long["left"] = long["source"] / long["start"]
    rest = rows[~ran].drop(columns=["at", "source", "drift", "cka"])
    return pd.concat([long, rest], ignore_index=True)


def swept(field: str):
    """tidy for a sweep of a strategy's field: its `value`, the head `rate`, and the `line` of the
    figure on which a row lies.

    Rows at the chosen rate are there a second time, on the line CHOSEN and without rate: those that
    are marked as chosen, else those that validation chose among the rates of a draw.
    """

    def tidy(rows: pd.DataFrame) -> pd.DataFrame:
        rate = rows["rates"].map(lambda rates: rates[0] if isinstance(rates, list) else None)
        lines = rate.map(lambda one: f"head rate {one:g}", na_action="ignore")
        rows = shared.with_pictures(rows).assign(
            value=rows[f"strategy.{field}"],
            rate=rate.astype(float),
            line=lines.fillna(rows["name"]),
        )
        if "chosen" in rows:
            best = rows[rows["chosen"].eq(True)]
        else:
            best = rows.loc[rows.groupby(["value", DRAW])["validation"].idxmax()]
        return pd.concat([rows, best.assign(line=CHOSEN, rate=None)], ignore_index=True)

    return tidy


def best_value(rows: pd.DataFrame, field: str) -> float:
    """The value of a strategy's field with the best mean test accuracy, each at the head rate that
    validation chose."""
    tidy = swept(field)(rows)
    means = tidy[tidy["line"] == CHOSEN].groupby("value")["test"].mean()
    return float(means.idxmax())


def apart(rows: pd.DataFrame, field: str) -> float:
    """How far the best value of a field lies above the worst, in mean test accuracy, each at the
    head rate that validation chose."""
    tidy = swept(field)(rows)
    means = tidy[tidy["line"] == CHOSEN].groupby("value")["test"].mean()
    return float(means.max() - means.min())


def new_task(rows: pd.DataFrame) -> dict[str, float]:
    """name of a run of C14, or of a baseline -> its mean test accuracy on the new task."""
    return rows.groupby("name")["test"].mean().to_dict()


def by_own_rate(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of C15 seen from the backbone: a row for each `ratio` and head `rate`, with `own`, the
    rate at which the backbone learnt, and the means of `test` and `source`; sorted by `own`."""
    runs = rows[rows[f"strategy.{RATIO}"].notna()]
    runs = runs.assign(ratio=runs[f"strategy.{RATIO}"], rate=runs["lr"])
    runs = runs.assign(own=runs["rate"] / runs["ratio"])
    means = runs.groupby(["own", "ratio", "rate"], as_index=False)[["test", "source"]].mean()
    return means.sort_values("own", ignore_index=True)


def half_lost(rows: pd.DataFrame, name: str = LARGE) -> tuple[int | None, list[int]]:
    """The step at which a run of C14 had lost half of its source accuracy (None: it never had), and
    the steps at which readings were taken. Means over the draws."""
    runs = by_step(rows)
    left = runs[runs["name"] == name].groupby("step")[["source", "start"]].mean()
    lost = left.index[left["source"] < left["start"] / 2]
    return (int(lost[0]) if len(lost) else None), [int(step) for step in left.index[1:]]
