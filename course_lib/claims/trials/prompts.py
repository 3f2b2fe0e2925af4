"""Prompts against labels: how many labelled pictures is a prompt worth?"""

import pandas as pd
import torch
from torch import Tensor, nn

from course_lib import world
from course_lib.claims.trials.captions import CAPTIONS, SETTINGS, reader, share, towers_of
from course_lib.joint.few_shot import Head, Settings, fit_head
from course_lib.joint.naming import class_vectors, prompts_for
from course_lib.joint.pairs import new_to_worldnet, pair_scenes, unseen_pairs
from course_lib.lab import cache
from course_lib.lab.looks import PIXELS, RANDOM

PROMPT = "prompt, no labels"
PROBE = "probe on the joint space"
STARTED = "head started from the prompt"
TOWER_TOO = "the same, the tower learns too"
FEATURES = "probe on WorldNet's features"
METHODS = (PROBE, STARTED, TOWER_TOO, FEATURES, RANDOM, PIXELS)
SCALE = 30.0  # of the cosines, where no temperature was learned
TOWER_RATIO = 10.0  # the tower's rate is so many times smaller than the head's

LABELLED = (1, 2, 4, 8, 16, 32)  # pictures per class


def _by_labels(*settings: tuple[float, int]) -> dict[int, Settings]:
    return {k: Settings(*one) for k, one in zip(LABELLED, settings, strict=True)}


# Rate and steps by the number of labels, chosen on draws of their own, seeds 900 to 902, by
# benchmarks/captions.py, then kept.
HEADS = {
    PROBE: _by_labels((0.003, 10), (0.003, 10), (0.01, 10), (0.001, 10), (0.01, 10), (0.01, 10)),
    STARTED: _by_labels(
        (0.001, 10), (0.001, 10), (0.001, 10), (0.001, 10), (0.003, 10), (0.003, 10)
    ),
    TOWER_TOO: _by_labels(
        (0.001, 10), (0.001, 10), (0.001, 10), (0.001, 10), (0.001, 10), (0.001, 10)
    ),
    FEATURES: _by_labels(
        (0.001, 10), (0.001, 10), (0.003, 10), (0.003, 10), (0.001, 10), (0.001, 10)
    ),
    RANDOM: _by_labels(
        (0.001, 10), (0.003, 10), (0.003, 10), (0.001, 10), (0.001, 10), (0.003, 10)
    ),
    PIXELS: _by_labels(
        (0.001, 10), (0.01, 100), (0.01, 100), (0.001, 10), (0.003, 30), (0.001, 30)
    ),
}


def few_shot_trials(size: dict) -> list[dict]:
    """Trials of C34, draw by draw; the prompt needs no labels, and a random net is in the first
    `random_draws` only."""
    shared = {key: size[key] for key in ("pictures", "each", "pool")}
    some = size["seeds"][: size["random_draws"]]
    return [
        {"method": method, "labels": k, "seed": seed, **shared, **vars(settings(method, k))}
        for seed in size["seeds"]
        for method in (PROMPT, *size["methods"])
        if method != RANDOM or seed in some
        for k in ((0,) if method == PROMPT else size["labels"])
    ]


def settings(method: str, labels: int) -> Settings:
    return HEADS[method][labels] if method in HEADS else Settings(0.0, 0)


def few_shot(trial: dict) -> dict:
    """Accuracy on test pictures of the 36 pairs that neither captions nor WorldNet know.

    trial: method, labels (per class), seed, pictures (captioned ones), each (test pictures of a
    pair), pool (pictures of a pair of which the first `labels` are labelled), rate, steps.
    """
    method, pairs = trial["method"], _pairs(trial["seed"])
    how = trial["pictures"], trial["each"], trial["pool"]
    pool, test = _features(_kind(method), trial["seed"], *how)
    how_trained = SETTINGS[CAPTIONS].values()  # as in C31, whose towers may be there already
    few = pool[:, : trial["labels"]].flatten(0, 1)
    labels = torch.arange(len(pairs)).repeat_interleave(trial["labels"])
    if method in (PROMPT, PROBE, STARTED, TOWER_TOO):
        space = towers_of(CAPTIONS, trial["seed"], trial["pictures"], *how_trained, "")
        prompt = class_vectors(space, prompts_for(pairs))
        start = torch.zeros_like(prompt) if method == PROBE else prompt
        tower, head = space.picture, Head(start, space.scale.item())
    else:
        tower, head = Standardised(few), Head(torch.zeros(len(pairs), few.shape[1]), SCALE)
    if method == PROMPT:
        net = nn.Sequential(tower, head).eval()
    else:
        ratio = TOWER_RATIO if method == TOWER_TOO else None
        net = fit_head(tower, head, few, labels, Settings(trial["rate"], trial["steps"]), ratio)
    right = torch.arange(len(pairs)).repeat_interleave(trial["each"])
    with torch.no_grad():
        return {"test": share(net(test).argmax(1) == right)}


def with_level(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which the prompt has no number of labels: a level beside the curves.

    Columns more: wrong, the share of test pictures that are named wrong, for a logarithmic axis at
    least one in a thousand; beside random, whether the draw has a random net.
    """
    some = rows["seed"].isin(rows.loc[rows["method"] == RANDOM, "seed"])
    level = rows["labels"].where(rows["method"] != PROMPT)
    wrong = (1 - rows["test"]).clip(lower=1e-3)
    return rows.assign(labels=level, wrong=wrong, **{"beside random": some})


def overtakes(rows: pd.DataFrame) -> int | None:
    """The labels per class from which the probe on the joint space stays ahead of the prompt, by
    means over draws; None where it is behind at the end."""
    means = rows.groupby(["method", "labels"])["test"].mean()
    ahead = means[PROBE].sort_index() > means[PROMPT].iloc[0]
    behind = [k for k, leads in ahead.items() if not leads]
    rest = [k for k in ahead.index if not behind or k > max(behind)]
    return int(min(rest)) if rest else None


class Standardised(nn.Module):
    """Features with the mean and spread of the labelled pictures taken out."""

    def __init__(self, rows: Tensor):
        super().__init__()
        self.middle, self.spread = rows.mean(0), rows.std(0) + 1e-3

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.middle) / self.spread


def _pairs(seed: int) -> Tensor:
    """(36, 2) the pairs that neither captions nor WorldNet know."""
    unseen = unseen_pairs(seed)
    return unseen[new_to_worldnet(unseen)]


def _kind(method: str) -> str:
    return method if method in (RANDOM, PIXELS) else CAPTIONS


@cache.kept(maxsize=3)
def _features(kind: str, seed: int, pictures: int, each: int, pool: int) -> tuple[Tensor, Tensor]:
    """Features of pictures to be labelled, (36, pool, d), and of test pictures, (36 * each, d)."""
    read = reader(kind, seed, pictures)
    labelled, test = (
        read(world.render(pair_scenes(_pairs(seed), n, seed, stream)))
        for n, stream in ((pool, 4), (each, 5))
    )
    return labelled.unflatten(0, (-1, pool)), test
