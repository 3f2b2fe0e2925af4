"""What each mistake at serving time costs: preprocessing (C27), modes, weights, classes (C27b)."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.experiments.trials import STRATEGIES, backbone
from course_lib.measure.statistics import above, mean, points, together
from course_lib.train import strategies as S

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHAPES, LIGHT = "new-shapes", "lamp-or-sky"
# WorldNet's late features ignore hue, so a colour task must change its first stages.
FIRST_STAGES = replace(S.FULL_FINE_TUNING, name="first stages", trainable=("stem", "layer1"))
HEAD_ONLY = S.FEATURE_EXTRACTION.name
NONE = "none"


@lru_cache(maxsize=16)
def _task(name: str, train: int, seed: int, test: int):
    """A task with its first `test` test pictures; "lamp-or-sky" is made here."""
    from course_lib import load_task
    from course_lib.data.split import Split

    if name == LIGHT:
        return light(train, seed, test)
    task = load_task(name, train=train, seed=seed)
    return replace(task, test=Split(task.test.pictures[:test], task.test.labels[:test]))


def light(train: int, seed: int, test: int):
    """A task in which colour is the class: was the picture taken by lamp light or under the sky?"""
    import torch

    from course_lib import world
    from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
    from course_lib.data.split import Split
    from course_lib.data.task import Task

    def split(n: int, seed: int):
        labels = torch.arange(n) % 2
        warm = torch.tensor([1.5, 1.0, 0.5])
        tint = torch.where(labels[:, None] == 0, warm, warm.flip(0))[:, :, None, None]
        pictures = world.render(world.sample(n, seed=seed)).float() * tint
        return Split(pictures.clamp(0, 255).to(torch.uint8), labels)

    return Task(
        name=LIGHT,
        title="Lamp light or sky light",
        train=split(train, TRAIN_SEED + seed),
        validation=split(12, VALIDATION_SEED),
        test=split(test, TEST_SEED),
        classes=("lamp", "sky"),
        metric="accuracy",
        similarity="similar",
        provenance="rendered by course_lib.world, tinted",
    )


# ---------------------------------------------------------------- C27: wrong preprocessing
# A mistake turns uint8 pictures and the right transform into what the net is given instead.


def _channels(values, like):
    return like.new_tensor(tuple(values)).view(3, 1, 1)


def _undone(pictures, right):
    """The pictures as the net would see them without normalisation, 0..1."""
    x = right(pictures)
    return x * _channels(right.std, x) + _channels(right.mean, x)


def not_normalised(pictures, right):
    return _undone(pictures, right)


def not_divided(pictures, right):
    """Mean and standard deviation made for 0..1 are applied to 0..255."""
    x = 255 * _undone(pictures, right)
    return (x - _channels(right.mean, x)) / _channels(right.std, x)


def others_mean(pictures, right):
    x = _undone(pictures, right)
    return (x - _channels(IMAGENET_MEAN, x)) / _channels(IMAGENET_STD, x)


def twice(pictures, right):
    x = right(pictures)
    return (x - _channels(right.mean, x)) / _channels(right.std, x)


def blue_first(pictures, right):
    return right(pictures.flip(1))


def squeezed(pictures, right):
    """Frames of 4:3 (more background at both sides), squeezed to a square in place of a crop."""
    import torch.nn.functional as F

    side = pictures.shape[-1]
    wide = F.pad(pictures.float(), (side // 6, side // 6, 0, 0), mode="reflect")
    return right(_resized(wide, side).to(pictures.dtype))


def centre_only(pictures, right):
    """A crop that is too tight: the middle three quarters, enlarged."""
    side = pictures.shape[-1]
    cut = side // 8
    middle = pictures[..., cut : side - cut, cut : side - cut].float()
    return right(_resized(middle, side).to(pictures.dtype))


def thumbnail(pictures, right):
    """Pictures that went through a preview of 24 pixels."""
    side = pictures.shape[-1]
    return right(_resized(_resized(pictures.float(), 24), side).to(pictures.dtype))


def _resized(x, side: int):
    import torch.nn.functional as F

    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return x.clamp(0, 255)


NORMALISATION, ORDER, RESIZE = "normalisation", "channel order", "resize and crop"
MISTAKES: dict[str, tuple[str, Callable]] = {
    "not normalised": (NORMALISATION, not_normalised),
    "0 to 255 taken for 0 to 1": (NORMALISATION, not_divided),
    "ImageNet's mean and std": (NORMALISATION, others_mean),
    "normalised twice": (NORMALISATION, twice),
    "BGR for RGB": (ORDER, blue_first),
    "squeezed, not cropped": (RESIZE, squeezed),
    "cropped too tightly": (RESIZE, centre_only),
    "enlarged from a thumbnail": (RESIZE, thumbnail),
}
SERVING, BOTH = "serving only", "training and serving"


def with_mistake(model, name: str):
    """A copy of the model that makes the mistake whenever it prepares pictures."""
    twin, right = model.copy(), model.transform
    if name != NONE:
        wrong = MISTAKES[name][1]
        twin.transform = lambda pictures: wrong(pictures, right)
    return twin


def c27_trials(size: dict) -> list[dict]:
    return [
        {
            "task": task,
            "strategy": strategy,
            "when": when,
            "mistake": mistake,
            "seed": seed,
            "train": size["train"],
            "epochs": size["epochs"][strategy],
            "test": size["test"],
        }
        for task, strategy in size["lanes"]
        for seed in size["seeds"]
        for when in (SERVING, BOTH)
        for mistake in (NONE, *MISTAKES)
        # Training with a mistake is measured where it is cheap; without one there is only one way.
        if when == SERVING or (mistake != NONE and strategy == HEAD_ONLY)
    ]


def serve_wrongly(trial: dict) -> dict:
    """Accuracy of a model that meets its test pictures with a mistake in the preprocessing."""
    from course_lib.backbones.inference import predict
    from course_lib.measure import metrics

    task = _task(trial["task"], trial["train"], trial["seed"], trial["test"])
    trained_with = trial["mistake"] if trial["when"] == BOTH else NONE
    keys = ("task", "train", "seed", "test", "strategy", "epochs")
    model = _trained(*(trial[key] for key in keys), trained_with)
    if trial["strategy"] == HEAD_ONLY:  # one backbone for all seeds
        import torch

        with torch.inference_mode():
            features = _features(trial["task"], trial["test"], trial["mistake"])
            logits = model.head(features)
    else:
        logits = predict(with_mistake(model, trial["mistake"]), task.test.pictures)
    return {"accuracy": metrics.score("accuracy", logits, task.test.labels)}


@lru_cache(maxsize=2)  # trials of one model follow each other
def _trained(task, train, seed, test, strategy, epochs, mistake):
    from course_lib import fit

    model = with_mistake(backbone(), mistake)
    chosen = {**STRATEGIES, FIRST_STAGES.name: FIRST_STAGES}[strategy]
    run = fit(
        model,
        _task(task, train, seed, test),
        chosen,
        epochs,
        batch_size=16,
        seed=seed,
        validate_every=0,
        test=False,
        progress=False,
    )
    run.model.transform = backbone().transform
    return run.model.cpu()


@lru_cache(maxsize=64)
def _features(task: str, test: int, mistake: str):
    from course_lib.train.baselines import features

    pictures = _task(task, 12, 0, test).test.pictures
    return features(with_mistake(backbone(), mistake), pictures)


def _lost(rows: list[Row], mistake: str, **wanted) -> np.ndarray:
    """Accuracy lost per seed, against the same model with the right preprocessing."""
    wrong = select(rows, mistake=mistake, **wanted)
    wanted.pop("when", None)
    right = {r["seed"]: r["accuracy"] for r in select(rows, mistake=NONE, **wanted)}
    return np.array([right[r["seed"]] - r["accuracy"] for r in wrong])


def _lanes(rows: list[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["task"], row["strategy"]) for row in rows))


def c27_judge(rows: list[Row]) -> Finding:
    lanes = _lanes(rows)
    groups: dict[str, list[str]] = {}
    for name, (group, _) in MISTAKES.items():
        groups.setdefault(group, []).append(name)

    def lost(names: list[str], lane: tuple[str, str], when: str = SERVING) -> np.ndarray:
        task, strategy = lane
        return np.mean([_lost(rows, n, task=task, strategy=strategy, when=when) for n in names], 0)

    parts = {
        f"{group} on {lane[0]}, {lane[1]}": lost(names, lane)
        for group, names in groups.items()
        for lane in lanes
    }
    verdicts = {name: above(values, 0.02) for name, values in parts.items()}
    each = {name: mean([mean(lost([name], lane)) for lane in lanes]) for name in MISTAKES}
    cached = next(lane for lane in lanes if lane[1] == HEAD_ONLY)
    served, both = (mean(lost(list(MISTAKES), cached, when)) for when in (SERVING, BOTH))
    worst, mildest = max(each, key=each.get), min(each, key=each.get)
    sentence = (
        "Points of accuracy lost when only serving was wrong: "
        + "; ".join(f"{name} {100 * mean(v):z.1f} ({verdicts[name]})" for name, v in parts.items())
        + f". The costliest single mistake was “{worst}” ({points(each[worst])}), the mildest "
        f"“{mildest}” ({points(each[mildest])}). With a new head trained on pictures that suffered "
        f"the same mistake, the mean loss on {cached[0]} was {points(both)} instead of "
        f"{points(served)}: a pipeline that is wrong in the same way twice costs less than one "
        "that is right once."
        if both < served
        else "Points of accuracy lost when only serving was wrong: "
        + "; ".join(f"{name} {100 * mean(v):z.1f} ({verdicts[name]})" for name, v in parts.items())
        + f". The costliest single mistake was “{worst}” ({points(each[worst])}). A new head "
        f"trained with the same mistake did not help: {points(both)} against {points(served)}."
    )
    alt = "Points of accuracy lost for each mistake in serving: " + ", ".join(
        f"{name} {100 * value:.0f}" for name, value in each.items()
    )
    return Finding(together(list(verdicts.values())), sentence, alt + ".")


def c27_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    lanes, names = _lanes(rows), list(MISTAKES)[::-1]
    fig, axes = plt.subplots(
        1, len(lanes), figsize=(3.3 + 2.6 * len(lanes), 4.4), sharey=True, squeeze=False
    )
    looks = {
        SERVING: dict(color=LOOKS["scratch"].color, marker="o", mfc=LOOKS["scratch"].color),
        BOTH: dict(color=LOOKS["feature extraction"].color, marker="s", mfc="white"),
    }
    for ax, (task, strategy) in zip(axes[0], lanes, strict=True):
        wanted = {"task": task, "strategy": strategy}
        for offset, when in ((0.14, SERVING), (-0.14, BOTH)):
            for place, name in enumerate(names):
                lost = 100 * _lost(rows, name, when=when, **wanted)
                if not len(lost):
                    continue
                at = np.full(len(lost), place + offset)
                ax.plot(lost, at, ls="", ms=4.5, alpha=0.45, **looks[when])
                label = when if place == 0 else None
                ax.plot(lost.mean(), place + offset, ls="", ms=8, label=label, **looks[when])
        ax.axvline(0, color="#777777", lw=1)
        right = mean([r["accuracy"] for r in select(rows, mistake=NONE, **wanted)])
        ax.set_title(f"{task}, {strategy}\n{right:.2f} when right", fontsize=10)
    fig.supxlabel("points of accuracy lost", fontsize=10)
    axes[0][0].set_yticks(range(len(names)), names)
    handles, labels = axes[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False,
               title="the mistake is made in")  # fmt: skip
    return fig


# ---------------------------------------------------------------- C27b: modes, weights, classes

MISHAPS = {
    NONE: "everything right",
    "train mode, one by one": "net.eval() forgotten; one picture in a batch",
    "train mode, 16 mixed": "net.eval() forgotten; batches of 16, mixed",
    "train mode, 16 alike": "net.eval() forgotten; batches of 16 of one class",
    "classes re-sorted": "a head saved without its classes, which are then read alphabetically",
    "head left out": "load_state_dict(strict=False) left the new head random",
    "backbone left random": "the head was loaded into a net without its pretrained weights",
}


def c27b_trials(size: dict) -> list[dict]:
    keys = ("task", "train", "epochs", "test")
    return [
        {"mishap": mishap, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for mishap in MISHAPS
    ]


def mishap(trial: dict) -> dict:
    """Accuracy of a good model after one mishap on its way to its users."""
    import torch

    from course_lib.measure import metrics

    task = _task(trial["task"], trial["train"], trial["seed"], trial["test"])
    keys = ("task", "train", "seed", "test")
    model = _trained(*(trial[key] for key in keys), HEAD_ONLY, trial["epochs"], NONE).copy()
    pictures, labels = task.test
    name, order = trial["mishap"], torch.arange(len(labels))
    if name == "head left out":
        model = model.with_head(len(task.classes), seed=trial["seed"] + 1)
    elif name == "backbone left random":
        blank = model.fresh(trial["seed"])
        blank.replace_head(model.head)
        model = blank
    elif name == "train mode, 16 alike":
        order = labels.argsort(stable=True)
    logits = _served(model, pictures[order], name)
    if name == "classes re-sorted":
        read_as = sorted(task.classes)
        logits = logits[:, [read_as.index(name) for name in task.classes]]
    return {"accuracy": metrics.score("accuracy", logits, labels[order])}


def _served(model, pictures, name: str):
    """Logits, in train mode and small batches where the mishap says so."""
    import torch

    from course_lib.backbones.inference import predict

    if not name.startswith("train mode"):
        return predict(model, pictures)
    model.train()
    batch = 1 if name.endswith("one by one") else 16
    with torch.no_grad():  # a running program: batch statistics change from call to call
        return torch.cat([model(model.prepare(part)) for part in pictures.split(batch)])


def c27b_judge(rows: list[Row]) -> Finding:
    right = {row["seed"]: row["accuracy"] for row in select(rows, mishap=NONE)}
    lost = {
        name: np.array([right[r["seed"]] - r["accuracy"] for r in select(rows, mishap=name)])
        for name in MISHAPS
        if name != NONE
    }
    verdicts = {name: above(values, 0.05) for name, values in lost.items()}
    sentence = (
        f"Right in everything, the model reached {mean(list(right.values())):.3f}. No mishap "
        "raised an error. They cost "
        + ", ".join(
            f"{points(mean(values))} ({name}: {verdicts[name]})" for name, values in lost.items()
        )
        + "."
    )
    alt = "Accuracy after each mishap: " + ", ".join(
        f"{name} {mean([r['accuracy'] for r in select(rows, mishap=name)]):.2f}" for name in MISHAPS
    )
    return Finding(together(list(verdicts.values())), sentence, alt + ".")


def c27b_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    names = list(MISHAPS)[::-1]
    fig, ax = plt.subplots(figsize=(7.2, 3.7))
    for place, name in enumerate(names):
        values = np.array([row["accuracy"] for row in select(rows, mishap=name)])
        color = "#0072B2" if name == NONE else "#D55E00"
        ax.barh(place, values.mean(), color=color, alpha=0.28, height=0.62)
        ax.plot(values, np.full(len(values), place), "s" if name == NONE else "o", color=color)
        ax.text(max(values.max(), values.mean()) + 0.025, place, f"{values.mean():.2f}",
                color=color, va="center", fontsize=9.5)  # fmt: skip
    shown = {NONE: "everything right"}
    ax.set_yticks(range(len(names)), [shown.get(name, name) for name in names])
    ax.set_xlim(0, 1.08)
    ax.set_xlabel("test accuracy")
    ax.grid(axis="y", visible=False)
    ax.set_title("The same weights, served badly: no error is raised")
    return fig


CLAIMS = (
    Claim(
        tag="C27",
        lesson="06",
        statement="Wrong normalisation, wrong channel order and wrong resizing each cost accuracy.",
        rule="on each task, a model trained without the mistake and served with it loses over 2 "
        "points, mean of the group's mistakes (95 % interval over draws); holds when it does so "
        "for all three groups on every task.",
        trials=c27_trials,
        measure=serve_wrongly,
        judge=c27_judge,
        draw=c27_draw,
        live={"lanes": ((SHAPES, HEAD_ONLY), (LIGHT, FIRST_STAGES.name)), "seeds": (0, 1, 2),
              "train": 100, "epochs": {HEAD_ONLY: 15, FIRST_STAGES.name: 5}, "test": 180},
        quick={"lanes": ((SHAPES, HEAD_ONLY), (LIGHT, FIRST_STAGES.name)), "seeds": (0, 1),
               "train": 40, "epochs": {HEAD_ONLY: 4, FIRST_STAGES.name: 2}, "test": 80},
        full={"lanes": ((SHAPES, HEAD_ONLY), (SHAPES, S.FULL_FINE_TUNING.name),
                        (LIGHT, FIRST_STAGES.name)), "seeds": (0, 1, 2, 3, 4), "train": 200,
              "epochs": {HEAD_ONLY: 15, S.FULL_FINE_TUNING.name: 8, FIRST_STAGES.name: 8},
              "test": 300},
    ),
    Claim(
        tag="C27b",
        lesson="06",
        statement="A model in train mode, without its weights or with its classes in another "
        "order answers without an error, and wrongly.",
        rule="each mishap costs over 5 points of accuracy (95 % interval over draws); holds when "
        "all do.",
        trials=c27b_trials,
        measure=mishap,
        judge=c27b_judge,
        draw=c27b_draw,
        live={"task": SHAPES, "seeds": (0, 1, 2), "train": 100, "epochs": 15, "test": 180},
        quick={"task": SHAPES, "seeds": (0, 1), "train": 60, "epochs": 4, "test": 96},
        full={"task": SHAPES, "seeds": (0, 1, 2, 3, 4), "train": 100, "epochs": 15, "test": 480},
    ),
)  # fmt: skip
