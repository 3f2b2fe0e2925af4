"""Nets on the way of one pretraining, and what each is worth on other tasks."""

from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

from course_lib.backbones import Backbone
from course_lib.claims.trials import halves
from course_lib.claims.trials.transfer import backbone
from course_lib.data.tasks import load_task
from course_lib.errors import CourseError
from course_lib.lab import cache
from course_lib.notebooks import find_root
from course_lib.see import probe
from course_lib.train import strategies as S
from course_lib.train.baselines import features
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import prepare_run

KEPT, SHORT = "checkpoints", "short"
FOLDER = Path("runs") / "worldnet"  # where `course pretrain --keep ...` leaves its checkpoints


def checkpoint(trial: dict) -> dict:
    """Source accuracy of a checkpoint, and what a linear probe on it reaches on a target task.

    trial: source (`KEPT`: WorldNet's own pretraining; `SHORT`: a small net's on half A, with
    pictures, epochs and side), share of the run, task, train (labels in all), seed.
    """
    key = (trial["source"], trial["share"])
    if trial["source"] == SHORT:
        key += tuple(trial[name] for name in ("pictures", "epochs", "side"))
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    net, accuracy = _checkpoint(*key)
    parts = [_fixed_features(key, trial["task"], split) for split in ("validation", "test")]
    labels = tuple(getattr(task, split).labels for split in ("train", "validation", "test"))
    score = probe((features(net, task.train.pictures), *parts), labels, task.metric)
    return {"accuracy": accuracy, "test": score.test}


@cache.kept(maxsize=64)
def _fixed_features(key: tuple, task: str, split: str) -> Tensor:
    return features(_checkpoint(*key)[0], getattr(load_task(task), split).pictures)


@cache.kept(maxsize=16)
def _checkpoint(source: str, share: float, *settings: int) -> tuple[Backbone, float]:
    """A net at a share of its pretraining, and its accuracy on its own source task."""
    if source == SHORT:
        return _short_run(*settings)[share]
    net = backbone() if share == 1 else _from_file(share)
    return net, evaluate(net, load_task("source"))


def _from_file(share: float) -> Backbone:
    """WorldNet with the weights that `course pretrain --keep` left at a share of its run."""
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
def _short_run(pictures: int, epochs: int, side: int) -> dict[float, tuple[Backbone, float]]:
    """A small net pretrained on half A of the world for moments: share -> (net, accuracy)."""
    task = halves.half_task("A", pictures, 0, side)
    run = prepare_run(
        halves.small_net(side), task, S.SCRATCH, epochs, batch_size=64, validate_every=0, test=False
    )
    start = run.model.copy().eval()
    found: dict[float, tuple[Backbone, float]] = {0: (start, evaluate(start, task))}
    for _ in run.ticks():
        share = run.step / (run.batches * epochs)
        if run.step % run.batches == 0 and share not in found:
            net = run.model.copy().eval()
            found[share] = (net, evaluate(net, task))
    return found


def ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """Column order: of each task and draw, Spearman's rank correlation over checkpoints of source
    accuracy and probe score."""
    order = {
        key: spearmanr(part["accuracy"], part["test"]).statistic
        for key, part in rows.groupby(["task", "seed"])
    }
    return rows.assign(order=[order[key] for key in zip(rows["task"], rows["seed"], strict=True)])
