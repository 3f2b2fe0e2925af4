"""Lesson 03: differential learning rates (C14 to C17)."""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import BASELINES, PIXELS, backbone, scores, transfer
from course_lib.measure.statistics import above, interval, mean, points, together, with_spread
from course_lib.train import strategies as S

SOURCE_PICTURES = 200  # measured after a run; while it goes on, as many as the trial says
LARGE, SMALL, DIFFERENTIAL = "one large rate", "one small rate", "ratio 100"
RATIO, DECAY = "head_lr_ratio", "layer_decay"  # fields of a Strategy that are swept
# Head rate and head rate / backbone rate, from the first step on: no warm-up that would hide it.
OVERWRITING = {
    LARGE: {"lr": 1e-2, RATIO: 1.0},
    SMALL: {"lr": 1e-4, RATIO: 1.0},
    DIFFERENTIAL: {"lr": 1e-2, RATIO: 100.0},
}
COLORS = {LARGE: "#D55E00", SMALL: "#0072B2", DIFFERENTIAL: "#009E73"}
MARKERS = {LARGE: "o", SMALL: "s", DIFFERENTIAL: "^"}
AT_ONCE, GRADUAL, LP_FT = "at once", "gradually, last first", "head first (LP-FT)"
SCHEDULES = {
    AT_ONCE: S.FULL_FINE_TUNING,
    GRADUAL: S.GRADUAL_ONE_SCHEDULE,
    LP_FT: S.LP_FT_ONE_SCHEDULE,
}


# ---------------------------------------------------------------- one run, shared by the claims


@lru_cache(maxsize=4)
def source(n: int):
    """n pictures of the source task, labelled for the old head; see forgetting.source_pictures."""
    from course_lib.train.forgetting import source_pictures

    return source_pictures(backbone(), n)


def tuned(trial: dict) -> dict:
    """Train with each head rate of the trial, keep the best on validation, measure that one.

    trial: task, train, seed, epochs, batch, and of the strategy the fields in `strategy`.
    """
    return json.loads(_tuned(json.dumps({**trial, "name": ""}, sort_keys=True)))


@lru_cache(maxsize=512)
def _tuned(key: str) -> str:
    from course_lib import load_task
    from course_lib.train.forgetting import source_accuracy
    from course_lib.train.tuning import tune

    trial = json.loads(key)
    tuning = tune(
        backbone(),
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
    found = {
        "test": run.test,
        "validation": run.validation,
        "source": source_accuracy(run.model, run.source_head, source(SOURCE_PICTURES)),
        "lr": run.strategy.lr,
        "seconds": run.seconds,
        "tuning_seconds": tuning.seconds,
    }
    return json.dumps(found)


def measure(trial: dict) -> dict:
    """A baseline or a tuned run, whichever the trial names."""
    if trial["name"] in BASELINES:  # the same one in every claim, so that it is measured once
        return transfer({**trial, "strategy": trial["name"], "epochs": 0, "batch": 0, "rates": ()})
    return tuned(trial)


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


def source_at_start() -> float:
    """Accuracy of the untouched backbone on the pictures that `tuned` measures."""
    from course_lib.train.forgetting import source_accuracy

    return source_accuracy(backbone(), backbone().head, source(SOURCE_PICTURES))


# ---------------------------------------------------------------- C14: overwritten at once


def c14_trials(size: dict) -> list[dict]:
    return [
        {
            **_common(size, seed),
            "name": name,
            "steps": size["steps"],
            "source_pictures": size["source_pictures"],
        }
        for name in OVERWRITING
        for seed in size["seeds"]
    ] + _baselines(size)


def overwriting(trial: dict) -> dict:
    """Drift of each stage and source accuracy step by step, and the target accuracy at the end."""
    if trial["name"] in BASELINES:
        return measure(trial)
    from course_lib import fit, load_task
    from course_lib.train.forgetting import Meter

    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    strategy = S.Strategy(trial["name"], trainable="all", warmup=0.0, **OVERWRITING[trial["name"]])
    meter = Meter(
        backbone(),
        source=source(trial["source_pictures"]),
        pictures=task.train.pictures[:32],
        every=tuple(trial["steps"]),
    )
    run = fit(
        backbone(),
        task,
        strategy,
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        on_tick=meter,
        progress=False,
    )
    return {
        "at": [reading.step for reading in meter.readings],
        "source": [reading.source for reading in meter.readings],
        "drift": [reading.drift for reading in meter.readings],
        "cka": [reading.cka for reading in meter.readings],
        "test": run.test,
        "seconds": run.seconds,
    }


EARLY = 8  # batches that count as "the first"


def _early(row: Row, key: str = "source"):
    return row[key][max(i for i, step in enumerate(row["at"]) if step <= EARLY)]


def c14_judge(rows: list[Row]) -> Finding:
    lanes = {name: sorted(select(rows, name=name), key=lambda r: r["seed"]) for name in OVERWRITING}
    start = mean([row["source"][0] for row in lanes[LARGE]])
    kept = {name: np.array([_early(r) / r["source"][0] for r in lane])
            for name, lane in lanes.items()}  # fmt: skip
    gap = scores(rows, name=DIFFERENTIAL) - scores(rows, name=LARGE)
    verdict = together([above(0.5 - kept[LARGE]), above(kept[DIFFERENTIAL], 0.9), above(gap)])
    drift = {name: mean([max(_early(r, "drift").values()) for r in lane])
             for name, lane in lanes.items()}  # fmt: skip
    cka = {name: mean([_early(r, "cka")["layer4"] for r in lane]) for name, lane in lanes.items()
           if "layer4" in lane[0]["cka"][0]}  # fmt: skip
    first = next(
        (step for i, step in enumerate(lanes[LARGE][0]["at"])
         if mean([r["source"][i] for r in lanes[LARGE]]) < start / 2), None
    )  # fmt: skip
    when = f"was below half of that after {first} step{'s' if first != 1 else ''}" if first else (
        "never fell below half of that")  # fmt: skip
    sentence = (
        f"The old head was right on {start:.0%} of its pictures at the start. With one rate of "
        f"{OVERWRITING[LARGE]['lr']:g} for everything its accuracy {when}. After {EARLY} "
        "batches there was left of it: "
        + ", ".join(f"{values.mean():.0%} with {name}" for name, values in kept.items())
        + ". The stage that had moved most had moved by "
        + ", ".join(f"{value:.1%} ({name})" for name, value in drift.items())
        + " of the length of its weights"
        + (
            "; CKA of the last stage with itself at the start was "
            + ", ".join(f"{value:.2f} ({name})" for name, value in cka.items())
            if cka
            else ""
        )
        + ". On the new task they ended at "
        + ", ".join(f"{with_spread(scores(rows, name=name))} ({name})" for name in OVERWRITING)
        + f"; pixels alone gave {mean(scores(rows, name=PIXELS)):.3f}."
    )
    alt = "Source accuracy against training step. " + "; ".join(
        f"{name}: from {mean([r['source'][0] for r in lane]):.2f} to "
        f"{mean([r['source'][-1] for r in lane]):.2f}"
        for name, lane in lanes.items()
    )
    return Finding(verdict, sentence, alt + ". Beside it the drift of each stage.")


def c14_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import label_ends

    fig, axes = plt.subplots(
        1, 3, figsize=(11.5, 3.7), width_ratios=(1.25, 1, 1), layout="constrained"
    )
    kept, *drifts = axes
    ends = {}
    for name, color in COLORS.items():
        lane = select(rows, name=name)
        values = np.array([row["source"] for row in lane])
        at = lane[0]["at"]
        kept.fill_between(at, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)
        kept.plot(at, values.mean(0), color=color, marker=MARKERS[name])
        ends[name] = values.mean(0)[-1]
    kept.set_ylim(0, 1.02)
    kept.set_xlabel("training step")
    kept.set_title("Source accuracy, old head")
    label_ends(kept, ends, COLORS)
    lanes = (LARGE, DIFFERENTIAL)
    top = max(max(r["drift"][-1].values()) for name in lanes for r in select(rows, name=name))
    low = min(min(r["drift"][1].values()) for name in lanes for r in select(rows, name=name))
    for ax, name in zip(drifts, lanes, strict=True):
        lane = select(rows, name=name)
        stages = list(lane[0]["drift"][0])
        ends, colors = {}, {}
        for i, stage in enumerate(stages):
            values = np.mean([[d[stage] for d in row["drift"]] for row in lane], 0)
            color = plt.get_cmap("viridis")(0.85 * i / max(1, len(stages) - 1))
            ax.plot(lane[0]["at"][1:], values[1:], color=color, marker="osD^v"[i % 5], ms=4)
            ends[stage], colors[stage] = values[-1], color
        ax.set_yscale("log")
        ax.set_ylim(low / 1.5, top * 1.5)
        ax.set_xlabel("training step")
        ax.set_title(f"Drift: {name}")
        label_ends(ax, ends, colors)
    drifts[0].set_ylabel("|w − w₀| / |w₀|")
    return fig


# ---------------------------------------------------------------- C15: head rate / backbone rate


def c15_trials(size: dict) -> list[dict]:
    return [
        {
            **_common(size, seed),
            "name": f"{ratio:g}",
            "strategy": {RATIO: ratio},
            "rates": [rate],
        }
        for ratio in size["ratios"]
        for rate in size["rates"]
        for seed in size["seeds"]
    ] + _baselines(size)


def _swept(rows: list[Row], field: str) -> list[float]:
    """The values of a strategy's field that were tried."""
    return sorted({row["strategy"][field] for row in rows if row["name"] not in BASELINES})


def _chosen(rows: list[Row], field: str, value: float, key: str = "test") -> np.ndarray:
    """Per seed the run of this value whose head rate did best on validation."""
    mine = [r for r in rows if r["name"] not in BASELINES and r["strategy"][field] == value]
    best = {}
    for row in sorted(mine, key=lambda r: (r["seed"], r["rates"])):
        held = best.get(row["seed"])
        if held is None or row["validation"] > held["validation"]:
            best[row["seed"]] = row
    return np.array([best[seed][key] for seed in sorted(best)])


def best_value(rows: list[Row], field: str) -> float:
    """The value of a strategy's field with the best mean test accuracy, each at the head rate that
    validation chose."""
    return max(_swept(rows, field), key=lambda value: _chosen(rows, field, value).mean())


def _at_rate(rows: list[Row], field: str, value: float, rate: float, key: str = "test"):
    return scores(
        [r for r in rows if r["name"] not in BASELINES and r["strategy"][field] == value],
        key, rates=[rate],
    )  # fmt: skip


def _rates(rows: list[Row]) -> list[float]:
    return sorted({row["rates"][0] for row in rows if row["name"] not in BASELINES})


HUNDRED = 100.0


def c15_judge(rows: list[Row]) -> Finding:
    ratios, usual = _swept(rows, RATIO), _rates(rows)[-1]
    fixed = _at_rate(rows, RATIO, HUNDRED, usual) - _at_rate(rows, RATIO, 1.0, usual)
    others = [ratio for ratio in ratios if ratio < HUNDRED]
    gains = {r: _chosen(rows, RATIO, HUNDRED) - _chosen(rows, RATIO, r) for r in others}
    parts = [above(fixed, 0.01), *(above(gain, 0.01) for gain in gains.values())]
    best = best_value(rows, RATIO)
    sentence = (
        f"At a head rate of {usual:g}, ratio 100 reached "
        f"{with_spread(_at_rate(rows, RATIO, HUNDRED, usual))} and one rate for all "
        f"{with_spread(_at_rate(rows, RATIO, 1.0, usual))}. When every ratio may choose its own "
        "head rate on validation pictures, the test accuracies were "
        + ", ".join(f"{with_spread(_chosen(rows, RATIO, r))} at ratio {r:g}" for r in ratios)
        + f": best at {best:g}. Ratio 100 was ahead by "
        + ", ".join(
            f"{points(gain.mean())} of ratio {r:g} (95 % interval {100 * interval(gain)[0]:z.1f} "
            f"to {100 * interval(gain)[1]:z.1f})"
            for r, gain in gains.items()
        )
        + ". Of the source task these runs kept "
        + ", ".join(f"{_chosen(rows, RATIO, r, 'source').mean():.0%} ({r:g})" for r in ratios)
        + f" accuracy. Baselines: pixels {mean(scores(rows, name=BASELINES[0])):.3f}, random "
        f"frozen net {mean(scores(rows, name=BASELINES[1])):.3f}."
    )
    return Finding(together(parts), sentence, _sweep_alt(rows, RATIO))


def _sweep_alt(rows: list[Row], field: str) -> str:
    return (
        f"Test accuracy on the new task and accuracy on the source task against {field}. With the "
        "head rate chosen on validation: "
        + "; ".join(
            f"{field} {value:g}: {_chosen(rows, field, value).mean():.2f} and "
            f"{_chosen(rows, field, value, 'source').mean():.2f}"
            for value in _swept(rows, field)
        )
        + "."
    )


def _sweep_draw(rows: list[Row], field: str, label: str, log: bool):
    from matplotlib import pyplot as plt

    values, rates = _swept(rows, field), _rates(rows)
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.9), layout="constrained")
    ramp = plt.get_cmap("viridis")
    for ax, key in ((left, "test"), (right, "source")):
        for i, rate in enumerate(rates):
            color = ramp(0.1 + 0.7 * i / max(1, len(rates) - 1))
            curve = [_at_rate(rows, field, v, rate, key).mean() for v in values]
            style = {"ls": (":", "-.", "--", (0, (5, 1)))[i % 4], "lw": 1.4}
            ax.plot(values, curve, color=color, marker="osD^"[i % 4], ms=4, **style,
                    label=f"head rate {rate:g}")  # fmt: skip
        best = [_chosen(rows, field, v, key) for v in values]
        low, high = (np.array([f(b) for b in best]) for f in (np.min, np.max))
        ax.fill_between(values, low, high, color="#222222", alpha=0.13, lw=0)
        ax.plot(values, [b.mean() for b in best], color="#222222", marker="X", lw=2.4,
                label="chosen on validation")  # fmt: skip
        if log:
            ax.set_xscale("log")
        ax.set_xticks(values, [f"{v:g}" for v in values])
        ax.minorticks_off()
        ax.set_ylim(0, 1.02)
        ax.set_xlabel(label)
    for name, dash in zip(BASELINES, (":", "--"), strict=True):
        level = mean(scores(rows, name=name))
        left.axhline(level, color="#777777", ls=dash, lw=1.1)
        left.annotate(
            name, (0.99, level), xycoords=left.get_yaxis_transform(), ha="right",
            xytext=(0, -2), va="top", textcoords="offset points", color="#666666", fontsize=8.5,
            bbox={"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.8},
        )  # fmt: skip
    left.set_title(f"New task ({rows[0]['train']} labels): test accuracy")
    right.set_title("Source task: accuracy that is left")
    right.legend(loc="best", fontsize=9)
    return fig


def c15_draw(rows: list[Row]):
    return _sweep_draw(rows, RATIO, "head rate / backbone rate", log=True)


# ---------------------------------------------------------------- C16: layer-wise decay


def c16_trials(size: dict) -> list[dict]:
    return [
        {
            **_common(size, seed),
            "name": f"{decay:g}",
            "strategy": {RATIO: 10.0, DECAY: decay},
            "rates": [rate],
        }
        for decay in size["decays"]
        for rate in size["rates"]
        for seed in size["seeds"]
    ] + _baselines(size)


QUOTED = 0.9


def c16_judge(rows: list[Row]) -> Finding:
    decays = _swept(rows, DECAY)
    quoted = _chosen(rows, DECAY, QUOTED)
    helps = above(quoted - _chosen(rows, DECAY, 1.0))
    rivals = {d: quoted - _chosen(rows, DECAY, d) for d in decays if d not in (QUOTED, 1.0)}
    verdict = together([helps, *(above(gain, -0.01) for gain in rivals.values())])
    best = best_value(rows, DECAY)
    spread = [_chosen(rows, DECAY, d).mean() for d in decays]
    gain = quoted - _chosen(rows, DECAY, 1.0)
    sentence = (
        "With the head rate chosen on validation for each decay, the test accuracies were "
        + ", ".join(f"{with_spread(_chosen(rows, DECAY, d))} at {d:g}" for d in decays)
        + f": best at {best:g}, and {points(max(spread) - min(spread))} between the best and the "
        f"worst. 0.9 against no decay: {points(gain.mean())} (95 % interval "
        f"{100 * interval(gain)[0]:z.1f} to {100 * interval(gain)[1]:z.1f}). The source accuracy "
        "that was left: "
        + ", ".join(f"{_chosen(rows, DECAY, d, 'source').mean():.0%} at {d:g}" for d in decays)
        + ". Five stages are not the twelve or more layers for which 0.9 is quoted: the first "
        f"stage here still learns at {QUOTED**4:.0%} of the last one's rate."
    )
    return Finding(verdict, sentence, _sweep_alt(rows, DECAY))


def c16_draw(rows: list[Row]):
    return _sweep_draw(rows, DECAY, "rate of a stage / rate of the stage after it", log=False)


# ---------------------------------------------------------------- C17: gradual unfreezing


def c17_trials(size: dict) -> list[dict]:
    return [
        {
            **_common(size, seed, task),
            "name": name,
            "strategy": {
                "head_epochs": min(SCHEDULES[name].head_epochs, size["epochs"] // 2),
                "unfreeze_every": SCHEDULES[name].unfreeze_every,
            },
            "rates": size["rates"],
        }
        for task in size["tasks"]
        for name in size["schedules"]
        for seed in size["seeds"]
    ] + [trial for task in size["tasks"] for trial in _baselines(size, task)]


def c17_judge(rows: list[Row]) -> Finding:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    names = [n for n in SCHEDULES if select(rows, name=n)]
    gains = {
        task: scores(rows, task=task, name=GRADUAL) - scores(rows, task=task, name=AT_ONCE)
        for task in tasks
    }
    parts = []
    for task in tasks:
        gain = gains[task]
        low, high = interval(gain)
        parts.append(
            f"On {task} the test accuracies were "
            + ", ".join(f"{with_spread(scores(rows, task=task, name=n))} ({n})" for n in names)
            + f"; gradual against at once: {points(gain.mean())} (95 % interval "
            f"{100 * low:z.1f} to {100 * high:z.1f}). Source accuracy left: "
            + ", ".join(f"{mean(scores(rows, 'source', task=task, name=n)):.0%} ({n})"
                        for n in names)
            + ". Baselines: "
            + ", ".join(f"{n} {mean(scores(rows, task=task, name=n)):.3f}" for n in BASELINES)
            + "."
        )  # fmt: skip
    alt = "Dots per draw and bars for the mean, test and source accuracy. " + "; ".join(
        f"{task}, {n}: {mean(scores(rows, task=task, name=n)):.2f} and "
        f"{mean(scores(rows, 'source', task=task, name=n)):.2f}"
        for task in tasks
        for n in names
    )
    verdict = together([above(gain) for gain in gains.values()])
    return Finding(verdict, " ".join(parts), alt + ".")


def c17_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    tasks = list(dict.fromkeys(row["task"] for row in rows))
    names = [n for n in SCHEDULES if select(rows, name=n)]
    places = [*names, *BASELINES][::-1]
    looks = dict(zip(SCHEDULES, (("#CC79A7", "D"), ("#E69F00", "P"), ("#56B4E9", "v")),
                     strict=True))  # fmt: skip
    fig, axes = plt.subplots(
        len(tasks), 2, figsize=(10, 0.5 * len(places) * len(tasks) + 1.4), squeeze=False,
        sharey=True, layout="constrained",
    )  # fmt: skip
    for line, task in zip(axes, tasks, strict=True):
        for ax, key in zip(line, ("test", "source"), strict=True):
            for place, name in enumerate(places):
                if key == "source" and name in BASELINES:
                    continue
                values = scores(rows, key, task=task, name=name)
                color, marker = looks.get(name, ("#888888", "."))
                ax.barh(place, values.mean(), color=color, alpha=0.28, height=0.62)
                ax.plot(values, np.full(len(values), place), marker, color=color, ms=6)
                ax.text(values.mean() + 0.015, place + 0.32, f"{values.mean():.2f}", fontsize=9)
            ax.set_xlim(0, 1.02)
            ax.grid(axis="y", visible=False)
        line[0].set_yticks(range(len(places)), places)
        line[0].set_title(f"{task}, {rows[0]['train']} labels: test accuracy")
        line[1].set_title("Source accuracy that is left")
    return fig


# ---------------------------------------------------------------- the claims

_LIVE = {"task": "digits", "train": 60, "seeds": (0, 1, 2), "epochs": 6, "batch": 16}
_QUICK = {"task": "digits", "train": 40, "seeds": (0, 1), "epochs": 2, "batch": 16}
_STUDY = {"task": "digits", "train": 100, "seeds": (0, 1, 2, 3, 4), "epochs": 8, "batch": 16}
_FULL_RATES = (1e-3, 3e-3, 1e-2)

CLAIMS = (
    Claim(
        tag="C14",
        lesson="03",
        statement="One large rate for all layers overwrites the pretrained features within the "
        "first batches.",
        rule=f"after {EARLY} batches one large rate has lost more than half of the source "
        "accuracy while ratio 100 has kept over 90 % of it, and ratio 100 ends with the higher "
        "test accuracy on the new task (95 % intervals over draws).",
        trials=c14_trials,
        measure=overwriting,
        judge=c14_judge,
        draw=c14_draw,
        live={**_LIVE, "epochs": 5, "steps": (1, 2, 4, 8, 14, 20), "source_pictures": 100},
        quick={**_QUICK, "epochs": 4, "steps": (1, 4, 8, 12), "source_pictures": 50},
        full={
            **_STUDY,
            "steps": (1, 2, 3, 4, 6, 8, 12, 20, 35, 56),
            "source_pictures": 200,
        },
    ),
    Claim(
        tag="C15",
        lesson="03",
        statement="The backbone's rate must be 100 times smaller than the head's.",
        rule="ratio 100 beats one rate for all at the largest head rate, and beats every smaller "
        "ratio when each chooses its head rate on validation: each by over 1 point (95 % "
        "intervals of the paired differences over draws). All: holds; some: holds in part.",
        trials=c15_trials,
        measure=measure,
        judge=c15_judge,
        draw=c15_draw,
        live={**_LIVE, "ratios": (1.0, 10.0, 100.0), "rates": (1e-3, 1e-2)},
        quick={**_QUICK, "ratios": (1.0, 100.0), "rates": (1e-2,)},
        full={**_STUDY, "ratios": (1.0, 2.6, 10.0, 100.0, 1000.0), "rates": _FULL_RATES},
    ),
    Claim(
        tag="C16",
        lesson="03",
        statement="Layer-wise decay helps, and 0.9 is the value to take.",
        rule="0.9 beats no decay, and no other value beats 0.9 by over 1 point, each at the head "
        "rate that validation chose (95 % intervals of the paired differences over draws).",
        trials=c16_trials,
        measure=measure,
        judge=c16_judge,
        draw=c16_draw,
        live={**_LIVE, "decays": (0.5, 0.9, 1.0), "rates": (1e-2,)},
        quick={**_QUICK, "decays": (0.9, 1.0), "rates": (1e-2,)},
        full={**_STUDY, "decays": (0.5, 0.65, 0.8, 0.9, 1.0), "rates": (3e-3, 1e-2)},
    ),
    Claim(
        tag="C17",
        lesson="03",
        statement="Unfreezing gradually, the last stage first, beats unfreezing at once.",
        rule="gradual unfreezing ends with the higher test accuracy at equal epochs and equal "
        "tuning (95 % interval of the paired differences over draws above zero), on each task.",
        trials=c17_trials,
        measure=measure,
        judge=c17_judge,
        draw=c17_draw,
        live={**_LIVE, "tasks": ("digits",), "schedules": (AT_ONCE, GRADUAL), "rates": (1e-2,),
              "epochs": 8},
        quick={**_QUICK, "tasks": ("digits",), "schedules": (AT_ONCE, GRADUAL), "rates": (1e-2,),
               "epochs": 6},
        full={**_STUDY, "tasks": ("digits", "digits-cluttered"), "schedules": tuple(SCHEDULES),
              "rates": (3e-3, 1e-2)},
    ),
)  # fmt: skip
