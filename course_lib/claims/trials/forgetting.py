"""What is left of the source task: after plain fine-tuning, with a remedy, on the way between."""

from dataclasses import replace

import pandas as pd

from course_lib.backbones import Backbone
from course_lib.claims.trials.sources import source
from course_lib.claims.trials.transfer import backbone, baseline
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.lab.looks import BASELINES
from course_lib.measure.intervals import over_draws
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.forgetting import (
    EWC,
    L2SP,
    LwF,
    Replay,
    check_frozen,
    diagonal_fisher,
    interpolate,
    recompute_statistics,
    source_accuracy,
    source_pictures,
)
from course_lib.train.loop import Run

OLD_FOR_TRAINING = 300  # source pictures that replay may show and that EWC takes its Fisher from
SWEEPS = {"rate": "one rate for all", "epochs": "epochs", "classes": "classes of the new task"}
PLAIN, HEAD_ONLY, WISE = "plain fine-tuning", "head only", "WiSE-FT"
EVAL, TRAIN_MODE = "eval mode", "train mode"
MODES = {EVAL: "eval", TRAIN_MODE: "adapt"}
KEPT, RECOMPUTED = "kept", "recomputed"
SAVED = 0.05  # share of source pictures that a remedy must save
OLD, NEW, BEFORE = "source task after", "new task", "source task before"


def narrowed(task: Task, classes: int) -> Task:
    """The task with only its first classes, each split cut down to them."""
    if classes == len(task.classes):
        return task
    parts = {}
    for name in ("train", "validation", "test"):
        pictures, labels = getattr(task, name)
        keep = labels < classes
        parts[name] = Split(pictures[keep], labels[keep])
    return replace(task, classes=task.classes[:classes], **parts)


def load(trial: dict) -> Task:
    """The trial's task. With fewer classes there are as many labels in all."""
    classes = trial.get("classes")
    if classes is None:
        return load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    whole = load_task(trial["task"], train=10 * trial["train"] // classes, seed=trial["seed"])
    return narrowed(whole, classes)


def train(trial: dict, mitigation=None) -> Run:
    """The run of a trial. Its strategy is full fine-tuning with the trial's changes."""
    return fit(
        backbone(),
        load(trial),
        replace(S.FULL_FINE_TUNING, **trial["strategy"]),
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        mitigation=mitigation,
        validate_every=0,
        test=False,
        progress=False,
    )


def left(model: Backbone, n: int) -> float:
    """Accuracy on n source pictures under the old head."""
    return source_accuracy(model, backbone().head, source(n))


@cache.kept(maxsize=2)
def old_pictures(n: int) -> Split:
    """n source pictures that may be trained with."""
    return source_pictures(backbone(), n, split="train")


@cache.kept(maxsize=1)
def fisher() -> dict:
    return diagonal_fisher(backbone(), old_pictures(OLD_FOR_TRAINING).pictures)


@cache.kept(maxsize=2)
def selection(n: int) -> Split:
    """n other source pictures, by which a setting is chosen and nothing is reported."""
    return source_pictures(backbone(), n, split="train", seed=1)


# ---------------------------------------------------------------- what makes it worse


def sweeps(size: dict) -> list[dict]:
    """Trials that change one of SWEEPS at a time. The middle of two sweeps is the same run."""
    usual = {"rate": size["usual_rate"], "epochs": size["usual_epochs"], "classes": 10}
    return [
        {
            "sweep": sweep,
            "value": value,
            "task": size["task"],
            "train": size["train"],
            "seed": seed,
            "batch": size["batch"],
            "epochs": {**usual, sweep: value}["epochs"],
            "classes": {**usual, sweep: value}["classes"],
            "strategy": {"lr": {**usual, sweep: value}["rate"], "head_lr_ratio": 1.0},
            "source_pictures": size["source_pictures"],
        }
        for sweep in SWEEPS
        for value in size[sweep]
        for seed in size["seeds"]
    ]


def forgetting(trial: dict) -> dict:
    """Source accuracy before and after fine-tuning, and test accuracy on the new task."""
    run = train(trial)
    n = trial["source_pictures"]
    return {
        "before": left(backbone(), n),
        "source": left(run.model, n),
        "test": run.test,
        "seconds": run.seconds,
    }


def with_loss(rows: pd.DataFrame) -> pd.DataFrame:
    """One more column, lost: by how much the source accuracy fell."""
    return rows.assign(lost=rows["before"] - rows["source"])


def by_task(rows: pd.DataFrame) -> pd.DataFrame:
    """Three lines per trial, told apart by `of`: each with its accuracy; and lost, see with_loss.

    What was right before does not depend on the setting: its line has none.
    """
    named = with_loss(rows).assign(swept=rows["sweep"].map(SWEEPS))
    named = named.rename(columns={"source": OLD, "test": NEW, "before": BEFORE})
    others = [name for name in named if name not in (OLD, NEW, BEFORE)]
    long = named.melt(others, [OLD, NEW, BEFORE], var_name="of", value_name="accuracy")
    return long.assign(value=long["value"].where(long["of"] != BEFORE))


# ---------------------------------------------------------------- remedies


def remedies(size: dict) -> list[dict]:
    """Trials of every method with each of its settings, and of the baselines."""
    common = {key: size[key] for key in ("task", "train", "epochs", "batch", "source_pictures")}
    tried = [
        {**common, "seed": seed, "method": method, "setting": setting}
        for seed in size["seeds"]
        for method, settings in size["methods"].items()
        for setting in settings
    ]
    return tried + [
        {"task": size["task"], "train": size["train"], "seed": seed, "method": name}
        for name in BASELINES
        for seed in size["seeds"]
    ]


def mitigated(trial: dict) -> dict:
    """Target and source accuracy of one method with one setting, or a baseline."""
    if trial["method"] in BASELINES:
        return baseline(trial, trial["method"])
    seconds = 0.0
    if trial["method"] == WISE:
        model = interpolate(*ends(trial), trial["setting"])
    else:
        changes, mitigation = _method(trial["method"], trial["setting"])
        run = train({**trial, "strategy": changes}, mitigation)
        model, seconds = run.model, run.seconds
    task, n = load(trial), trial["source_pictures"]
    return {
        "test": evaluate(model, task),
        "validation": evaluate(model, task, "validation"),
        "source": left(model, n),
        "selection": source_accuracy(model, backbone().head, selection(n // 2)),
        "seconds": seconds,
    }


def _method(name: str, setting: float):
    """(changes of full fine-tuning, mitigation) of a method with a setting."""
    changes = {
        PLAIN: {"lr": setting},
        HEAD_ONLY: {"lr": setting, "trainable": 0},
        "small backbone rate": {"head_lr_ratio": setting},
        "layer-wise decay": {"layer_decay": setting},
        "gradual unfreezing": {"head_epochs": setting, "unfreeze_every": 1},
    }
    mitigations = {
        "L2-SP": lambda: L2SP(setting),
        "EWC": lambda: EWC(setting, fisher()),
        "LwF": lambda: LwF(setting),
        "replay": lambda: Replay(old_pictures(OLD_FOR_TRAINING), setting),
    }
    return changes.get(name, {}), mitigations.get(name, lambda: None)()


def ends(trial: dict) -> tuple[Backbone, Backbone]:
    """(start, end) of a line of weights: the frozen net with its trained head, and fine-tuned."""
    keys = ("task", "train", "seed", "epochs", "batch")
    strategy = tuple(sorted(trial.get("strategy", {}).items()))
    return _ends(tuple((key, trial[key]) for key in keys), strategy)


@cache.kept(maxsize=2)
def _ends(settings: tuple, strategy: tuple) -> tuple[Backbone, Backbone]:
    trial = dict(settings)
    start = train({**trial, "strategy": {"trainable": 0}}).model
    return start, train({**trial, "strategy": dict(strategy)}).model


def chosen_settings(rows: pd.DataFrame) -> dict[str, float]:
    """The setting of each method, chosen without test pictures.

    Plain fine-tuning and the head alone: best on validation. A remedy: the one that keeps most of
    the source (on pictures that are not reported) among those whose validation accuracy is within
    one standard error of plain fine-tuning's; when none is, the best on validation.
    """
    methods = [name for name in rows["method"].unique() if name not in BASELINES]

    def found(method: str, column: str) -> pd.DataFrame:
        mine = rows[rows["method"] == method]
        return mine.pivot(index="seed", columns="setting", values=column)

    validation = {method: found(method, "validation") for method in methods}
    chosen = {method: found.mean().idxmax() for method, found in validation.items()}
    plain = validation[PLAIN][chosen[PLAIN]]
    for method in methods:
        change = validation[method].sub(plain, axis=0)
        good = change.columns[change.mean() >= -change.sem()]
        if method not in (PLAIN, HEAD_ONLY) and len(good):
            chosen[method] = found(method, "selection")[good].mean().idxmax()
    return chosen


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of every method at its chosen setting, and of the baselines, with more columns.

    saved, change: source accuracy and test accuracy on the new task less plain fine-tuning's of the
    same draw; the plain run must be among the methods. place: 1 for the remedy that
    saves most of those that cost nothing, 2 for the next, and so on. A remedy costs nothing whose
    mean change is not below minus one standard error. With fewer than two of them plain
    fine-tuning, which saves nothing, stands in the second place.
    """
    if PLAIN not in set(rows["method"]):
        return rows
    chosen = rows["method"].map(chosen_settings(rows))
    rows = rows[(rows["setting"] == chosen) | rows["method"].isin(BASELINES)]
    plain = rows[rows["method"] == PLAIN].set_index("seed")
    rows = rows.assign(
        saved=rows["source"] - rows["seed"].map(plain["source"]),
        change=rows["test"] - rows["seed"].map(plain["test"]),
    )
    tried = rows[~rows["method"].isin((PLAIN, HEAD_ONLY, *BASELINES))].groupby("method")
    change = tried["change"]
    free = tried["saved"].mean()[change.mean() >= -change.sem()]
    order = list(free.sort_values(ascending=False, kind="stable").index)
    places = {method: place for place, method in enumerate(order, 1)}
    if len(order) < 2:
        places[PLAIN] = 2
    return rows.assign(place=rows["method"].map(places))


def saved_for_nothing(rows: pd.DataFrame) -> list[str]:
    """The remedies that keep over 5 points more of the source task and cost nothing; see compared.

    rows: of C19, as its result holds them.
    """
    free = compared(rows).dropna(subset=["place"]).groupby("method")["saved"]
    return [method for method, saved in free if over_draws(saved).low > SAVED]


# ---------------------------------------------------------------- the batch-norm pitfall


def modes(size: dict) -> list[dict]:
    """Trials of batch norm in both modes with every batch size on every task."""
    return [
        {
            "task": task,
            "train": size["train"],
            "seed": seed,
            "epochs": size["epochs"],
            "batch": batch,
            "mode": mode,
            "source_pictures": size["source_pictures"],
        }
        for task in size["tasks"]
        for mode in MODES
        for batch in size["batches"]
        for seed in size["seeds"]
    ]


def pitfall(trial: dict) -> dict:
    """A head trained on a backbone without gradients, its batch norm in one of two modes."""
    strategy = {"trainable": 0, "batch_norm": MODES[trial["mode"]]}
    run = train({**trial, "strategy": strategy})
    check = check_frozen(backbone(), run.model)
    n = trial["source_pictures"]
    return {
        "before": left(backbone(), n),
        "source": left(run.model, n),
        "test": run.test,
        "parameters_changed": len(check.parameters),
        "buffers_changed": len(check.buffers),
        "seconds": run.seconds,
    }


# ---------------------------------------------------------------- between start and end


def walk(size: dict) -> list[dict]:
    """Trials at every share of the way, with each kind of batch-norm statistics."""
    return [
        {
            "task": size["task"],
            "train": size["train"],
            "seed": seed,
            "epochs": size["epochs"],
            "batch": size["batch"],
            "strategy": {"head_lr_ratio": size["ratio"]},
            "share": share,
            "statistics": statistics,
            "source_pictures": size["source_pictures"],
        }
        for seed in size["seeds"]
        for share in size["shares"]
        for statistics in size["statistics"]
    ]


def between(trial: dict) -> dict:
    """Both accuracies of the net that lies a share of the way from start to end.

    Recomputed statistics: each accuracy with those of training pictures of its own task.
    """
    task = load(trial)
    new = old = interpolate(*ends(trial), trial["share"])
    if trial["statistics"] == RECOMPUTED:
        new = recompute_statistics(new, task.train.pictures)
        old = recompute_statistics(old, old_pictures(OLD_FOR_TRAINING).pictures)
    return {"test": evaluate(new, task), "source": left(old, trial["source_pictures"])}


def with_valley(rows: pd.DataFrame) -> pd.DataFrame:
    """More columns. over: test accuracy less that of the lower end, draw by draw. deepest: is this
    the share between the ends where it is least on the mean? Both for kept statistics only."""
    kept = rows[rows["statistics"] == KEPT]
    lower = kept.pivot(index="seed", columns="share", values="test")
    lower = lower.reindex(columns=[0.0, 1.0]).min(axis=1, skipna=False)
    over = (kept["test"] - kept["seed"].map(lower)).reindex(rows.index)
    means = over[(rows["share"] > 0) & (rows["share"] < 1)].groupby(rows["share"]).mean().dropna()
    deepest = means.idxmin() if len(means) else None
    return rows.assign(over=over, deepest=(rows["share"] == deepest) & over.notna())
