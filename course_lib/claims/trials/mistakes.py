"""What each mistake at serving time costs: preprocessing (C27), modes, weights, classes (C27b)."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import world
from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.trials.transfer import HEAD_ONLY, STRATEGIES, backbone
from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.measure import metrics
from course_lib.measure.figures import Look
from course_lib.train import strategies as S
from course_lib.train.baselines import features
from course_lib.train.fit import fit

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHAPES, LIGHT = "new-shapes", "lamp-or-sky"
# WorldNet's late features ignore hue, so a colour task must change its first stages.
FIRST_STAGES = replace(S.FULL_FINE_TUNING, name="first stages", trainable=("stem", "layer1"))
NONE = "none"


@lru_cache(maxsize=16)
def task_of(name: str, train: int, seed: int, test: int) -> Task:
    """A task with its first `test` test pictures; "lamp-or-sky" is made here."""
    if name == LIGHT:
        return light(train, seed, test)
    task = load_task(name, train=train, seed=seed)
    return replace(task, test=Split(task.test.pictures[:test], task.test.labels[:test]))


def light(train: int, seed: int, test: int) -> Task:
    """A task in which colour is the class: was the picture taken by lamp light or under the sky?"""

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
GROUPS = {
    group: [name for name, (its, _) in MISTAKES.items() if its == group]
    for group in (NORMALISATION, ORDER, RESIZE)
}
_BY_GROUP = (Look("#D55E00", "--", "o"), Look("#0072B2", "-", "s"), Look("#009E73", "-.", "^"))
LOOKS = {
    name: look for names, look in zip(GROUPS.values(), _BY_GROUP, strict=True) for name in names
}
SERVING, BOTH = "serving only", "training and serving"


def with_mistake(model: Backbone, name: str) -> Backbone:
    """A copy of the model that makes the mistake whenever it prepares pictures."""
    twin, right = model.copy(), model.transform
    if name != NONE:
        wrong = MISTAKES[name][1]
        twin.transform = lambda pictures: wrong(pictures, right)
    return twin


def mistake_trials(size: dict) -> list[dict]:
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
    task = task_of(trial["task"], trial["train"], trial["seed"], trial["test"])
    trained_with = trial["mistake"] if trial["when"] == BOTH else NONE
    keys = ("task", "train", "seed", "test", "strategy", "epochs")
    model = _trained(*(trial[key] for key in keys), trained_with)
    if trial["strategy"] == HEAD_ONLY:  # one backbone for all seeds
        with torch.inference_mode():
            seen = _features(trial["task"], trial["test"], trial["mistake"])
            logits = model.head(seen)
    else:
        logits = predict(with_mistake(model, trial["mistake"]), task.test.pictures)
    return {"accuracy": metrics.score("accuracy", logits, task.test.labels)}


@cache.kept(maxsize=2)  # trials of one model follow each other
def _trained(task, train, seed, test, strategy, epochs, mistake):
    model = with_mistake(backbone(), mistake)
    chosen = {**STRATEGIES, FIRST_STAGES.name: FIRST_STAGES}[strategy]
    run = fit(
        model,
        task_of(task, train, seed, test),
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


@cache.kept(maxsize=64)
def _features(task: str, test: int, mistake: str) -> Tensor:
    pictures = task_of(task, 12, 0, test).test.pictures
    return features(with_mistake(backbone(), mistake), pictures)


def with_losses(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a mistake, and what it lost: accuracy of the same model with the right
    preprocessing less accuracy with the mistake. points: the same times 100. model: as the figure
    names it."""
    draw = ["task", "strategy", "seed"]
    right = rows[rows["mistake"] == NONE].set_index(draw)["accuracy"].rename("right")
    found = rows[rows["mistake"] != NONE].join(right, on=draw).reset_index(drop=True)
    mean = found.groupby(["task", "strategy"])["right"].transform("mean")
    also = found["when"].map({SERVING: "", BOTH: ", trained so too"})
    called = found["task"] + ", " + found["strategy"] + also
    lost = found["right"] - found["accuracy"]
    model = called + mean.map(" ({:.2f} when right)".format)
    return found.assign(lost=lost, points=100 * lost, model=model)


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


def mishap_trials(size: dict) -> list[dict]:
    keys = ("task", "train", "epochs", "test")
    return [
        {"mishap": mishap, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for mishap in MISHAPS
    ]


def mishap(trial: dict) -> dict:
    """Accuracy of a good model after one mishap on its way to its users."""
    task = task_of(trial["task"], trial["train"], trial["seed"], trial["test"])
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
    if not name.startswith("train mode"):
        return predict(model, pictures)
    model.train()
    batch = 1 if name.endswith("one by one") else 16
    with torch.no_grad():  # a running program: batch statistics change from call to call
        return torch.cat([model(model.prepare(part)) for part in pictures.split(batch)])


def with_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds what a row is called in the figure: served."""
    return rows.assign(served=rows["mishap"].replace(NONE, MISHAPS[NONE]))
