"""Lesson 02: how deep to freeze (C36), head first (C11), and which block to tune (C13)."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_lib.experiments import trials
from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import (
    BASELINES,
    FULL,
    HEAD_ONLY,
    PIXELS,
    STRATEGIES,
    axes,
    baseline_lines,
    metric_name,
    scores,
    transfer,
)
from course_lib.measure.statistics import above, mean, points, together, with_spread
from course_lib.train import strategies as S

LP_FT = S.LP_FT_ONE_SCHEDULE.name


def _pairs(size: dict, **varied) -> list[dict]:
    """One trial for every seed and every value of the one varied key."""
    ((key, values),) = varied.items()
    same = {name: size[name] for name in ("task", "train", "epochs", "batch")}
    return [{**same, key: value, "seed": seed} for value in values for seed in size["seeds"]]


def _baselines(size: dict) -> list[dict]:
    return [{**trial, "rates": ()} for trial in _pairs(size, strategy=BASELINES)]


# ---------------------------------------------------------------- C36: frozen depth


def c36_trials(size: dict) -> list[dict]:
    stages = len(trials.backbone().stage_names)
    lanes = [{**trial, "strategy": FULL} for trial in _pairs(size, frozen=range(stages + 1))]
    return lanes + [{**trial, "frozen": None} for trial in _baselines(size)]


def depth(trial: dict) -> dict:
    """Full fine-tuning with the first `frozen` stages locked."""
    if trial["strategy"] in BASELINES:
        return transfer(trial)
    from course_lib import fit, load_task

    model = trials.backbone()
    strategy = replace(S.FULL_FINE_TUNING, trainable=len(model.stage_names) - trial["frozen"])
    run = fit(
        model,
        load_task(trial["task"], train=trial["train"], seed=trial["seed"]),
        strategy,
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    return {
        "test": run.test,
        "epoch": float(np.median([epoch.seconds for epoch in run.history[1:]])),
        "seconds": run.seconds,
        "trainable_parameters": run.trainable_parameters,
    }


def _by_depth(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["frozen"] is not None]


def c36_judge(rows: list[Row]) -> Finding:
    rows = _by_depth(rows)
    depths = sorted({row["frozen"] for row in rows})
    test = {d: scores(rows, frozen=d) for d in depths}
    none, every = depths[0], depths[-1]
    best = max(depths[:-1], key=lambda d: mean(test[d]))
    parts = {
        "an epoch with all stages frozen takes less than a tenth of one with none frozen": above(
            scores(rows, "epoch", frozen=none) / scores(rows, "epoch", frozen=every), 10
        ),
        "the head alone meets a ceiling below the best depth": above(test[best] - test[every]),
    }
    sizes = {d: select(rows, frozen=d)[0]["trainable_parameters"] for d in depths}
    sentence = (
        "Frozen stages, trainable numbers, seconds per epoch, test score: "
        + "; ".join(
            f"{d}: {sizes[d]:,}, {mean(scores(rows, 'epoch', frozen=d)):.2g} s, {mean(test[d]):.3f}"
            for d in depths
        )
        + f". Best with {best} frozen, {points(mean(test[best] - test[every]))} above the head "
        "alone. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "Test score and seconds per epoch against the number of frozen stages. " + "; ".join(
        f"{d} frozen: {mean(test[d]):.2f}, {mean(scores(rows, 'epoch', frozen=d)):.2g} s"
        for d in depths
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c36_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    lanes = _by_depth(rows)
    depths = sorted({row["frozen"] for row in lanes})
    fig, panels = plt.subplots(1, 3, figsize=(9.6, 3.3))
    color = LOOKS[FULL].color
    for ax, key, title in zip(
        panels,
        ("test", "epoch", "trainable_parameters"),
        (metric_name(rows), "seconds per epoch", "trainable parameters"),
        strict=True,
    ):
        values = np.array([scores(lanes, key, frozen=d) for d in depths])
        ax.fill_between(depths, values.min(1), values.max(1), color=color, alpha=0.15, lw=0)
        ax.plot(depths, values.mean(1), color=color, marker="D")
        ax.set_title(title)
        ax.set_xticks(depths)
        ax.set_xlabel("frozen stages")
        if key != "test":
            ax.set_yscale("log")
    panels[0].set_ylim(0, 1.02)
    levels = {name: mean(scores(rows, strategy=name)) for name in BASELINES}
    for name, value in levels.items():
        panels[0].axhline(
            value, color=LOOKS[name].color, ls=":" if name == PIXELS else "--", lw=1.2
        )
    panels[0].text(0, max(levels.values()) + 0.02, "dotted: pixels, dashed: random net", fontsize=8)
    return fig


# ---------------------------------------------------------------- C11: head first


def c11_trials(size: dict) -> list[dict]:
    return _pairs(size, strategy=(HEAD_ONLY, FULL, LP_FT)) + _baselines(size)


def head_first(trial: dict) -> dict:
    """One strategy on the task by day, tested by day and on the same classes at night."""
    from course_lib import evaluate, fit, load_task

    if trial["strategy"] in BASELINES:
        return transfer(trial)
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    night = load_task("night-shapes", train=len(task.classes), seed=trial["seed"])
    base, epochs = STRATEGIES[trial["strategy"]], trial["epochs"]
    half = replace(base, head_epochs=epochs // 2) if base.head_epochs else base
    run = fit(
        trials.backbone(),
        task,
        half,
        epochs,
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    return {"test": run.test, "shifted": evaluate(run.model, night), "seconds": run.seconds}


def c11_judge(rows: list[Row]) -> Finding:
    gains = {
        word: scores(rows, key, strategy=LP_FT) - scores(rows, key, strategy=FULL)
        for word, key in (("in distribution", "test"), ("under shift", "shifted"))
    }
    verdicts = {word: above(gain) for word, gain in gains.items()}
    told = "; ".join(
        f"{name} {with_spread(scores(rows, strategy=name))} by day, "
        f"{with_spread(scores(rows, 'shifted', strategy=name))} at night"
        for name in (HEAD_ONLY, FULL, LP_FT)
    )
    sentence = (
        f"{told}. Head first against everything at once: "
        + ", ".join(f"{100 * mean(gain):+z.1f} points {word}" for word, gain in gains.items())
        + ". Part by part: "
        + "; ".join(f"better {word}: {verdict}" for word, verdict in verdicts.items())
        + "."
    )
    alt = f"Test accuracy by day and at night for three strategies: {told}."
    return Finding(together(list(verdicts.values())), sentence, alt)


def c11_draw(rows: list[Row]):
    from course_lib.measure.figures import LOOKS, label_ends

    names = [HEAD_ONLY, FULL, LP_FT]
    fig, ax = axes(rows, height=3.4)
    for name in names:
        color = LOOKS[name].color
        pairs = np.array([scores(rows, key, strategy=name) for key in ("test", "shifted")])
        ax.plot([0, 1], pairs, color=color, alpha=0.3, lw=1)
        ax.plot(
            [0, 1], pairs.mean(1), color=color, marker=LOOKS[name].marker, ls=LOOKS[name].linestyle
        )
    ax.set_xticks([0, 1], ["by day, as in training", "at night: the shift"])
    ax.set_xlim(-0.15, 1.15)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("test accuracy")
    ax.set_title(f"Head first? {rows[0]['train']} labels (thin lines: draws)")
    baseline_lines(ax, rows)
    label_ends(ax, {name: mean(scores(rows, "shifted", strategy=name)) for name in names})
    return fig


# ---------------------------------------------------------------- C13: the block the shift is in

SHIFTS = {"blur": "input", "colour": "input", "relabelled": "output"}
EARLY, LATE = ("stem", "layer1"), ("layer4", "head")


def shifted(pictures, labels, shift: str, classes: int):
    """The same pictures and labels with something changed: their sharpness, their colours, or what
    the classes are called.

    pictures: uint8 (n, 3, height, width). shift: "blur" (Gaussian, sigma 2 pixels), "colour" (the
    channels change places and lose contrast), "relabelled" (every class takes its neighbour's
    number). Gives (pictures, labels) of the same types.
    """
    from torchvision.transforms.functional import gaussian_blur

    if shift == "blur":
        return gaussian_blur(pictures, 13, 2.0), labels
    if shift == "colour":
        turned = pictures[:, [2, 0, 1]].float()
        return (255 - 0.6 * turned).byte(), labels
    return pictures, (labels + 1) % classes


def c13_trials(size: dict) -> list[dict]:
    blocks = (*trials.backbone().stage_names, S.HEAD)
    return [
        {
            **{key: size[key] for key in ("task", "train", "target", "epochs", "batch")},
            "rates": list(size["rates"]),
            "shift": shift,
            "block": block,
            "seed": seed,
        }
        for seed in size["seeds"]
        for shift in SHIFTS
        for block in (*blocks, "everything", "nothing")
    ]


def surgery(trial: dict) -> dict:
    """Take a net that knows the task and train one block of it on shifted pictures.

    Everything else, the head included, keeps its weights. The rate is chosen on validation.
    """
    from course_lib import evaluate, load_task

    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    knows = _expert(trial["task"], trial["train"], trial["seed"], trial["batch"])
    parts = {
        split: shifted(*getattr(task, split), trial["shift"], len(task.classes))
        for split in ("validation", "test")
    }
    fresh = load_task(trial["task"], train=trial["target"], seed=trial["seed"] + 500)
    pictures, labels = shifted(*fresh.train, trial["shift"], len(task.classes))
    if trial["block"] == "nothing":
        return {"test": evaluate(knows, parts["test"]), "lr": 0.0}
    best = None
    for lr in trial["rates"]:
        model = tune_block(
            knows, pictures, labels, trial["block"], lr, trial["epochs"], trial["seed"]
        )
        score = evaluate(model, parts["validation"])
        if best is None or score > best[0]:
            best = (score, lr, model)
    return {"test": evaluate(best[2], parts["test"]), "lr": best[1], "validation": best[0]}


@lru_cache(maxsize=4)
def _expert(task, train, seed, batch):
    from course_lib import fit, load_task

    target = load_task(task, train=train, seed=seed)
    return fit(
        trials.backbone(),
        target,
        S.FULL_FINE_TUNING,
        5,
        batch_size=batch,
        seed=seed,
        validate_every=0,
        test=False,
        progress=False,
    ).model


def tune_block(model, pictures, labels, block: str, lr: float, epochs: int, seed: int = 0):
    """A copy of `model` in which one stage (or "head", or "everything") was trained, eval mode.

    Surgical fine-tuning: Lee et al. 2022.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from course_lib.train.stepping import forward_pass, update

    model = model.copy().eval().requires_grad_(False)
    parts = {**model.stages, S.HEAD: model.head, "everything": model}
    parts[block].requires_grad_(True)
    optimizer = torch.optim.AdamW(parts[block].parameters(), lr=lr)
    optimizer.param_groups[0]["name"] = block
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        batches = torch.randperm(len(labels), generator=generator).split(16)
        for step, rows in enumerate(batches, epoch * len(batches)):
            with forward_pass(seed, step, model.device):
                x = model.prepare(pictures[rows].to(model.device))
                loss = cross_entropy(model(x), labels[rows].to(model.device))
            update(optimizer, loss, {block: lr}, step)
    return model


def c13_judge(rows: list[Row]) -> Finding:
    verdicts, told = {}, []
    for shift, kind in SHIFTS.items():
        here = select(rows, shift=shift)
        value = {block: scores(here, block=block) for block in _blocks(rows)}
        early, late = (np.max([value[b] for b in group], 0) for group in (EARLY, LATE))
        verdicts[shift] = above(early - late if kind == "input" else late - early)
        best = max(
            (b for b in value if b not in ("everything", "nothing")), key=lambda b: mean(value[b])
        )
        told.append(
            f"{shift}: best block {best} ({mean(value[best]):.3f}; everything "
            f"{mean(value['everything']):.3f}, nothing {mean(value['nothing']):.3f}), early "
            f"against late {100 * mean(early - late):+z.1f} points: {verdicts[shift]}"
        )
    alt = "Test accuracy after training one block, for three shifts. " + "; ".join(
        f"{shift}: "
        + ", ".join(
            f"{block} {mean(scores(select(rows, shift=shift), block=block)):.2f}"
            for block in _blocks(rows)
        )
        for shift in SHIFTS
    )
    return Finding(together(list(verdicts.values())), ". ".join(told).capitalize() + ".", alt + ".")


def _blocks(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["block"] for row in rows))


def c13_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    blocks = _blocks(rows)
    fig, panels = plt.subplots(1, len(SHIFTS), figsize=(10, 3.4), sharey=True)
    for ax, shift in zip(panels, SHIFTS, strict=True):
        here = select(rows, shift=shift)
        for place, block in enumerate(blocks[::-1]):
            values = scores(here, block=block)
            color = "#0072B2" if block not in ("everything", "nothing") else "#777777"
            ax.barh(place, values.mean(), color=color, alpha=0.28, height=0.65)
            ax.plot(values, np.full(len(values), place), "o", color=color, ms=4.5)
            ax.text(1.03, place, f"{values.mean():.2f}", va="center", fontsize=9)
        ax.set_yticks(range(len(blocks)), blocks[::-1])
        ax.set_xlim(0, 1.02)
        ax.grid(axis="y", visible=False)
        ax.set_title(shift)
        ax.set_xlabel("test accuracy")
    panels[0].set_ylabel("block that learns")
    return fig


# ---------------------------------------------------------------- the claims

CLAIMS = (
    Claim(
        tag="C36",
        lesson="02",
        statement="Frozen depth: each frozen stage saves time and parameters, and lowers the "
        "ceiling of what can be reached.",
        rule="two parts (95 % intervals over draws): with features kept, an epoch with all stages "
        "frozen takes less than a tenth of one with none frozen; the best other depth ends above "
        "the head alone in test accuracy.",
        trials=c36_trials,
        measure=depth,
        judge=c36_judge,
        draw=c36_draw,
        live={"task": "new-shapes", "train": 64, "seeds": (0, 1), "epochs": 3, "batch": 16},
        quick={"task": "new-shapes", "train": 36, "seeds": (0,), "epochs": 2, "batch": 16},
        full={"task": "new-shapes", "train": 400, "seeds": (0, 1, 2), "epochs": 8, "batch": 16},
    ),
    Claim(
        tag="C11",
        lesson="02",
        statement="Head first, then unfreeze (LP-FT) beats unfreezing at once, most of all under "
        "shift (Kumar et al. 2022).",
        rule="two parts: LP-FT ends above full fine-tuning on new pictures of the same kind, and "
        "on the same classes at night, which no training picture shows (95 % intervals of the "
        "paired differences above zero). Equal rates and passes; the head has half of them alone.",
        trials=c11_trials,
        measure=head_first,
        judge=c11_judge,
        draw=c11_draw,
        live={"task": "new-shapes", "train": 60, "seeds": (0, 1, 2), "epochs": 6, "batch": 16},
        quick={"task": "new-shapes", "train": 36, "seeds": (0,), "epochs": 2, "batch": 16},
        full={
            "task": "new-shapes",
            "train": 100,
            "seeds": (0, 1, 2, 3, 4),
            "epochs": 12,
            "batch": 16,
        },
    ),
    Claim(
        tag="C13",
        lesson="02",
        statement="Tune the block the shift is in: early ones for a change of the picture, late "
        "ones for a change of the labels (Lee et al. 2022).",
        rule="three parts: under blur and under a change of colours the better of stem and layer1 "
        "beats the better of layer4 and head; when the classes change places it is the other way "
        "round (95 % intervals of the paired differences). Every block tries the same rates.",
        trials=c13_trials,
        measure=surgery,
        judge=c13_judge,
        draw=c13_draw,
        live={
            "task": "new-shapes",
            "train": 120,
            "target": 36,
            "seeds": (0, 1),
            "epochs": 3,
            "batch": 16,
            "rates": (3e-3,),
        },
        quick={
            "task": "new-shapes",
            "train": 24,
            "target": 12,
            "seeds": (0,),
            "epochs": 1,
            "batch": 16,
            "rates": (3e-3,),
        },
        full={
            "task": "new-shapes",
            "train": 300,
            "target": 60,
            "seeds": (0, 1, 2),
            "epochs": 8,
            "batch": 16,
            "rates": (1e-3, 5e-3),
        },
    ),
)
