"""Trials that several claims share: a strategy trained and tuned like its rivals, baselines."""

from functools import lru_cache

import numpy as np

from course_lib.experiments.study import Row, select
from course_lib.measure.statistics import mean
from course_lib.train import strategies as S

SCRATCH, HEAD_ONLY = S.SCRATCH.name, S.FEATURE_EXTRACTION.name
FINE, FULL = S.FINE_TUNING.name, S.FULL_FINE_TUNING.name
PIXELS, RANDOM = "pixel logistic regression", "random frozen backbone"
BASELINES = (PIXELS, RANDOM)
LANES = (SCRATCH, HEAD_ONLY, FINE, FULL)
STRATEGIES = {strategy.name: strategy for strategy in (*S.ALL, *S.ONE_SCHEDULE)}


def transfer(trial: dict) -> dict:
    """Train one strategy once, its rate chosen on validation, and measure it on the test pictures.

    trial: task, train (labels in all), seed, strategy (or the name of a baseline), epochs, batch,
    rates (multiples of the strategy's own rate; every strategy gets as many).
    """
    if trial["strategy"] in BASELINES:
        return dict(_baseline(*(trial[key] for key in ("task", "train", "seed", "strategy"))))
    keys = ("task", "train", "seed", "strategy", "epochs", "batch", "rates")
    values = (trial[key] for key in keys)  # stored trials have been JSON: tuples became lists
    return dict(_transfer(*(tuple(v) if isinstance(v, list) else v for v in values)))


@lru_cache(maxsize=512)
def _baseline(task, train, seed, name) -> dict:
    from course_lib import load_task
    from course_lib.train.baselines import pixel_logistic_regression, random_frozen

    target = load_task(task, train=train, seed=seed)
    one = (
        pixel_logistic_regression(target)
        if name == PIXELS
        else random_frozen(backbone(), target, seed)
    )
    return {"test": one.test, "validation": one.validation, "seconds": one.seconds}


@lru_cache(maxsize=512)
def _transfer(task, train, seed, strategy, epochs, batch, rates) -> dict:
    from course_lib import load_task
    from course_lib.train.tuning import tune

    target = load_task(task, train=train, seed=seed)
    base = S.for_net(STRATEGIES[strategy], backbone())
    tuning = tune(
        backbone(),
        target,
        base,
        rates=[base.lr * rate for rate in rates],
        epochs=list(epochs) if isinstance(epochs, (list, tuple)) else epochs,
        batch_size=batch,
        seed=seed,
        widen=0,
        progress=False,
    )
    run = tuning.run
    return {
        "test": run.test,
        "validation": run.validation,
        "train_accuracy": run.history[-1].accuracy,
        "loss": run.history[-1].loss,
        "lr": run.strategy.lr,
        "chosen_epochs": len(run.history),
        "seconds": run.seconds,
        "tuning_seconds": tuning.seconds,
        "trainable_parameters": run.trainable_parameters,
    }


def backbone():
    """The pretrained backbone of the current track."""
    from course_lib.experiments import tracks

    return _backbone(tracks.current().backbone)


@lru_cache(maxsize=1)
def _backbone(name: str):
    from course_lib import load_backbone

    return load_backbone(name)


def grid(size: dict, trains, names) -> list[dict]:
    return [
        {
            "task": size["task"],
            "train": train,
            "seed": seed,
            "strategy": name,
            "epochs": passes(size, train),
            "batch": size["batch"],
            "rates": () if name in BASELINES else size["rates"],
        }
        for train in trains
        for name in names
        for seed in size["seeds"]
    ]


def passes(size: dict, train: int):
    """Passes over the data: as given, or as many as `pictures` seen in all come to."""
    if "pictures" not in size:
        return (
            tuple(size["epochs"]) if isinstance(size["epochs"], (list, tuple)) else size["epochs"]
        )
    return int(np.clip(round(size["pictures"] / train), 5, 40))


def scores(rows: list[Row], key: str = "test", **wanted) -> np.ndarray:
    """One value per seed, in the order of the seeds."""
    chosen = sorted(select(rows, **wanted), key=lambda row: row["seed"])
    return np.array([row[key] for row in chosen])


def axes(rows: list[Row], width: float = 7.2, height: float = 3.9):
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(width, height))


def metric_name(rows: list[Row]) -> str:
    return "test AUC" if rows[0]["task"] == "radiographs" else "test accuracy"


def in_order(rows: list[Row]) -> list[str]:
    seen = dict.fromkeys(row["strategy"] for row in rows)
    return [name for name in seen if name not in BASELINES] + [b for b in BASELINES if b in seen]


def draw_bars(rows: list[Row], key: str = "test", title: str | None = None):
    """One bar per strategy for the mean, a dot for every seed."""
    from course_lib.measure.figures import LOOKS

    names = in_order(rows)[::-1]
    fig, ax = axes(rows, height=0.55 * len(names) + 1.3)
    for place, name in enumerate(names):
        values = scores(rows, key, strategy=name)
        color = LOOKS[name].color
        ax.barh(place, values.mean(), color=color, alpha=0.28, height=0.62)
        ax.plot(values, np.full(len(values), place), LOOKS[name].marker, color=color, ms=6)
        ax.text(
            values.mean() + 0.012, place + 0.37, f"{values.mean():.2f}", color=color, fontsize=9
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_xlim(0, 1.02)
    ax.set_xlabel(metric_name(rows))
    ax.grid(axis="y", visible=False)
    ax.set_title(title or f"{rows[0]['train']} labels, {len(values)} draws of them")
    return fig


def baseline_lines(ax, rows: list[Row], vertical: bool = False) -> None:
    """The test scores of the baselines as thin lines across the axes."""
    from course_lib.measure.figures import LOOKS

    for place, name in enumerate(BASELINES):
        value, color = mean(scores(rows, strategy=name)), LOOKS[name].color
        line = ax.axvline if vertical else ax.axhline
        line(value, color=color, ls=":" if name == PIXELS else "--", lw=1.2)
        if not vertical:
            side = "left" if name == PIXELS else "right"
            ax.annotate(
                name,
                (0.01 if side == "left" else 0.99, value),
                xycoords=ax.get_yaxis_transform(),
                xytext=(0, 3),
                textcoords="offset points",
                ha=side,
                color=color,
                fontsize=8.5,
            )
        else:
            ax.annotate(
                name,
                (value, 0.02 + 0.1 * place),
                xycoords=ax.get_xaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                color=color,
                fontsize=8.5,
            )


def draw_sizes(rows: list[Row], title: str):
    """Score against number of labels, one line per strategy, bands from lowest to highest draw."""
    from course_lib.measure.figures import label_ends, look

    sizes = sorted({row["train"] for row in rows})
    fig, ax = axes(rows)
    ends = {}
    for name in in_order([row for row in rows if row["strategy"] not in BASELINES]):
        values = np.array([scores(rows, strategy=name, train=train) for train in sizes])
        color = look(name)["color"]
        ax.fill_between(sizes, values.min(1), values.max(1), color=color, alpha=0.15, lw=0)
        ax.plot(sizes, values.mean(1), **look(name))
        ends[name] = values.mean(1)[-1]
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(train) for train in sizes])
    ax.minorticks_off()
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("labelled pictures in all (band: lowest to highest draw)")
    ax.set_ylabel(metric_name(rows))
    ax.set_title(title)
    baseline_lines(ax, rows)
    label_ends(ax, ends)
    return fig
