"""Lesson 04: catastrophic forgetting (C18 to C21)."""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_lib.errors import CourseError
from course_lib.experiments.learning_rates import source
from course_lib.experiments.study import RESULTS, Claim, Finding, Row
from course_lib.experiments.trials import BASELINES, backbone, scores, transfer
from course_lib.measure.statistics import above, interval, mean, points, together, with_spread
from course_lib.train import strategies as S

OLD_FOR_TRAINING = 300  # source pictures that replay may show and that EWC takes its Fisher from
REPORTED = 200  # source pictures behind a study's numbers; half as many others to choose by


# ---------------------------------------------------------------- one run, shared by the claims


def narrowed(task, classes: int):
    """The task with only its first classes, each split cut down to them."""
    from course_lib.data.split import Split

    if classes == len(task.classes):
        return task
    parts = {}
    for name in ("train", "validation", "test"):
        pictures, labels = getattr(task, name)
        keep = labels < classes
        parts[name] = Split(pictures[keep], labels[keep])
    return replace(task, classes=task.classes[:classes], **parts)


def load(trial: dict):
    """The trial's task. With fewer classes there are as many labels in all."""
    from course_lib import load_task

    classes = trial.get("classes")
    if classes is None:
        return load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    whole = load_task(trial["task"], train=10 * trial["train"] // classes, seed=trial["seed"])
    return narrowed(whole, classes)


@lru_cache(maxsize=2)
def _old(n: int):
    from course_lib.train.forgetting import source_pictures

    return source_pictures(backbone(), n, split="train")


@lru_cache(maxsize=1)
def _fisher():
    from course_lib.train.forgetting import diagonal_fisher

    return diagonal_fisher(backbone(), _old(OLD_FOR_TRAINING).pictures)


def train(trial: dict, mitigation=None):
    """The run of a trial. Its strategy is full fine-tuning with the trial's changes."""
    from course_lib import fit

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


def left(model, n: int) -> float:
    """Accuracy on n source pictures under the old head."""
    from course_lib.train.forgetting import source_accuracy

    return source_accuracy(model, backbone().head, source(n))


def _baselines(size: dict) -> list[dict]:
    common = {"task": size["task"], "train": size["train"]}
    return [{**common, "seed": seed, "method": name} for name in BASELINES
            for seed in size["seeds"]]  # fmt: skip


def _baseline(trial: dict) -> dict:
    name = trial["method"]
    return transfer({**trial, "strategy": name, "epochs": 0, "batch": 0, "rates": ()})


# ---------------------------------------------------------------- C18: what makes it worse


SWEEPS = {"rate": "one rate for all", "epochs": "epochs", "classes": "classes of the new task"}


def c18_trials(size: dict) -> list[dict]:
    trials = []
    for sweep in SWEEPS:
        for value in size[sweep]:
            setting = {"rate": size["usual_rate"], "epochs": size["usual_epochs"], "classes": 10}
            setting[sweep] = value
            for seed in size["seeds"]:
                trials.append(
                    {
                        "sweep": sweep,
                        "value": value,
                        "task": size["task"],
                        "train": size["train"],
                        "seed": seed,
                        "batch": size["batch"],
                        "epochs": setting["epochs"],
                        "classes": setting["classes"],
                        "strategy": {"lr": setting["rate"], "head_lr_ratio": 1.0},
                        "source_pictures": size["source_pictures"],
                    }
                )
    return trials


def forgetting(trial: dict) -> dict:
    """Source accuracy before and after; the middle of the sweeps is one run, made once."""
    return json.loads(_forgetting(json.dumps({**trial, "sweep": "", "value": 0}, sort_keys=True)))


@lru_cache(maxsize=128)
def _forgetting(key: str) -> str:
    trial = json.loads(key)
    run = train(trial)
    n = trial["source_pictures"]
    before = left(backbone(), n)
    return json.dumps({
        "before": before, "source": left(run.model, n), "test": run.test, "seconds": run.seconds
    })  # fmt: skip


def _lost(rows: list[Row], sweep: str, value) -> np.ndarray:
    mine = dict(sweep=sweep, value=value)
    return scores(rows, "before", **mine) - scores(rows, "source", **mine)


def _values(rows: list[Row], sweep: str) -> list:
    return sorted({row["value"] for row in rows if row["sweep"] == sweep})


def sweep_verdicts(rows: list[Row]) -> dict[str, str]:
    """Of each sweep: does its harshest setting lose over 5 points more than its mildest?"""
    verdicts = {}
    for sweep in SWEEPS:
        values = _values(rows, sweep)
        mild, harsh = (values[-1], values[0]) if sweep == "classes" else (values[0], values[-1])
        more = _lost(rows, sweep, harsh) - _lost(rows, sweep, mild)
        verdicts[sweep] = above(more, 0.05)
    return verdicts


def c18_judge(rows: list[Row]) -> Finding:
    verdicts, parts = sweep_verdicts(rows), []
    for sweep, words in SWEEPS.items():
        values = _values(rows, sweep)
        parts.append(
            f"{words}: "
            + ", ".join(f"{points(_lost(rows, sweep, v).mean())} lost at {v:g}" for v in values)
            + f" ({verdicts[sweep]})"
        )
    start = rows[0]["before"]
    sentence = (
        f"Under its old head the net was right on {start:.0%} of source pictures before. "
        + "; ".join(parts)
        + "."
    )
    alt = "Source accuracy after fine-tuning in three panels: " + "; ".join(
        f"against {words}: "
        + ", ".join(f"{start - _lost(rows, sweep, v).mean():.2f} at {v:g}"
                    for v in _values(rows, sweep))
        for sweep, words in SWEEPS.items()
    )  # fmt: skip
    return Finding(together(list(verdicts.values())), sentence, alt + ".")


_C18_LOOKS = {
    "source": ("#D55E00", "o", "-", "source task, old head"),
    "test": ("#0072B2", "s", "--", "new task, test"),
}


def c18_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), sharey=True, layout="constrained")
    for ax, (sweep, words) in zip(axes, SWEEPS.items(), strict=True):
        values = _values(rows, sweep)
        for key, (color, marker, dash, label) in _C18_LOOKS.items():
            found = np.array([scores(rows, key, sweep=sweep, value=v) for v in values])
            ax.fill_between(values, found.min(1), found.max(1), color=color, alpha=0.15, lw=0)
            ax.plot(values, found.mean(1), color=color, marker=marker, ls=dash, label=label)
        ax.axhline(rows[0]["before"], color="#777777", ls=":", lw=1.2)
        if sweep == "rate":
            ax.set_xscale("log")
        ax.set_xticks(values, [f"{v:g}" for v in values])
        ax.minorticks_off()
        ax.set_xlabel(words)
        ax.set_ylim(0, 1.02)
    axes[2].invert_xaxis()
    axes[0].set_ylabel("accuracy after fine-tuning")
    axes[0].annotate(
        "source task before", (0.02, rows[0]["before"]), xycoords=axes[0].get_yaxis_transform(),
        xytext=(0, -12), textcoords="offset points", color="#666666", fontsize=8.5,
    )  # fmt: skip
    axes[0].set_title("Higher rate")
    axes[1].set_title("Longer")
    axes[2].set_title("Narrower, to the right")
    axes[1].legend(loc="best", fontsize=9)
    return fig


# ---------------------------------------------------------------- C19: mitigations on a plane


PLAIN, HEAD_ONLY, WISE = "plain fine-tuning", "head only", "WiSE-FT"
# Method -> (what its setting is called, the settings tried). Every method tries three.
METHODS = {
    PLAIN: ("head rate", (3e-3, 1e-2, 3e-2)),
    HEAD_ONLY: ("head rate", (3e-3, 1e-2, 3e-2)),
    "small backbone rate": ("ratio", (30.0, 100.0, 300.0)),
    "layer-wise decay": ("decay", (0.8, 0.65, 0.5)),
    "gradual unfreezing": ("epochs of the head alone", (1, 2, 3)),
    "L2-SP": ("strength", (0.1, 1.0, 10.0)),
    "EWC": ("strength", (1e3, 1e4, 1e5)),
    "LwF": ("strength", (0.3, 1.0, 3.0)),
    "replay": ("strength", (0.1, 0.3, 1.0)),
    WISE: ("share of the way", (0.3, 0.5, 0.7)),
}
DOTS = dict(zip(METHODS, (
    ("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#000000", "X"), ("#E69F00", "P"),
    ("#CC79A7", "D"), ("#56B4E9", "v"), ("#8C6D1F", "*"), ("#5D3A9B", "h"), ("#666666", "p"),
), strict=True))  # fmt: skip


def c19_trials(size: dict) -> list[dict]:
    common = {key: size[key] for key in ("task", "train", "epochs", "batch", "source_pictures")}
    return [
        {**common, "seed": seed, "method": method, "setting": setting}
        for seed in size["seeds"]
        for method, settings in size["methods"].items()
        for setting in settings
    ] + _baselines(size)


def _method(name: str, setting: float, epochs: int):
    """(changes of full fine-tuning, mitigation) of a method with a setting."""
    from course_lib.train.forgetting import EWC, L2SP, LwF, Replay

    changes = {
        PLAIN: lambda: {"lr": setting},
        HEAD_ONLY: lambda: {"lr": setting, "trainable": 0},
        "small backbone rate": lambda: {"head_lr_ratio": setting},
        "layer-wise decay": lambda: {"layer_decay": setting},
        "gradual unfreezing": lambda: {"head_epochs": setting, "unfreeze_every": 1},
    }.get(name, dict)()
    mitigation = {
        "L2-SP": lambda: L2SP(setting),
        "EWC": lambda: EWC(setting, _fisher()),
        "LwF": lambda: LwF(setting),
        "replay": lambda: Replay(_old(OLD_FOR_TRAINING), setting),
    }.get(name, lambda: None)()
    return changes, mitigation


@lru_cache(maxsize=2)
def _ends(key: str):
    """(start, end) of a line of weights: the frozen net with its trained head, and fine-tuned."""
    trial = json.loads(key)
    start = train({**trial, "strategy": {"trainable": 0}}).model
    return start, train({**trial, "strategy": trial.get("strategy", {})}).model


def _line(trial: dict):
    keys = ("task", "train", "seed", "epochs", "batch", "strategy")
    return _ends(json.dumps({key: trial[key] for key in keys if key in trial}, sort_keys=True))


def mitigated(trial: dict) -> dict:
    """Target and source accuracy of one method with one setting, or a baseline."""
    from course_lib import evaluate
    from course_lib.train.forgetting import interpolate

    if trial["method"] in BASELINES:
        return _baseline(trial)
    task = load(trial)
    seconds = 0.0
    if trial["method"] == WISE:
        model = interpolate(*_line(trial), trial["setting"])
    else:
        changes, mitigation = _method(trial["method"], trial["setting"], trial["epochs"])
        run = train({**trial, "strategy": changes}, mitigation)
        model, seconds = run.model, run.seconds
    n = trial["source_pictures"]
    return {
        "test": evaluate(model, task),
        "validation": evaluate(model, task, "validation"),
        "source": left(model, n),
        "selection": _left_for_selection(model, n // 2),
        "seconds": seconds,
    }


def _left_for_selection(model, n: int) -> float:
    from course_lib.train.forgetting import source_accuracy

    return source_accuracy(model, backbone().head, _selection(n))


@lru_cache(maxsize=2)
def _selection(n: int):
    from course_lib.train.forgetting import source_pictures

    return source_pictures(backbone(), n, split="train", seed=1)


def _settings(rows: list[Row], method: str) -> list[float]:
    return sorted({row["setting"] for row in rows if row["method"] == method})


def _choose(rows: list[Row]) -> dict[str, float]:
    """The setting of each method, chosen without test pictures.

    Plain fine-tuning and the head alone: best on validation. A mitigation: the one that keeps most
    of the source (on pictures that are not reported) among those whose validation accuracy is
    within one standard error of plain fine-tuning's; when none is, the best on validation.
    """

    def validation(method: str, setting: float, key: str = "validation") -> np.ndarray:
        return scores(rows, key, method=method, setting=setting)

    def best(method: str) -> float:
        return max(_settings(rows, method), key=lambda s: validation(method, s).mean())

    plain = validation(PLAIN, best(PLAIN))
    chosen = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        if method in BASELINES:
            continue
        chosen[method] = best(method)
        if method in (PLAIN, HEAD_ONLY):
            continue
        good = [
            s for s in _settings(rows, method)
            if (validation(method, s) - plain).mean() >= -_error(validation(method, s) - plain)
        ]  # fmt: skip
        if good:
            chosen[method] = max(good, key=lambda s: validation(method, s, "selection").mean())
    return chosen


def _error(values: np.ndarray) -> float:
    """Standard error of the mean."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


KEPT = 0.05  # points of source accuracy that a mitigation must save


def c19_judge(rows: list[Row]) -> Finding:
    chosen = _choose(rows)

    def found(method: str, key: str) -> np.ndarray:
        return scores(rows, key, method=method, setting=chosen[method])

    plain = {key: found(PLAIN, key) for key in ("test", "source")}
    free, parts = [], []
    for method in chosen:
        if method in (PLAIN, HEAD_ONLY):
            continue
        gain, change = found(method, "source") - plain["source"], found(method, "test") - (
            plain["test"])  # fmt: skip
        if above(gain, KEPT) == "holds" and change.mean() >= -_error(change):
            free.append(method)
        parts.append(
            f"{method} ({METHODS[method][0]} {chosen[method]:g}) {gain.mean() * 100:+.0f} and "
            f"{change.mean() * 100:+z.1f} ± {100 * _error(change):.1f}"
        )
    verdict = "holds" if len(free) >= 2 else "holds in part" if free else "does not hold here"
    head = found(HEAD_ONLY, "test") if HEAD_ONLY in chosen else None
    sentence = (
        f"Plain fine-tuning ended at {with_spread(plain['test'])} on the new task and at "
        f"{with_spread(plain['source'])} on the source task. Points of source accuracy saved, and "
        "change of the test accuracy on the new task with its standard error: "
        + "; ".join(parts)
        + ". At no cost on the new task within one standard error: "
        + (", ".join(free) or "none")
        + "."
        + (f" The head alone, which forgets nothing, reached {with_spread(head)}."
           if head is not None else "")
        + " Baselines: "
        + ", ".join(f"{name} {mean(scores(rows, method=name)):.3f}" for name in BASELINES)
        + "."
    )  # fmt: skip
    alt = "Source accuracy against test accuracy on the new task, a point per method: " + "; ".join(
        f"{method} {found(method, 'test').mean():.2f}, {found(method, 'source').mean():.2f}"
        for method in chosen
    )
    return Finding(verdict, sentence, alt + ".")


def pareto(candidates: dict[str, tuple[float, float]]) -> list[str]:
    """Names that no other beats in both numbers, by rising first number."""
    front = [
        name for name, (a, b) in candidates.items()
        if not any(
            (c >= a and d >= b) and (c > a or d > b)
            for other, (c, d) in candidates.items() if other != name
        )
    ]  # fmt: skip
    return sorted(front, key=lambda name: candidates[name][0])


def c19_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    chosen = _choose(rows)
    fig, ax = plt.subplots(figsize=(8.6, 5.2), layout="constrained")
    middle = {}
    for method, setting in chosen.items():
        color, marker = DOTS[method]
        for other in _settings(rows, method):
            x, y = (
                scores(rows, k, method=method, setting=other).mean() for k in ("test", "source")
            )
            ax.plot(x, y, marker, color=color, alpha=0.28, ms=6, mew=0)
        x, y = (scores(rows, k, method=method, setting=setting) for k in ("test", "source"))
        ax.errorbar(x.mean(), y.mean(), xerr=_error(x), yerr=_error(y), color=color, marker=marker,
                    ms=9, lw=1.2, ls="", label=method)  # fmt: skip
        middle[method] = (x.mean(), y.mean())
    front = [middle[name] for name in pareto(middle)]
    ax.step(*zip(*front, strict=True), where="post", color="#999999", lw=1.3, zorder=0)
    for name, dash in zip(BASELINES, (":", "--"), strict=True):
        ax.axvline(mean(scores(rows, method=name)), color="#999999", ls=dash, lw=1.1)
        ax.annotate(
            name, (mean(scores(rows, method=name)), 0.01), xycoords=ax.get_xaxis_transform(),
            rotation=90, xytext=(3, 0), textcoords="offset points", color="#666666", fontsize=8.5,
        )  # fmt: skip
    ax.set_xlabel("test accuracy on the new task (bars: one standard error)")
    ax.set_ylabel("accuracy left on the source task")
    ax.set_ylim(0, 1.02)
    ax.set_title("Better on both: up and to the right")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9.5)
    return fig


# ---------------------------------------------------------------- C20: the batch-norm pitfall


EVAL, TRAIN_MODE = "eval mode", "train mode"
MODES = {EVAL: "eval", TRAIN_MODE: "adapt"}


def c20_trials(size: dict) -> list[dict]:
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
    from course_lib.train.forgetting import check_frozen

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


def c20_judge(rows: list[Row]) -> Finding:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    batches = sorted({row["batch"] for row in rows})

    def lost(task: str, batch: int, mode: str = TRAIN_MODE) -> np.ndarray:
        mine = {"task": task, "batch": batch, "mode": mode}
        return scores(rows, "before", **mine) - scores(rows, "source", **mine)

    verdicts, parts = [], []
    for task in tasks:
        verdicts += [above(lost(task, batch), 0.05) for batch in batches]
        verdicts.append(above(lost(task, batches[0]) - lost(task, batches[-1])))
        effect = [
            scores(rows, task=task, batch=batch, mode=TRAIN_MODE)
            - scores(rows, task=task, batch=batch, mode=EVAL)
            for batch in batches
        ]
        parts.append(
            f"on {task} it lost "
            + ", ".join(f"{points(lost(task, b).mean())} at batches of {b}" for b in batches)
            + " of source accuracy, and the test accuracy on the new task changed by "
            + ", ".join(f"{100 * e.mean():+.1f}" for e in effect)
            + " points"
        )
    still = max(abs(lost(task, b, EVAL)).max() for task in tasks for b in batches)
    buffers = max(row["buffers_changed"] for row in rows)
    sentence = (
        f"No parameter of the backbone changed in any run. In train mode {buffers} buffers did: "
        + "; ".join(parts)
        + f". In eval mode the source accuracy changed by {points(still)} at most."
    )
    alt = "Source accuracy against batch size, with batch norm in eval and in train mode: " + (
        "; ".join(
            f"{task}, {mode}: "
            + ", ".join(
                f"{mean(scores(rows, 'source', task=task, mode=mode, batch=b)):.2f} at {b}"
                for b in batches
            )
            for task in tasks
            for mode in MODES
        )
    )
    return Finding(together(verdicts), sentence, alt + ".")


def c20_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    tasks = list(dict.fromkeys(row["task"] for row in rows))
    batches = sorted({row["batch"] for row in rows})
    fig, axes = plt.subplots(
        1, 2 * len(tasks), figsize=(4.2 * 2 * len(tasks) ** 0.7, 3.7), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for i, task in enumerate(tasks):
        for ax, key in zip(axes[0][2 * i : 2 * i + 2], ("source", "test"), strict=True):
            for mode, color, marker, dash in (
                (EVAL, "#0072B2", "s", "-"), (TRAIN_MODE, "#D55E00", "o", "--")
            ):  # fmt: skip
                found = np.array(
                    [scores(rows, key, task=task, mode=mode, batch=b) for b in batches]
                )
                ax.fill_between(batches, found.min(1), found.max(1), color=color, alpha=0.15, lw=0)
                ax.plot(batches, found.mean(1), color=color, marker=marker, ls=dash, label=mode)
            ax.set_xscale("log")
            ax.set_xticks(batches, [str(b) for b in batches])
            ax.minorticks_off()
            ax.set_ylim(0, 1.02)
            ax.set_xlabel("batch size")
            ax.set_title(f"{task}: " + ("source task" if key == "source" else "new task"))
    axes[0][0].set_ylabel("accuracy")
    axes[0][0].legend(loc="lower right", title="batch norm in", fontsize=9)
    return fig


# ---------------------------------------------------------------- C21: between start and end


def c21_trials(size: dict) -> list[dict]:
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
    from course_lib import evaluate
    from course_lib.train.forgetting import interpolate, recompute_statistics

    task = load(trial)
    new = old = interpolate(*_line(trial), trial["share"])
    if trial["statistics"] == "recomputed":
        new = recompute_statistics(new, task.train.pictures)
        old = recompute_statistics(old, _old(OLD_FOR_TRAINING).pictures)
    return {"test": evaluate(new, task), "source": left(old, trial["source_pictures"])}


HALF = 0.5  # the share at which the rule asks, so that none is picked after the fact


def c21_judge(rows: list[Row]) -> Finding:
    shares = sorted({row["share"] for row in rows})

    def at(share: float, key: str, statistics: str = "kept") -> np.ndarray:
        return scores(rows, key, share=share, statistics=statistics)

    inner = [share for share in shares if 0 < share < 1]
    gain = at(HALF, "source") - at(1, "source")
    change = at(HALF, "test") - at(1, "test")
    lower = np.minimum(at(0, "test"), at(1, "test"))
    valley = min(((at(share, "test") - lower) for share in inner), key=np.mean)
    verdict = together([above(gain, 0.05), above(change, -0.01), above(valley, -0.02)])
    again = [row for row in rows if row["statistics"] == "recomputed"]
    sentence = (
        f"At the start the test accuracy on the new task was {with_spread(at(0, 'test'))} and the "
        f"source accuracy {with_spread(at(0, 'source'))}; at the end {with_spread(at(1, 'test'))} "
        f"and {with_spread(at(1, 'source'))}. Half way they were "
        f"{with_spread(at(HALF, 'test'))} and {with_spread(at(HALF, 'source'))}: "
        f"{points(gain.mean())} of the source task back for {100 * change.mean():+z.1f} points on "
        f"the new one (95 % interval {100 * interval(change)[0]:z.1f} to "
        f"{100 * interval(change)[1]:z.1f}). "
        + ("Nowhere on the way did the new task fall below both ends by more than "
           f"{points(max(0.0, -valley.mean()))}: start and end lie in one basin."
           if above(valley, -0.02) == "holds" else
           f"On the way the new task fell below both ends by {points(max(0.0, -valley.mean()))}.")
        + (f" With batch-norm statistics recomputed for each task the same point stood at "
           f"{with_spread(at(HALF, 'test', 'recomputed'))} and "
           f"{with_spread(at(HALF, 'source', 'recomputed'))}." if again else "")
    )  # fmt: skip
    alt = "Test and source accuracy against the share of the way from start to end: " + "; ".join(
        f"{share:g}: {at(share, 'test').mean():.2f} and {at(share, 'source').mean():.2f}"
        for share in shares
    )
    return Finding(verdict, sentence, alt + ".")


def c21_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import label_ends

    shares = sorted({row["share"] for row in rows})
    kinds = sorted({row["statistics"] for row in rows})
    fig, (left_ax, right_ax) = plt.subplots(
        1, 2, figsize=(10.5, 3.9), width_ratios=(1.3, 1), layout="constrained"
    )
    names = {"test": "new task", "source": "source task"}
    colors = {"test": "#0072B2", "source": "#D55E00"}
    ends = {}
    for key, color in colors.items():
        for kind in kinds:
            found = np.array([scores(rows, key, share=s, statistics=kind) for s in shares])
            dash = "-" if kind == "kept" else ":"
            if kind == "kept":
                left_ax.fill_between(
                    shares, found.min(1), found.max(1), color=color, alpha=0.15, lw=0
                )
                ends[names[key]] = found.mean(1)[-1]
            left_ax.plot(
                shares, found.mean(1), color=color, ls=dash, marker="os"[key == "source"],
                mfc=color if kind == "kept" else "white",
            )  # fmt: skip
    left_ax.set_ylim(0, 1.02)
    note = " (dotted: statistics recomputed)" if len(kinds) > 1 else ""
    left_ax.set_xlabel("share of the way from start to end" + note)
    left_ax.set_ylabel("accuracy")
    left_ax.set_title("Walking from start to end")
    label_ends(left_ax, ends, {names[key]: color for key, color in colors.items()})
    x, y = ([scores(rows, k, share=s, statistics="kept").mean() for s in shares]
            for k in ("test", "source"))  # fmt: skip
    right_ax.plot(x, y, color="#666666", marker="p")
    for share, a, b in zip(shares, x, y, strict=True):
        right_ax.annotate(f"{share:g}", (a, b), xytext=(6, 4), textcoords="offset points",
                          fontsize=9)  # fmt: skip
    right_ax.set_ylim(0, 1.02)
    right_ax.margins(x=0.15)
    right_ax.set_xlabel("test accuracy on the new task")
    right_ax.set_ylabel("source accuracy")
    right_ax.set_title("The same walk on the plane")
    return fig


# ---------------------------------------------------------------- the claims

_LIVE = {"task": "digits", "train": 60, "seeds": (0, 1, 2), "epochs": 6, "batch": 16,
         "source_pictures": 150}  # fmt: skip
_QUICK = {**_LIVE, "train": 40, "seeds": (0, 1), "epochs": 2, "source_pictures": 60}
_STUDY = {**_LIVE, "train": 100, "seeds": (0, 1, 2, 3, 4), "epochs": 8, "source_pictures": REPORTED}
_SWEEP = {key: value for key, value in _LIVE.items() if key != "epochs"}

CLAIMS = (
    Claim(
        tag="C18",
        lesson="04",
        statement="Forgetting grows with the rate, with the epochs and with the narrowness of the "
        "new task.",
        rule="in each of three sweeps the harshest setting loses over 5 points more source "
        "accuracy than the mildest (95 % intervals of the paired differences over draws). All: "
        "holds; some: holds in part.",
        trials=c18_trials,
        measure=forgetting,
        judge=c18_judge,
        draw=c18_draw,
        live={**_SWEEP, "rate": (1e-4, 1e-3), "usual_rate": 5e-4, "epochs": (2, 8),
              "usual_epochs": 4, "classes": (2, 10)},
        quick={**_SWEEP, "train": 40, "seeds": (0, 1), "source_pictures": 60, "rate": (1e-4, 1e-3),
               "usual_rate": 1e-3, "epochs": (1, 3), "usual_epochs": 1, "classes": (2, 10)},
        full={**_SWEEP, "train": 100, "seeds": (0, 1, 2, 3, 4), "source_pictures": REPORTED,
              "rate": (1e-4, 3e-4, 1e-3, 3e-3), "usual_rate": 5e-4, "epochs": (2, 8, 20),
              "usual_epochs": 8, "classes": (2, 5, 10)},
    ),
    Claim(
        tag="C19",
        lesson="04",
        statement="Forgetting can be held back without losing on the new task.",
        rule="at least two mitigations keep over 5 points more source accuracy than plain "
        "fine-tuning (95 % interval of the paired differences over draws) while their test "
        "accuracy is not lower by more than one standard error; every method has as many settings "
        "to choose from, chosen without test pictures. One: holds in part.",
        trials=c19_trials,
        measure=mitigated,
        judge=c19_judge,
        draw=c19_draw,
        live={**_LIVE, "methods": {PLAIN: (1e-2,), "small backbone rate": (100.0,),
                                   "L2-SP": (1.0,), "LwF": (1.0,), "replay": (0.3,), WISE: (0.5,)}},
        quick={**_QUICK, "methods": {PLAIN: (1e-2,), "L2-SP": (1.0,), WISE: (0.5,)}},
        full={**_STUDY, "methods": {name: settings for name, (_, settings) in METHODS.items()}},
    ),
    Claim(
        tag="C20",
        lesson="04",
        statement="A backbone whose parameters are frozen still forgets when its batch norm is in "
        "train mode, and small batches do the most damage.",
        rule="in train mode the source accuracy falls by over 5 points at every batch size, and by "
        "more at the smallest than at the largest (95 % intervals over draws), on each task. All: "
        "holds; some: holds in part.",
        trials=c20_trials,
        measure=pitfall,
        judge=c20_judge,
        draw=c20_draw,
        live={**{k: v for k, v in _LIVE.items() if k != "task"}, "epochs": 4,
              "tasks": ("digits",), "batches": (2, 8, 32)},
        quick={**{k: v for k, v in _QUICK.items() if k != "task"}, "tasks": ("digits",),
               "batches": (2, 32)},
        full={**{k: v for k, v in _STUDY.items() if k != "task"},
              "tasks": ("digits", "new-shapes"), "batches": (2, 8, 32)},
    ),
    Claim(
        tag="C21",
        lesson="04",
        statement="Between the start and the fine-tuned end lie weights that do well on both.",
        rule="half way the source accuracy is over 5 points above the end's and "
        "the test accuracy on the new task is less than 1 point below the end's; and nowhere on "
        "the way does it fall over 2 points below both ends (95 % intervals over draws). All: "
        "holds; some: holds in part.",
        trials=c21_trials,
        measure=between,
        judge=c21_judge,
        draw=c21_draw,
        live={**_LIVE, "ratio": 10.0, "shares": (0.0, 0.25, 0.5, 0.75, 1.0),
              "statistics": ("kept",)},
        quick={**_QUICK, "ratio": 10.0, "shares": (0.0, 0.5, 1.0), "statistics": ("kept",)},
        full={**_STUDY, "ratio": 10.0, "shares": (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0),
              "statistics": ("kept", "recomputed")},
    ),
)  # fmt: skip


# ---------------------------------------------------------------- the loss surface of lesson 04


LANDSCAPE = RESULTS / "landscape.json"  # made by `python benchmarks/landscape.py`
PATHS = {"small backbone rate": 100.0, "ten times that": 10.0}  # name -> ratio


def surface(
    points: int = 11,
    pictures: int = 128,
    epochs: int = 8,
    train: int = 100,
    every: int = 8,
    directions: str = "paths",
):
    """Two fine-tunings of the digits on the surface of the source loss: a see.landscape.Landscape.

    In the image world on every track, since the source pictures are its.

    points: places per side. pictures: source pictures that the loss is the mean of. every: steps
    between two points of a path. directions: "paths" or "random".
    """
    from course_lib import load_backbone, load_task, prepare_run
    from course_lib.see import landscape as see
    from course_lib.train.forgetting import source_pictures

    if directions not in ("paths", "random"):
        raise CourseError(f'directions must be "paths" or "random"; got {directions!r}.')
    net, task, paths = load_backbone("worldnet"), load_task("digits", train=train, seed=0), {}
    for name, ratio in PATHS.items():
        strategy = replace(S.FULL_FINE_TUNING, head_lr_ratio=ratio)
        run = prepare_run(net, task, strategy, epochs, batch_size=16, validate_every=0, test=False)
        path = [see.weights(net)]
        for tick in run.ticks():
            if tick.kind == "train" and (tick.step % every == 0):
                path.append(see.weights(run.model))
        paths[name] = path
    plane = (
        see.path_plane(net, list(paths.values()))
        if directions == "paths"
        else see.random_plane(net)
    )
    return see.landscape(net, plane, source_pictures(net, pictures), paths, points)


def stored_surface():
    """The finer surface that `python benchmarks/landscape.py` stored."""
    from course_lib.see.landscape import Landscape

    return Landscape.from_json(json.loads(LANDSCAPE.read_text(encoding="utf-8"))["landscape"])
