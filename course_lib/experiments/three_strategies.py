"""Lesson 02: scratch, feature extraction, fine-tuning, full fine-tuning (C06 to C08, C10, C35).

C09 and C12 are in size_and_similarity.py; C11, C13 and C36 in unfreezing.py.
"""

from functools import lru_cache

import numpy as np

from course_lib.experiments import size_and_similarity, trials, unfreezing
from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import (
    BASELINES,
    FINE,
    FULL,
    HEAD_ONLY,
    LANES,
    SCRATCH,
    STRATEGIES,
    axes,
    baseline_lines,
    draw_bars,
    draw_sizes,
    grid,
    in_order,
    scores,
    transfer,
)
from course_lib.measure.statistics import above, interval, mean, points, together, with_spread

# ---------------------------------------------------------------- C06: frozen against scratch


def c06_trials(size: dict) -> list[dict]:
    return grid(size, [size["train"]], (SCRATCH, HEAD_ONLY, *BASELINES))


def c06_judge(rows: list[Row]) -> Finding:
    scratch, head = (scores(rows, strategy=name) for name in (SCRATCH, HEAD_ONLY))
    gap = head - scratch
    low, high = interval(gap)
    pixels, random = (mean(scores(rows, strategy=name)) for name in BASELINES)
    sentence = (
        f"With {rows[0]['train']} labels, a new head on the frozen backbone reached "
        f"{with_spread(head)} and a net trained from scratch {with_spread(scratch)}: "
        f"{points(mean(gap))} apart (95 % interval {100 * low:.0f} to {100 * high:.0f}, "
        f"{len(gap)} draws). Logistic regression on the pixels reached {pixels:.3f}, on the "
        f"features of a random net {random:.3f}."
    )
    alt = (
        "Dots for each draw and a bar for the mean: "
        + ", ".join(f"{n} {mean(scores(rows, strategy=n)):.2f}" for n in in_order(rows))
        + "."
    )
    return Finding(above(gap, 0.2), sentence, alt)


# ---------------------------------------------------------------- C35: scratch memorises


def c35_trials(size: dict) -> list[dict]:
    return grid(size, [size["train"]], (SCRATCH, HEAD_ONLY, FULL, *BASELINES))


def c35_judge(rows: list[Row]) -> Finding:
    gaps = {
        name: scores(rows, "train_accuracy", strategy=name) - scores(rows, strategy=name)
        for name in (SCRATCH, HEAD_ONLY, FULL)
    }
    fitted = mean(scores(rows, "train_accuracy", strategy=SCRATCH))
    verdict = together(
        [above(gaps[SCRATCH] - gaps[name], 0.1) for name in (HEAD_ONLY, FULL)]
        + [above(scores(rows, "train_accuracy", strategy=SCRATCH), 0.8)]
    )
    sentence = (
        f"In its last pass the net from scratch was right on {fitted:.0%} of the pictures it "
        f"trained on and on {mean(scores(rows, strategy=SCRATCH)):.0%} of new ones, a gap of "
        f"{points(mean(gaps[SCRATCH]))}. The gap was {points(mean(gaps[HEAD_ONLY]))} for the "
        f"new head alone and {points(mean(gaps[FULL]))} when every weight was fine-tuned from "
        "the pretrained start: the start, not the number of weights, is what keeps it from "
        "memorising."
    )
    alt = "Accuracy on training and on test pictures: " + "; ".join(
        f"{name} {mean(scores(rows, 'train_accuracy', strategy=name)):.2f} and "
        f"{mean(scores(rows, strategy=name)):.2f}"
        for name in gaps
    )
    return Finding(verdict, sentence, alt + ".")


def c35_draw(rows: list[Row]):
    from course_lib.measure.figures import LOOKS

    names = [SCRATCH, HEAD_ONLY, FULL][::-1]
    fig, ax = axes(rows, height=2.9)
    for place, name in enumerate(names):
        color = LOOKS[name].color
        train, test = (scores(rows, k, strategy=name) for k in ("train_accuracy", "test"))
        ax.plot([test.mean(), train.mean()], [place, place], color=color, lw=5, alpha=0.25)
        ax.plot(train, np.full(len(train), place), "o", mfc="white", color=color, ms=8)
        ax.plot(test, np.full(len(test), place), LOOKS[name].marker, color=color, ms=7)
        middle = (train.mean() + test.mean()) / 2
        gap = 100 * (train.mean() - test.mean())
        ax.text(middle, place + 0.17, f"gap {gap:.0f}", ha="center", color=color, fontsize=9.5)
    baseline_lines(ax, rows, vertical=True)
    ax.set_yticks(range(3), names)
    ax.set_ylim(-0.5, 2.6)
    ax.set_xlim(0, 1.03)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("accuracy: hollow circles on training pictures, filled marks on test pictures")
    ax.set_title(f"Learnt or memorised? {rows[0]['train']} labels")
    return fig


# ---------------------------------------------------------------- C07: the race


def c07_trials(size: dict) -> list[dict]:
    return [
        {
            "task": size["task"],
            "train": size["train"],
            "seed": seed,
            "strategy": name,
            "epochs": size["epochs"],
            "batch": size["batch"],
        }
        for name in (*LANES, *BASELINES)
        for seed in size["seeds"]
    ]


def race(trial: dict) -> dict:
    """One lane: the validation score after every epoch and the seconds of training until then."""
    if trial["strategy"] in BASELINES:
        return transfer({**trial, "rates": ()})
    return dict(_race(*trial.values()))


@lru_cache(maxsize=128)
def _race(task, train, seed, strategy, epochs, batch) -> dict:
    from course_lib import fit, load_task
    from course_lib.data.task import quickly_validated

    target = quickly_validated(load_task(task, train=train, seed=seed))
    run = fit(
        trials.backbone(),
        target,
        STRATEGIES[strategy],
        epochs,
        batch_size=batch,
        seed=seed,
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


def c07_judge(rows: list[Row]) -> Finding:
    scratch, head, fine, full = (
        sorted(select(rows, strategy=name), key=lambda row: row["seed"])
        for name in (SCRATCH, HEAD_ONLY, FINE, FULL)
    )
    best_fine = [max(a["test"], b["test"]) for a, b in zip(fine, full, strict=True)]
    behind = [h["validation"][0] - s["validation"][0] for h, s in zip(head, scratch, strict=True)]
    flat = [h["validation"][-1] - h["validation"][len(h["clock"]) // 2] for h in head]
    climb = [b - h["test"] for b, h in zip(best_fine, head, strict=True)]
    last = [h["test"] - s["test"] for h, s in zip(head, scratch, strict=True)]
    parts = {
        "the frozen net leads after one pass": above(behind),
        "it gains less than 3 points in its second half": above([0.03 - f for f in flat]),
        "fine-tuning ends above it": above(climb),
        "scratch ends last": above(last),
    }
    sentence = (
        f"After one pass over {rows[0]['train']} labels the frozen net led scratch by "
        f"{points(mean(behind))}; in the second half of its epochs it gained "
        f"{points(mean(flat))}. At the end the better of the two fine-tunings stood "
        f"{points(mean(climb))} above it and scratch {points(mean(last))} below. Seconds of "
        f"training: {mean([r['seconds'] for r in head]):.1f} frozen, "
        f"{mean([r['seconds'] for r in fine]):.1f} fine-tuning, "
        f"{mean([r['seconds'] for r in full]):.1f} full fine-tuning, "
        f"{mean([r['seconds'] for r in scratch]):.1f} scratch. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Validation accuracy against seconds of training for four strategies. At the end: " + (
        ", ".join(
            f"{name} {mean([r['validation'][-1] for r in select(rows, strategy=name)]):.2f}"
            for name in LANES
        )
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c07_draw(rows: list[Row]):
    from course_lib.measure.figures import label_ends, look

    fig, ax = axes(rows)
    ends = {}
    for name in LANES:
        lanes = select(rows, strategy=name)
        clock = np.mean([lane["clock"] for lane in lanes], 0)
        curves = np.array([lane["validation"] for lane in lanes])
        low, high = curves.min(0), curves.max(0)
        ax.fill_between(clock, low, high, color=look(name)["color"], alpha=0.15, lw=0)
        ax.plot(clock, curves.mean(0), **look(name))
        ends[name] = curves.mean(0)[-1]
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.set_xlabel("seconds of training on this machine (mean of the seeds)")
    ax.set_ylabel("validation accuracy")
    ax.set_title(f"The race: {rows[0]['train']} labels, {rows[0]['epochs']} epochs each")
    baseline_lines(ax, rows)
    label_ends(ax, ends)
    return fig


# ---------------------------------------------------------------- C08: less and less data


def c08_trials(size: dict) -> list[dict]:
    most = max(size["trains"])
    return grid(size, size["trains"], size["strategies"]) + grid(size, [most], BASELINES)


def c08_judge(rows: list[Row]) -> Finding:
    sizes = sorted({row["train"] for row in rows})
    few, many = sizes[0], sizes[-1]

    def gap(train: int) -> np.ndarray:
        return scores(rows, strategy=HEAD_ONLY, train=train) - scores(
            rows, strategy=SCRATCH, train=train
        )

    falls = {
        name: scores(rows, strategy=name, train=many) - scores(rows, strategy=name, train=few)
        for name in in_order(rows)
        if name not in BASELINES
    }
    gaps = {train: mean(gap(train)) for train in sizes}
    others = [name for name in falls if name != SCRATCH]
    verdict = together([above(falls[SCRATCH] - falls[name]) for name in others])
    widest = max(gaps, key=gaps.get)
    sentence = (
        f"From {many} labels down to {few}, scratch lost {points(mean(falls[SCRATCH]))}, "
        + " and ".join(f"{name} {points(mean(falls[name]))}" for name in others)
        + ". The gap between frozen and scratch was "
        + ", ".join(f"{points(gaps[train])} at {train}" for train in sizes)
        + f"; it was widest at {widest} labels. "
        + _catch_up(rows, sizes)
        + _floor(rows, few)
    )
    alt = "Test accuracy against number of labels on a logarithmic axis. " + "; ".join(
        f"{name}: "
        + ", ".join(f"{mean(scores(rows, strategy=name, train=t)):.2f} at {t}" for t in sizes)
        for name in falls
    )
    return Finding(verdict, sentence, alt + ".")


def _catch_up(rows: list[Row], sizes: list[int]) -> str:
    for train in sizes:
        scratch = mean(scores(rows, strategy=SCRATCH, train=train))
        if scratch >= mean(scores(rows, strategy=HEAD_ONLY, train=train)):
            return f"Scratch caught up with the frozen net at {train} labels."
    return f"Scratch did not catch up within {sizes[-1]} labels."


def _floor(rows: list[Row], few: int) -> str:
    """What scratch still had to lose, when that is little: nothing falls below chance."""
    from course_lib.data.tasks import available_tasks

    classes = next(task.classes for task in available_tasks() if task.name == rows[0]["task"])
    left = mean(scores(rows, strategy=SCRATCH, train=few)) - 1 / classes
    if left > 0.1:
        return ""
    return (
        f" At {few} labels scratch stood {points(left)} above guessing (1 in {classes}), so it had "
        "little left to lose: where scratch hardly works at all, its curve is flat, and the claim "
        "speaks of a range that starts further to the right."
    )


# ---------------------------------------------------------------- C10: what each strategy costs


def c10_trials(size: dict) -> list[dict]:
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
        for name in (SCRATCH, FULL, FINE, HEAD_ONLY)
        for cache in (False, True)
        if not (cache and name in (SCRATCH, FULL))
    ]


def cost(trial: dict) -> dict:
    """Seconds of the epochs after the first, parameters, and bytes held by one training step."""
    from course_lib import fit, load_task

    target = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    strategy = STRATEGIES[trial["strategy"]]
    run = fit(
        trials.backbone(),
        target,
        strategy,
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


def step_bytes(run, batch: int) -> int:
    """Memory of one training step of a run: weights, gradients, optimizer state, kept activations.

    Counted, not sampled: every tensor that autograd keeps for the backward pass (each storage once,
    parameters apart), the parameters, and for those that learn a gradient and AdamW's two moments.
    """
    from course_lib.experiments.memory import kept_bytes
    from course_lib.train.loop import frozen_part, set_trainable

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


def c10_judge(rows: list[Row]) -> Finding:
    def values(name: str, cache: bool, key: str = "epoch") -> np.ndarray:
        return scores(rows, key, strategy=name, cache=cache)

    plain = values(FULL, False) / values(HEAD_ONLY, False)
    cached = values(FULL, False) / values(HEAD_ONLY, True)
    parameters = {n: select(rows, strategy=n)[0]["trainable_parameters"] for n in (HEAD_ONLY, FULL)}
    memory = {n: select(rows, strategy=n)[0]["megabytes"] for n in (HEAD_ONLY, FULL)}
    verdict = together([above(plain, 1.5), above(cached, 10)])
    sentence = (
        f"The new head alone has {parameters[HEAD_ONLY]:,} trainable numbers, full fine-tuning "
        f"{parameters[FULL]:,}. An epoch of full fine-tuning took {mean(plain):.1f} times as long "
        f"as one of feature extraction without a cache (the frozen layers are still computed, "
        f"only their gradients are not) and {mean(cached):.0f} times as long as one with the "
        f"features kept. One training step held {memory[HEAD_ONLY]:.0f} MB against "
        f"{memory[FULL]:.0f} MB."
    )
    alt = (
        "Seconds per epoch as bars on a logarithmic axis, without and with kept features: "
        + ", ".join(
            f"{name}{' cached' if cache else ''} {mean(values(name, cache)):.3f} s"
            for name, cache in _costs(rows)
        )
        + "."
    )
    return Finding(verdict, sentence, alt)


def _costs(rows: list[Row]) -> list[tuple[str, bool]]:
    return list(dict.fromkeys((row["strategy"], row["cache"]) for row in rows))


def c10_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    lanes = _costs(rows)[::-1]
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, width_ratios=(3, 2))
    for place, (name, cache) in enumerate(lanes):
        chosen = select(rows, strategy=name, cache=cache)
        seconds = np.array([row["epoch"] for row in chosen])
        color, hatch = LOOKS[name].color, "//" if cache else None
        left.barh(place, seconds.mean(), color=color, alpha=0.35, hatch=hatch, ec=color)
        left.plot(seconds, np.full(len(seconds), place), LOOKS[name].marker, color=color)
        left.text(seconds.max() * 1.3, place, f"{seconds.mean():.2g} s", va="center", fontsize=9)
        megabytes = chosen[0]["megabytes"]
        right.barh(place, megabytes, color=color, alpha=0.35, ec=color)
        right.text(megabytes * 1.03, place, f"{megabytes:.0f}", va="center", fontsize=9)
    left.set_xscale("log")
    left.set_xlim(right=left.get_xlim()[1] * 4)
    right.set_xlim(right=right.get_xlim()[1] * 1.15)
    left.set_yticks(
        range(len(lanes)), [f"{name}{', features kept' if cache else ''}" for name, cache in lanes]
    )
    left.set_xlabel(f"seconds per epoch, {rows[0]['train']} pictures")
    right.set_xlabel(f"MB held by a step of {rows[0]['batch']}")
    for ax in (left, right):
        ax.grid(axis="y", visible=False)
    left.set_title("What an epoch costs")
    right.set_title("and holds")
    return fig


# ---------------------------------------------------------------- the claims

_LIVE = {"task": "new-shapes", "seeds": (0, 1, 2), "batch": 16, "rates": (0.5, 2.0)}
_QUICK = {"task": "new-shapes", "seeds": (0, 1), "batch": 16, "rates": (1.0,)}
_STUDY = {
    "task": "new-shapes",
    "seeds": (0, 1, 2, 3, 4),
    "batch": 16,
    "rates": (0.1, 0.3, 1.0, 3.0),
}

CLAIMS = (
    Claim(
        tag="C06",
        lesson="02",
        statement="With little similar data the frozen backbone beats scratch by a wide margin.",
        rule="the 95 % interval of the gap in test accuracy, paired by draw, lies above 20 points; "
        "both strategies choose their rate on validation with the same budget.",
        trials=c06_trials,
        measure=transfer,
        judge=c06_judge,
        draw=draw_bars,
        live={**_LIVE, "train": 100, "epochs": 7},
        quick={**_QUICK, "train": 48, "epochs": 6},
        full={**_STUDY, "train": 100, "epochs": (15, 40)},
    ),
    Claim(
        tag="C07",
        lesson="02",
        statement="The race: scratch is slowest; frozen starts fast and flattens; fine-tuning "
        "climbs past it.",
        rule="four parts, each judged by the 95 % interval over draws: frozen leads after one "
        "pass; it gains less than 3 points in its second half; fine-tuning ends above it; scratch "
        "ends last. All four hold: holds; some: holds in part.",
        trials=c07_trials,
        measure=race,
        judge=c07_judge,
        draw=c07_draw,
        live={"task": "new-shapes", "train": 100, "seeds": (0, 1, 2), "batch": 16, "epochs": 4},
        quick={"task": "new-shapes", "train": 48, "seeds": (0,), "batch": 16, "epochs": 3},
        full={
            "task": "new-shapes",
            "train": 500,
            "seeds": (0, 1, 2, 3, 4),
            "batch": 16,
            "epochs": 20,
        },
    ),
    Claim(
        tag="C08",
        lesson="02",
        statement="As target data shrinks, scratch falls fastest.",
        rule="from the most to the fewest labels scratch loses more than any other strategy (95 % "
        "intervals of the paired differences above zero). Baselines: at the most labels.",
        trials=c08_trials,
        measure=transfer,
        judge=c08_judge,
        draw=lambda rows: draw_sizes(rows, "Less and less data"),
        # 700 pictures are 7 passes over 100 labels: those runs are kept from C06.
        live={
            **_LIVE,
            "strategies": (SCRATCH, HEAD_ONLY),
            "trains": (25, 100),
            "pictures": 700,
        },
        quick={
            **_QUICK,
            "seeds": (0,),
            "strategies": (SCRATCH, HEAD_ONLY),
            "trains": (24, 72),
            "pictures": 150,
        },
        full={
            **_STUDY,
            "seeds": (0, 1, 2),
            "rates": (0.3, 1.0),
            "strategies": (SCRATCH, HEAD_ONLY, FULL),
            "trains": (24, 60, 150, 400, 1_000),
            "pictures": 3_000,
        },
    ),
    Claim(
        tag="C10",
        lesson="02",
        statement="A frozen backbone is cheap: seconds per epoch, trainable parameters, memory.",
        rule="an epoch of full fine-tuning takes over 1.5 times as long as one of feature "
        "extraction without a cache, and over 10 times as long as one with features kept (95 % "
        "intervals of the ratios over repeats).",
        trials=c10_trials,
        measure=cost,
        judge=c10_judge,
        draw=c10_draw,
        live={"task": "new-shapes", "train": 128, "seeds": (0, 1, 2), "batch": 32, "epochs": 3},
        quick={"task": "new-shapes", "train": 64, "seeds": (0, 1), "batch": 32, "epochs": 2},
        full={
            "task": "new-shapes",
            "train": 1_000,
            "seeds": (0, 1, 2, 3, 4),
            "batch": 32,
            "epochs": 5,
        },
    ),
    Claim(
        tag="C35",
        lesson="02",
        statement="On little data a net from scratch memorises; a pretrained start regularises.",
        rule="scratch fits over 80 % of its training pictures, and its gap between training and "
        "test accuracy is over 10 points wider than that of both others (95 % intervals).",
        trials=c35_trials,
        measure=transfer,
        judge=c35_judge,
        draw=c35_draw,
        live={**_LIVE, "train": 100, "epochs": 7},
        quick={**_QUICK, "train": 48, "epochs": 6},
        full={**_STUDY, "train": 100, "epochs": (15, 40)},
    ),
    *size_and_similarity.CLAIMS,
    *unfreezing.CLAIMS,
)
