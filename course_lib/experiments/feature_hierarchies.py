"""Lesson 01: what each stage of a pretrained net knows.

C01, C02, C04, C05 and C37 stand here; halves.py, with small nets of its own, holds C03 and C38.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from course_lib.errors import CourseError
from course_lib.experiments import halves
from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import backbone
from course_lib.measure.statistics import above, mean, together, with_spread
from course_lib.train import strategies as S

PRETRAINED, UNTRAINED = "pretrained", "untrained"
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
EARLY, LAST = STAGES[:2], STAGES[-1]
PIXELS = "pixels"
NETS = {PRETRAINED: ("#0072B2", "-", "s"), UNTRAINED: ("#777777", ":", "x")}
TASKS = {
    "new-shapes": ("#0072B2", "-", "s", "new shapes"),
    "new-textures": ("#56B4E9", "--", "D", "new textures"),
    "digits": ("#D55E00", "-", "o", "digits"),
    "radiographs": ("#009E73", "-.", "^", "radiographs"),
}


@lru_cache(maxsize=4)
def untrained(seed: int):
    """WorldNet with random weights; batch norm has seen pictures, so that the control is fair."""
    from course_lib import world
    from course_lib.train.baselines import adapt_batch_norm

    net = backbone().fresh(seed)
    adapt_batch_norm(net, world.render(world.sample(256, seed=650_000 + seed)))
    return net.eval()


def _net(name: str, seed: int):
    return backbone() if name == PRETRAINED else untrained(seed)


# ---------------------------------------------------------------- C01: the first filters


def c01_trials(size: dict) -> list[dict]:
    return [
        {"net": PRETRAINED, "seed": 0},
        *({"net": UNTRAINED, "seed": seed} for seed in size["seeds"]),
    ]


def filters(trial: dict) -> dict:
    """Orientation selectivity and smoothness of every filter of the first layer."""
    from course_lib.see import first_filters, orientation_selectivity, smoothness

    net = backbone() if trial["net"] == PRETRAINED else backbone().fresh(trial["seed"])
    weights = first_filters(net)
    return {
        "selectivity": orientation_selectivity(weights).tolist(),
        "smoothness": smoothness(weights).tolist(),
    }


def _limits(rows: list[Row]) -> tuple[float, float]:
    """What 99 of 100 random filters stay below: selectivity, smoothness."""
    random = select(rows, net=UNTRAINED)
    return tuple(
        float(np.quantile(np.concatenate([row[key] for row in random]), 0.99))
        for key in ("selectivity", "smoothness")
    )


def _structured(rows: list[Row], net: str) -> tuple[np.ndarray, np.ndarray]:
    """Which filters of a net are oriented, and which are smooth, beyond random ones."""
    limits = _limits(rows)
    return tuple(
        np.concatenate([np.array(row[key]) > limit for row in select(rows, net=net)])
        for key, limit in zip(("selectivity", "smoothness"), limits, strict=True)
    )


def structured_share(rows: list[Row]) -> float:
    """Share of the pretrained filters that are oriented or smooth beyond random ones."""
    return mean(np.logical_or(*_structured(rows, PRETRAINED)))


def c01_judge(rows: list[Row]) -> Finding:
    oriented, smooth = _structured(rows, PRETRAINED)
    either, n = oriented | smooth, len(oriented)
    # One pretrained net: the spread is that over its filters.
    draws = np.random.default_rng(0).integers(0, n, (2_000, n))
    low, high = np.quantile(either[draws].mean(1), (0.025, 0.975))
    verdict = "holds" if low > 0.7 else "does not hold here" if high < 0.7 else "undecided"
    random_share = mean(np.logical_or(*_structured(rows, UNTRAINED)))
    sentence = (
        f"Of WorldNet's {n} first filters {oriented.sum()} prefer one orientation more than 99 of "
        f"100 random filters do, and {(smooth & ~oriented).sum()} more are smooth blobs or flat "
        f"colours: together {either.mean():.0%} (95 % interval over its filters {low:.0%} to "
        f"{high:.0%}), against {random_share:.0%} of random ones. Mean orientation selectivity: "
        f"{mean(select(rows, net=PRETRAINED)[0]['selectivity']):.2f} against "
        f"{mean([v for r in select(rows, net=UNTRAINED) for v in r['selectivity']]):.2f}."
    )
    alt = (
        "Every first-layer filter as a point, orientation selectivity against smoothness. "
        f"{either.sum()} of {n} pretrained filters lie beyond the limits that random filters keep."
    )
    return Finding(verdict, sentence, alt)


def c01_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.9))
    for net in (UNTRAINED, PRETRAINED):
        color, _, marker = NETS[net]
        x, y = (
            np.concatenate([row[key] for row in select(rows, net=net)])
            for key in ("selectivity", "smoothness")
        )
        fade = 0.3 if net == UNTRAINED else 0.9
        ax.plot(x, y, marker, color=color, alpha=fade, ls="", ms=6, label=f"{net} filters")
    limits = _limits(rows)
    ax.axvline(limits[0], color="#555555", lw=1, ls="--")
    ax.axhline(limits[1], color="#555555", lw=1, ls="--")
    ax.annotate("99 of 100 random filters\nlie left of and below the lines", limits,
                xytext=(6, -28), textcoords="offset points", fontsize=8.5)  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("orientation selectivity (0: none, 1: one orientation only)")
    ax.set_ylabel("smoothness (1: a flat colour)")
    ax.set_title("First-layer filters, before and after pretraining")
    ax.legend(fontsize=9, loc="upper right")
    return fig


# ---------------------------------------------------------------- C02: what is decodable where

LOW_LEVEL = ("hue", "light", "ground")


def c02_trials(size: dict) -> list[dict]:
    keys = ("train", "validation", "test", "dimension")
    return [
        {"net": net, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for net in NETS
    ]


@lru_cache(maxsize=2)
def _scenes(seed: int, train: int, validation: int, test: int):
    """Three splits of fresh pictures with their factors, never seen in pretraining."""
    from course_lib import world

    splits, start = [], 0
    for n in (train, validation, test):
        scenes = world.sample(n, seed=640_000 + seed, start=start)
        splits.append((world.render(scenes), scenes))
        start += n
    return tuple(splits)


def probed(trial: dict) -> dict:
    """Skill (0 chance, 1 perfect) of a linear probe for every factor at every stage."""
    from course_lib.see import probe_factors

    splits = _scenes(*(trial[key] for key in ("seed", "train", "validation", "test")))
    skill = probe_factors(_net(trial["net"], trial["seed"]), splits, trial["dimension"])
    return {"skill": skill}


def _skills(rows: list[Row], net: str, stage: str, factor: str) -> np.ndarray:
    chosen = sorted(select(rows, net=net), key=lambda row: row["seed"])
    return np.array([row["skill"][stage][factor] for row in chosen])


def _best(rows: list[Row], net: str, factor: str, stages=STAGES) -> str:
    return max(stages, key=lambda stage: mean(_skills(rows, net, stage, factor)))


def best_stage(rows: list[Row], factor: str) -> str:
    """The stage of the pretrained net from which a factor is read best, pixels apart."""
    return _best(rows, PRETRAINED, factor)


def c02_judge(rows: list[Row]) -> Finding:
    def gain(factor: str, stage: str, other: str) -> np.ndarray:
        return _skills(rows, PRETRAINED, stage, factor) - _skills(rows, PRETRAINED, other, factor)

    def at(factor: str, stage: str, net: str = PRETRAINED) -> str:
        return f"{mean(_skills(rows, net, stage, factor)):z.2f}"

    parts, told = {}, []
    for factor in LOW_LEVEL:
        early = _best(rows, PRETRAINED, factor, EARLY)
        parts[f"{factor} is read better early"] = above(gain(factor, early, LAST))
        told.append(f"{factor} {at(factor, early)} at {early} and {at(factor, LAST)} at {LAST}")
    rival = _best(rows, PRETRAINED, "class", STAGES[:-1])
    parts["the class is read best last"] = above(gain("class", LAST, rival))
    learnt = _skills(rows, PRETRAINED, LAST, "class") - _skills(rows, UNTRAINED, LAST, "class")
    parts["and pretraining put it there"] = above(learnt)
    sentence = (
        f"Skill of the probes (0 chance, 1 perfect): {'; '.join(told)}. The class: "
        f"{at('class', STAGES[0])} at {STAGES[0]}, {at('class', LAST)} at {LAST}, where an "
        f"untrained net gave {at('class', LAST, UNTRAINED)}. Best stage of each factor: "
        + ", ".join(f"{f} {_best(rows, PRETRAINED, f)}" for f in rows[0]["skill"][LAST])
        + ". Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Nine small charts, one per factor: skill of a linear probe at each stage. " + "; ".join(
        f"{factor}: {at(factor, STAGES[0])} at the stem, {at(factor, LAST)} at the last stage, "
        f"untrained {at(factor, LAST, UNTRAINED)}"
        for factor in rows[0]["skill"][LAST]
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c02_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    factors = list(rows[0]["skill"][LAST])
    fig, axes = plt.subplots(3, 3, figsize=(9, 6.4), sharex=True, sharey=True)
    places = np.arange(len(STAGES) + 1)
    for ax, factor in zip(axes.flat, factors, strict=True):
        for net, (color, dash, marker) in NETS.items():
            values = np.array([_skills(rows, net, stage, factor) for stage in (PIXELS, *STAGES)])
            ax.fill_between(
                places[1:], values[1:].min(1), values[1:].max(1), color=color, alpha=0.2, lw=0
            )
            ax.plot(places[1:], values[1:].mean(1), color=color, ls=dash, marker=marker, label=net)
        ax.plot(0, values[0].mean(), "*", color="#E69F00", ms=9, label="pixels")
        ax.axhline(0, color="#999999", lw=0.8)
        best = _best(rows, PRETRAINED, factor)
        ax.set_title(f"{factor}   best: {best}", fontsize=10.5)
        ax.set_xticks(places, [PIXELS, *STAGES], rotation=40)
        ax.set_ylim(-0.12, 1.05)
    for ax in axes[:, 0]:
        ax.set_ylabel("skill of the probe")
    axes[0, 0].legend(fontsize=8.5)
    return fig


# ---------------------------------------------------------------- C37: little data, other kind


def c37_trials(size: dict) -> list[dict]:
    return [
        {"task": task, "net": net, "seed": seed, "train": size["train"], "test": size["test"]}
        for task in size["tasks"]
        for net in NETS
        for seed in size["seeds"]
    ]


def staged(trial: dict) -> dict:
    """Test and validation score of a linear probe on every stage, from few labels."""
    from course_lib import load_task
    from course_lib.see import match_dimension, probe, stage_features

    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    which = 0 if trial["net"] == PRETRAINED else trial["seed"]  # the untrained net has a seed too
    net = _net(trial["net"], which)
    first = stage_features(net, task.train.pictures)
    held = [
        _fixed_features(trial["task"], trial["net"], which, split, n)
        for split, n in (("validation", trial["test"] // 2), ("test", trial["test"]))
    ]
    targets = (task.train.labels, *(part["labels"] for part in held))
    found = {
        stage: probe(
            tuple(match_dimension(x, [part[stage] for part in held], DIMENSION)),
            targets,
            task.metric,
        )
        for stage, x in first.items()
    }
    return {
        "test": {stage: score.test for stage, score in found.items()},
        "validation": {stage: score.validation for stage, score in found.items()},
    }


DIMENSION = 96  # numbers that every stage gives its probe


@lru_cache(maxsize=24)
def _fixed_features(task: str, net: str, seed: int, split: str, n: int) -> dict:
    """Features of the pictures that are the same for every draw of labels."""
    from course_lib import load_task
    from course_lib.see import stage_features

    pictures, labels = getattr(load_task(task), split)
    return {**stage_features(_net(net, seed), pictures[:n]), "labels": labels[:n]}


def _stage_scores(rows: list[Row], task: str, net: str, stage: str, key="test") -> np.ndarray:
    chosen = sorted(select(rows, task=task, net=net), key=lambda row: row["seed"])
    return np.array([row[key][stage] for row in chosen])


def _validated(rows: list[Row], task: str, stages=STAGES) -> str:
    """The stage that validation pictures would have chosen, over all draws."""
    return max(stages, key=lambda s: mean(_stage_scores(rows, task, PRETRAINED, s, "validation")))


def best_stage_for(rows: list[Row], task: str) -> str:
    """The stage of the pretrained net whose probe has the best mean test score on a task."""
    return max(STAGES, key=lambda stage: mean(_stage_scores(rows, task, PRETRAINED, stage)))


def c37_judge(rows: list[Row]) -> Finding:
    tasks = [task for task in TASKS if any(row["task"] == task for row in rows)]
    parts, told = {}, []
    for task in tasks:
        last = _stage_scores(rows, task, PRETRAINED, LAST)
        stage = _validated(rows, task, STAGES[:-1])
        gain = _stage_scores(rows, task, PRETRAINED, stage) - last
        random = max((_stage_scores(rows, task, UNTRAINED, s) for s in STAGES), key=mean)
        pixels = _stage_scores(rows, task, PRETRAINED, PIXELS)
        similar = task.startswith("new-")
        title = TASKS[task][-1]
        parts[
            f"{title}: {'the last stage is best' if similar else 'an earlier stage is better'}"
        ] = above(-gain if similar else gain)
        lost = above(random - last) == "holds"
        told.append(
            f"{title}: {LAST} {mean(last):.2f}, the best earlier stage ({stage}, chosen on "
            f"validation) {mean(last + gain):.2f}, the best random stage {mean(random):.2f}"
            f"{' (better than the frozen last stage)' if lost else ''}, pixels {mean(pixels):.2f}"
        )
    sentence = (
        f"Probes on {rows[0]['train']} labels, {len({r['seed'] for r in rows})} draws. "
        + "; ".join(told)
        + ". Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Test score of a linear probe at every stage, one chart per task. " + "; ".join(
        f"{TASKS[task][-1]}: "
        + ", ".join(
            f"{stage} {mean(_stage_scores(rows, task, PRETRAINED, stage)):.2f}" for stage in STAGES
        )
        for task in tasks
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c37_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    tasks = [task for task in TASKS if any(row["task"] == task for row in rows)]
    fig, axes = plt.subplots(1, len(tasks), figsize=(3.3 * len(tasks), 3.3), squeeze=False)
    places = np.arange(len(STAGES))
    for ax, task in zip(axes[0], tasks, strict=True):
        for net, (color, dash, marker) in NETS.items():
            values = np.array([_stage_scores(rows, task, net, stage) for stage in STAGES])
            ax.fill_between(places, values.min(1), values.max(1), color=color, alpha=0.18, lw=0)
            ax.plot(places, values.mean(1), color=color, ls=dash, marker=marker, label=net)
        pixels = mean(_stage_scores(rows, task, PRETRAINED, PIXELS))
        ax.axhline(pixels, color="#E69F00", lw=1.3, ls="--", label=PIXELS)
        ax.set_xticks(places, STAGES, rotation=30)
        ax.set_title(TASKS[task][-1])
        ax.set_ylabel("test AUC" if task == "radiographs" else "test accuracy")
    axes[0, 0].legend(fontsize=9)
    return fig


# ---------------------------------------------------------------- C04: source and transfer

CHECKPOINTS, SHORT = "checkpoints", "short"
FOLDER = Path("runs") / "worldnet"  # where `course pretrain --keep ...` leaves its checkpoints


def c04_trials(size: dict) -> list[dict]:
    keys = ("source", "pictures", "epochs", "side")
    common = {key: size[key] for key in keys if key in size}
    return [
        {"share": share, "task": task, "seed": seed, "train": size["train"], **common}
        for share in size["shares"]
        for task in size["tasks"]
        for seed in size["seeds"]
    ]


def checkpoint(trial: dict) -> dict:
    """Source accuracy of a checkpoint, and what a linear probe on it reaches on a target task."""
    from course_lib import load_task
    from course_lib.see import probe

    key = (trial["source"], trial["share"], 0)
    if trial["source"] == SHORT:
        key = (SHORT, trial["share"], *(trial[k] for k in ("pictures", "epochs", "side")))
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    parts = [_checkpoint_features(key, trial["task"], split) for split in ("validation", "test")]
    rows = (_features(_checkpoint(key)[0], task.train.pictures), *parts)
    labels = tuple(getattr(task, split).labels for split in ("train", "validation", "test"))
    return {"accuracy": _checkpoint(key)[1], "test": probe(rows, labels, task.metric).test}


def _features(net, pictures):
    from course_lib.train.baselines import features

    return features(net, pictures)


@lru_cache(maxsize=64)
def _checkpoint_features(key: tuple, task: str, split: str):
    from course_lib import load_task

    return _features(_checkpoint(key)[0], getattr(load_task(task), split).pictures)


@lru_cache(maxsize=16)
def _checkpoint(key: tuple):
    """A net at a share of its pretraining, and its accuracy on its own source task."""
    from course_lib import evaluate, load_task

    source, share, *settings = key
    if source == SHORT:
        return _short_run(*settings)[share]
    net = backbone() if share == 1 else _kept(share)
    return net, evaluate(net, load_task("source"))


def _kept(share: float):
    """WorldNet with the weights that `course pretrain --keep` left at a share of its run."""
    import torch

    from course_lib.notebooks import find_root

    path = find_root() / FOLDER / f"weights-{share:g}.pt"
    if not path.is_file():
        raise CourseError(
            f"{path} is missing. `course pretrain --keep 0.02 0.05 0.1 0.2 0.4 0.7` makes the "
            "checkpoints that this study reads (an hour or two on two cores)."
        )
    net = backbone().copy()
    net.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net.eval()


@lru_cache(maxsize=2)
def _short_run(pictures: int, epochs: int, side: int) -> dict:
    """A small net pretrained on half A of the world for moments: share -> (net, accuracy)."""
    from course_lib import evaluate
    from course_lib.train.fit import prepare_run

    task = halves.half_task("A", pictures, 0, side)
    run = prepare_run(
        halves.small_net(side), task, S.SCRATCH, epochs, batch_size=64, validate_every=0, test=False
    )
    start = run.model.copy().eval()
    found = {0: (start, evaluate(start, task))}
    for _ in run.ticks():
        share = run.step / (run.batches * epochs)
        if run.step % run.batches == 0 and share not in found:
            net = run.model.copy().eval()
            found[share] = (net, evaluate(net, task))
    return found


def _curve(rows: list[Row], task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, source accuracy (shares,), probe score (shares, seeds) of one task."""
    shares = sorted({row["share"] for row in rows})
    chosen = [
        sorted(select(rows, task=task, share=share), key=lambda row: row["seed"])
        for share in shares
    ]
    accuracy = np.array([part[0]["accuracy"] for part in chosen])
    return np.array(shares), accuracy, np.array([[r["test"] for r in part] for part in chosen])


def c04_judge(rows: list[Row]) -> Finding:
    from scipy.stats import spearmanr

    parts, told = {}, []
    for task in dict.fromkeys(row["task"] for row in rows):
        shares, accuracy, scores = _curve(rows, task)
        order = [float(spearmanr(accuracy, column).statistic) for column in scores.T]
        title = TASKS[task][-1]
        parts[title] = above(order, 0.5)
        best = shares[scores.mean(1).argmax()]
        told.append(
            f"{title}: rank correlation {with_spread(order)}, from {scores[0].mean():.2f} to "
            f"{scores[-1].mean():.2f}, best at {best:.0%} of the run"
        )
    sentence = (
        f"Over {len(shares)} checkpoints of one pretraining, whose source accuracy went from "
        f"{accuracy[0]:.2f} to {accuracy[-1]:.2f}, a probe on {rows[0]['train']} labels gave "
        + "; ".join(told)
        + ". Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Probe score on target tasks against source accuracy, checkpoint by checkpoint. "
    return Finding(together(list(parts.values())), sentence, alt + "; ".join(told) + ".")


def c04_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.9))
    ends = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        color, dash, marker, title = TASKS[task]
        shares, accuracy, scores = _curve(rows, task)
        order = accuracy.argsort()
        shares, accuracy, scores = shares[order], accuracy[order], scores[order]
        ax.fill_between(accuracy, scores.min(1), scores.max(1), color=color, alpha=0.15, lw=0)
        ax.plot(accuracy, scores.mean(1), color=color, ls=dash, marker=marker)
        ends[task] = scores[-1].mean()
    low, high = ax.get_ylim()
    at = -np.inf
    for task, end in sorted(ends.items(), key=lambda item: item[1]):
        at = max(end, at + 0.06 * (high - low))  # names must not lie on each other
        ax.annotate(TASKS[task][-1], (accuracy[-1], at), xytext=(8, 0), va="center",
                    textcoords="offset points", color=TASKS[task][0], fontsize=9.5)  # fmt: skip
    last = -np.inf
    for share, place in zip(shares, accuracy, strict=True):
        if place - last > 0.07 * (accuracy.max() - accuracy.min()):
            ax.annotate(f"{share:.0%}", (place, low), fontsize=8, color="#777777", ha="center")
            last = place
    ax.margins(x=0.02)
    ax.set_xlim(right=accuracy.max() + 0.22 * (accuracy.max() - accuracy.min()))
    ax.set_xlabel("source accuracy (above the axis: share of the pretraining run)")
    ax.set_ylabel("probe on the target: accuracy or AUC")
    ax.set_title(f"Better source, better transfer? {rows[0]['train']} labels")
    return fig


# ---------------------------------------------------------------- C05: alike or not


def c05_trials(size: dict) -> list[dict]:
    keys = ("task", "train", "epochs", "pictures")
    return [{**{key: size[key] for key in keys}, "seed": seed} for seed in size["seeds"]]


def alike(trial: dict) -> dict:
    """CKA of the pretrained net's stages with those of a fine-tuned and of an untrained net."""
    from course_lib import fit, load_task
    from course_lib.see import stage_cka

    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    run = fit(
        backbone(), task, S.FULL_FINE_TUNING, trial["epochs"], seed=trial["seed"],
        batch_size=16, validate_every=0, test=False, progress=False,
    )  # fmt: skip
    pictures = task.test.pictures[: trial["pictures"]]
    others = {"fine-tuned": run.model, UNTRAINED: untrained(trial["seed"])}
    return {name: stage_cka(backbone(), net, pictures).tolist() for name, net in others.items()}


def _matrices(rows: list[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])  # (seeds, stages, stages)


def c05_judge(rows: list[Row]) -> Finding:
    tuned = np.diagonal(_matrices(rows, "fine-tuned"), axis1=1, axis2=2)
    random = np.diagonal(_matrices(rows, UNTRAINED), axis1=1, axis2=2)
    parts = {
        "fine-tuning changes the last stage more than the first":
            above(tuned[:, 0] - tuned[:, -1], 0.05),
        "every stage stays closer to the pretrained one than an untrained one is":
            together([above(tuned[:, k] - random[:, k]) for k in range(len(STAGES))]),
    }  # fmt: skip
    sentence = (
        f"CKA with the pretrained net after full fine-tuning on {rows[0]['train']} labels of "
        f"{TASKS[rows[0]['task']][-1]}: {with_spread(tuned[:, 0])} in the stem, "
        f"{with_spread(tuned[:, -1])} in the last stage. An untrained net: "
        f"{mean(random[:, 0]):.2f} and {mean(random[:, -1]):.2f}. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = (
        "Two tables of CKA between stages, as squares of grey. Same stage, pretrained against "
        f"fine-tuned: {', '.join(f'{v:.2f}' for v in tuned.mean(0))}; against untrained: "
        f"{', '.join(f'{v:.2f}' for v in random.mean(0))}."
    )
    return Finding(together(list(parts.values())), sentence, alt)


def c05_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(8, 3.7), sharey=True)
    for ax, name in zip(axes, ("fine-tuned", UNTRAINED), strict=True):
        values = _matrices(rows, name).mean(0)
        ax.imshow(values, cmap="Greys", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(values):
            ink = "white" if value > 0.55 else "#222222"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=9)
        ax.set_xticks(range(len(STAGES)), STAGES, rotation=30)
        ax.set_yticks(range(len(STAGES)), STAGES)
        ax.set_xlabel(f"stage of the {name} net")
        ax.grid(visible=False)
    axes[0].set_ylabel("stage of the pretrained net")
    axes[0].set_title("Linear CKA (1: alike)")
    return fig


# ---------------------------------------------------------------- the claims

CLAIMS = (
    *halves.CLAIMS,
    Claim(
        tag="C01",
        lesson="01",
        statement="First-layer filters of a pretrained net are oriented edges and colour blobs; "
        "those of a random net are not.",
        rule="a filter counts as oriented or as smooth when it exceeds 99 % of random filters in "
        "that. Over 70 % of the pretrained filters must be one or the other (95 % interval over "
        "filters).",
        trials=c01_trials,
        measure=filters,
        judge=c01_judge,
        draw=c01_draw,
        live={"seeds": tuple(range(10))},
        quick={"seeds": (0, 1)},
        full={"seeds": tuple(range(50))},
    ),
    Claim(
        tag="C02",
        lesson="01",
        statement="Early stages hold low-level factors, late ones hold the class.",
        rule="linear probes of equal dimension; 95 % intervals over draws. Hue, light and ground "
        "are each read better from the better of the first two stages than from the last; the "
        "class is read better from the last stage than from any other, and better than from an "
        "untrained net. All five: holds; some: holds in part.",
        trials=c02_trials,
        measure=probed,
        judge=c02_judge,
        draw=c02_draw,
        live={"seeds": (0, 1, 2), "train": 900, "validation": 250, "test": 500, "dimension": 96},
        quick={"seeds": (0, 1), "train": 250, "validation": 80, "test": 150, "dimension": 96},
        full={"seeds": (0, 1, 2, 3, 4), "train": 5_000, "validation": 500, "test": 1_500,
              "dimension": 96},
    ),
    Claim(
        tag="C04",
        lesson="01",
        statement="The better a net is at its source task, the better it transfers.",
        rule="over checkpoints of one pretraining, Spearman's rank correlation of source accuracy "
        "and probe score lies above 0.5 (95 % interval over draws of labels), task by task. All "
        "tasks: holds; some: holds in part.",
        trials=c04_trials,
        measure=checkpoint,
        judge=c04_judge,
        draw=c04_draw,
        live={"source": SHORT, "shares": (0, 0.2, 0.4, 0.6, 0.8, 1.0), "pictures": 1_200,
              "epochs": 5, "side": 32, "tasks": ("new-shapes", "digits"), "train": 100,
              "seeds": (0, 1, 2)},
        quick={"source": SHORT, "shares": (0, 0.5, 1.0), "pictures": 120, "epochs": 2, "side": 32,
               "tasks": ("digits",), "train": 60, "seeds": (0, 1)},
        full={"source": CHECKPOINTS, "shares": (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0),
              "pictures": 0, "epochs": 0, "side": 64, "tasks": tuple(TASKS), "train": 100,
              "seeds": (0, 1, 2, 3, 4)},
    ),
    Claim(
        tag="C05",
        lesson="01",
        statement="Fine-tuning changes late representations most, and leaves all of them closer "
        "to the pretrained net than an untrained net is.",
        rule="linear CKA on target pictures, 95 % intervals over draws: the first stage stays "
        "over 0.05 closer than the last; and every stage is closer to the pretrained one than an "
        "untrained one is.",
        trials=c05_trials,
        measure=alike,
        judge=c05_judge,
        draw=c05_draw,
        live={"task": "digits", "train": 100, "epochs": 6, "pictures": 200, "seeds": (0, 1, 2)},
        quick={"task": "digits", "train": 30, "epochs": 2, "pictures": 60, "seeds": (0, 1)},
        full={"task": "digits", "train": 300, "epochs": 10, "pictures": 400,
              "seeds": (0, 1, 2, 3, 4)},
    ),
    Claim(
        tag="C37",
        lesson="01",
        statement="With little data of a very different kind, earlier stages serve better than "
        "the last; with similar data the last serves best.",
        rule="linear probes of equal dimension, 95 % intervals over draws. Digits and radiographs: "
        "the earlier stage that validation chooses beats the last one. Held-out shapes: the last "
        "one beats it. All: holds; some: holds in part.",
        trials=c37_trials,
        measure=staged,
        judge=c37_judge,
        draw=c37_draw,
        live={"tasks": ("new-shapes", "digits", "radiographs"), "train": 60, "test": 400,
              "seeds": (0, 1, 2)},
        quick={"tasks": ("new-shapes", "digits"), "train": 40, "test": 160, "seeds": (0, 1)},
        full={"tasks": tuple(TASKS), "train": 100, "test": 800, "seeds": tuple(range(8))},
    ),
)  # fmt: skip
