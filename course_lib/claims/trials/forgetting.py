"""What is left of the source task: after plain fine-tuning, with a remedy, on the way between."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.trials.sources import source
from course_lib.claims.trials.transfer import backbone, baseline, packed, with_pictures
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.lab.looks import BASELINES
from course_lib.lab.tuning import RIVAL, Grid, Setting, Tuning, best
from course_lib.measure.intervals import over_draws
from course_lib.measure.metrics import accuracy
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
MATCHED = 0.01  # validation accuracy that a setting may lie below plain fine-tuning's best
KEEPERS = ("L2-SP", "EWC", "LwF", "replay", WISE)  # made against forgetting
REMEDIES = (*KEEPERS, "small backbone rate")  # the last one only goes slower
SELECTION = 256  # source pictures by which settings are chosen
FRESH = 500_000  # from this seed on: source pictures that are measured on
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
    """Trials of every method at its chosen setting, or at those of `settings`, and of baselines."""
    common = {key: size[key] for key in ("task", "train", "epochs", "batch", "source_pictures")}
    unknown = [name for name in size["methods"] if name not in size["settings"]]
    chosen = {**(CHOICE.chosen() if unknown else {}), **size["settings"]}
    tried = [
        {**common, "method": method, **chosen[method], "seed": seed}
        for seed in size["seeds"]
        for method in size["methods"]
    ]
    return tried + [
        {"task": size["task"], "train": size["train"], "seed": seed, "method": name}
        for name in BASELINES
        for seed in size["seeds"]
    ]


def mitigated(trial: dict) -> dict:
    """Target and source accuracy of one method with one setting, or a baseline.

    trial: method, rate (of the head), setting (the method's own, where it has one). The source
    pictures are other ones for each draw.
    """
    if trial["method"] in BASELINES:
        return baseline(trial, trial["method"])
    model, seconds = _treated(trial)
    test = load(trial).test
    scores = predict(model, test.pictures)
    fresh = source_pictures(
        backbone(), trial["source_pictures"], split="train", seed=FRESH + trial["seed"]
    )
    return {
        "test": accuracy(scores, test.labels),
        "right": packed(scores, test.labels),
        "source": source_accuracy(model, backbone().head, fresh),
        "seconds": seconds,
    }


def tried(trial: dict) -> dict:
    """What a setting is chosen by: validation accuracy, and accuracy on other source pictures."""
    model, _ = _treated(trial)
    return {
        "validation": evaluate(model, load(trial), "validation"),
        "selection": source_accuracy(model, backbone().head, selection(SELECTION)),
    }


def _treated(trial: dict) -> tuple[Backbone, float]:
    """The net that a method leaves behind, and the seconds of its training."""
    setting = trial.get("setting")
    if trial["method"] == WISE:
        ends_of = ends({**trial, "strategy": {"lr": trial["rate"]}})
        return interpolate(*ends_of, setting), 0.0
    changes, mitigation = _method(trial["method"], setting)
    run = train({**trial, "strategy": {"lr": trial["rate"], **changes}}, mitigation)
    return run.model, run.seconds


def _method(name: str, setting):
    """(changes of full fine-tuning, mitigation) of a method with a setting."""
    changes = {
        HEAD_ONLY: {"trainable": 0},
        "small backbone rate": {"head_lr_ratio": setting},
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


def keeps_most(rows: pd.DataFrame, grids: Mapping[str, Grid]) -> dict[str, Setting]:
    """Each method's setting at matched accuracy: of those whose mean validation accuracy is at
    most MATCHED below plain fine-tuning's best, the one that keeps most of the source task.

    The head alone, and a method without such a setting: the best on validation. Rows and what is
    given are those of lab.tuning.
    """
    plain = rows[rows[RIVAL] == PLAIN].groupby("rate")["validation"].mean()
    found = {}
    for name, grid in grids.items():
        mine, axes = rows[rows[RIVAL] == name], list(grid)
        means = mine.groupby(axes)["validation"].transform("mean")
        good = mine[means >= plain.max() - MATCHED]
        if name == HEAD_ONLY or good.empty:
            found[name] = best(mine, axes, "validation")
        else:
            found[name] = best(good, axes, "selection")
    return found


RATES = (1e-3, 3e-3, 1e-2)  # of the head; the last stage learns at a tenth of it
# Nine settings each, but three for the head alone, which has nothing to lose.
GRIDS: dict[str, Grid] = {
    PLAIN: {"rate": (5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3, 1e-2)},
    HEAD_ONLY: {"rate": (3e-3, 1e-2, 3e-2)},
    "small backbone rate": {"rate": RATES, "setting": (30.0, 100.0, 300.0)},  # head / backbone
    "L2-SP": {"rate": RATES, "setting": (0.1, 1.0, 10.0)},  # strength, as in the next three
    "EWC": {"rate": RATES, "setting": (1e2, 1e3, 1e4)},
    "LwF": {"rate": RATES, "setting": (0.3, 1.0, 3.0)},
    "replay": {"rate": RATES, "setting": (0.1, 0.3, 1.0)},
    WISE: {"rate": RATES, "setting": (0.3, 0.5, 0.7)},  # share of the way from start to end
}
REMEDY_STUDY = {"task": "digits", "train": 100, "epochs": 8, "batch": 16}
CHOICE = Tuning(
    "C19",
    tried,
    rivals={name: {**REMEDY_STUDY, "method": name} for name in GRIDS},
    grids=GRIDS,
    kept=("validation", "selection"),
    choose=keeps_most,
    most={WISE: {"setting": 1.0}},
)


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """More columns: saved and change, source accuracy and test accuracy on the new task less plain
    fine-tuning's of the same draw; the plain run must be among the methods. right: as an array."""
    if PLAIN not in set(rows["method"]):
        return rows
    plain = rows[rows["method"] == PLAIN].set_index("seed")
    return with_pictures(rows).assign(
        saved=rows["source"] - rows["seed"].map(plain["source"]),
        change=rows["test"] - rows["seed"].map(plain["test"]),
    )


def saved_for_nothing(rows: pd.DataFrame) -> list[str]:
    """The remedies that keep over 5 points more of the source task than plain fine-tuning and cost
    nothing: the mean change of test accuracy is not below minus one standard error.

    rows: of C19, as its result holds them.
    """
    found = []
    for method, mine in compared(rows).groupby("method", sort=False):
        change = mine["change"]
        free = method in REMEDIES and change.mean() >= -change.sem()
        if free and over_draws(mine["saved"]).low > SAVED:
            found.append(str(method))
    return found


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
