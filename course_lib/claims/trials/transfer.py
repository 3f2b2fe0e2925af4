"""A strategy trained and tuned like its rivals, and the baselines: the trial of most claims."""

import base64
from dataclasses import replace

import numpy as np
import pandas as pd
from torch import Tensor

from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab import cache, tracks
from course_lib.lab.looks import BASELINES, PIXELS
from course_lib.measure import metrics
from course_lib.train import strategies as S
from course_lib.train.fit import fit
from course_lib.train.loop import Run

SCRATCH, HEAD_ONLY = S.SCRATCH.name, S.FEATURE_EXTRACTION.name
FINE, FULL = S.FINE_TUNING.name, S.FULL_FINE_TUNING.name
LANES = (SCRATCH, HEAD_ONLY, FINE, FULL)
STRATEGIES = {strategy.name: strategy for strategy in S.ALL}
FRESH = 500_000  # draws of training pictures from this one on are measured on


def fresh(task: str, n: int, seed: int) -> Split:
    """n test pictures of a draw's own: nobody learns from them, and no other draw has them.

    task: one of the image world, whose pictures never run out.
    """
    return load_task(task, train=n, seed=FRESH + seed).train


def run_once(trial: dict, strategy: S.Strategy) -> Run:
    """One training from the pretrained net, without a look at the test pictures.

    trial: task, train, seed, epochs, batch.
    """
    return fit(
        backbone(),
        load_task(trial["task"], train=trial["train"], seed=trial["seed"]),
        strategy,
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        test=False,
        progress=False,
    )


def transfer(trial: dict) -> dict:
    """Train one strategy once, its rate chosen on validation, and measure it on the test pictures.

    trial: task, train (labels in all), seed, strategy (or the name of a baseline), epochs, batch,
    rates (multiples of the strategy's own rate; every strategy gets as many); test, if so many
    of the test pictures will do; fresh, if so many of the draw's own are the test pictures.
    """
    if trial["strategy"] in BASELINES:
        return baseline(trial, trial["strategy"])
    return transferred(backbone(), _task(trial), trial)


def _task(trial: dict) -> Task:
    whole = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    if "fresh" in trial:
        return replace(whole, test=fresh(trial["task"], trial["fresh"], trial["seed"]))
    return replace(whole, test=Split(*(part[: trial.get("test")] for part in whole.test)))


def transferred(model: Backbone, target: Task, trial: dict) -> dict:
    """A strategy from this net on this task, as in `transfer`."""
    from course_lib.train.tuning import tune

    base = S.for_net(STRATEGIES[trial["strategy"]], model)
    tuning = tune(
        model,
        target,
        base,
        rates=[base.lr * rate for rate in trial["rates"]],
        epochs=trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        widen=0,
        progress=False,
    )
    run = tuning.run
    scores = predict(run.model, target.test.pictures)
    return {
        "test": metrics.score(target.metric, scores, target.test.labels),
        "validation": run.validation,
        "train_accuracy": run.history[-1].accuracy,
        "loss": run.history[-1].loss,
        "lr": run.strategy.lr,
        "chosen_epochs": len(run.history),
        "seconds": run.seconds,
        "tuning_seconds": tuning.seconds,
        "trainable_parameters": run.trainable_parameters,
        "right": packed(scores, target.test.labels),
    }


def baseline(trial: dict, name: str) -> dict:
    """Logistic regression on pixels or on the features of a random net, by its name.

    trial: task, train, seed, maybe test or fresh. Measured once in a session, whichever claim asks.
    """
    entries = ("task", "train", "seed", "test", "fresh")
    asked = {key: trial[key] for key in entries if key in trial}
    return cache.measured(_baseline, {**asked, "name": name})


def _baseline(trial: dict) -> dict:
    return baseline_of(backbone(), _task(trial), trial["name"], trial["seed"])


def baseline_of(model: Backbone, target: Task, name: str, seed: int) -> dict:
    """A baseline, by its name, on this task."""
    from course_lib.train.baselines import pixel_logistic_regression, random_frozen

    one = (
        pixel_logistic_regression(target) if name == PIXELS else random_frozen(model, target, seed)
    )
    return {"test": one.test, "validation": one.validation, "seconds": one.seconds}


def packed(scores: Tensor, labels: Tensor) -> str:
    """Which pictures the scores (n, classes) are right on, eight to a byte; see unpacked."""
    right = (scores.argmax(1) == labels).numpy()
    return f"{len(right)}:{base64.b64encode(np.packbits(right).tobytes()).decode()}"


def unpacked(text: str) -> np.ndarray:
    """(pictures,) 0 and 1 from `packed`."""
    count, _, bits = text.partition(":")
    return np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8))[: int(count)].astype(
        float
    )


def with_pictures(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with `right` as an array: for claims on a test set that all draws share."""
    if "right" not in rows:
        return rows
    return rows.assign(right=[unpacked(r) if isinstance(r, str) else r for r in rows["right"]])


def backbone() -> Backbone:
    """The pretrained backbone of the current track."""
    return _backbone()


@cache.kept(maxsize=1)
def _backbone() -> Backbone:
    return tracks.current().load_backbone()


def grid(size: dict, trains, names) -> list[dict]:
    """The trials of some strategies or baselines with some numbers of labels, draw by draw."""
    return [
        {
            "task": size["task"],
            "train": train,
            "seed": seed,
            "strategy": name,
            "epochs": passes(size, train),
            "batch": size["batch"],
            "rates": () if name in BASELINES else size["rates"],
            **{entry: size[entry] for entry in ("test", "fresh") if entry in size},
        }
        for train in trains
        for name in names
        for seed in size["seeds"]
    ]


def passes(size: dict, train: int):
    """Passes over the data: as given, or as many as `pictures` seen in all come to, but 5 at least
    and `most_passes` (40) at most."""
    if "pictures" in size:
        return int(np.clip(round(size["pictures"] / train), 5, size.get("most_passes", 40)))
    epochs = size["epochs"]
    return tuple(epochs) if isinstance(epochs, (list, tuple)) else epochs
