"""What each stage of a net offers a linear probe, and how alike the stages of two nets are."""

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from course_lib import world
from course_lib.backbones import Backbone
from course_lib.claims.trials.transfer import backbone
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.see import match_dimension, probe, probe_factors, stage_cka, stage_features
from course_lib.see.probes import DIMENSION, FACTORS, PIXELS
from course_lib.train import strategies as S
from course_lib.train.baselines import adapt_batch_norm
from course_lib.train.fit import fit

PRETRAINED, UNTRAINED, TUNED = "pretrained", "untrained", "fine-tuned"
NETS = (PRETRAINED, UNTRAINED)
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
EARLY, EARLIER, LAST = STAGES[:2], STAGES[:-1], STAGES[-1]
LOW_LEVEL = ("hue", "light", "ground")
OF_PRETRAINED, OF_OTHER = "stage of the pretrained net", "stage of the other net"


@cache.kept(maxsize=4)
def untrained(seed: int) -> Backbone:
    """WorldNet with random weights; batch norm has seen pictures, so that the control is fair."""
    net = backbone().fresh(seed)
    adapt_batch_norm(net, world.render(world.sample(256, seed=650_000 + seed)))
    return net.eval()


def _net(name: str, seed: int) -> Backbone:
    return backbone() if name == PRETRAINED else untrained(seed)


# ---------------------------------------------------------------- known factors of a picture


def probed(trial: dict) -> dict:
    """Skill (0 chance, 1 perfect) of a linear probe for every factor at every stage.

    trial: net, seed, pictures to train, validation and test on, dimension of the probes.
    """
    splits = _scenes(*(trial[key] for key in ("seed", "train", "validation", "test")))
    skill = probe_factors(_net(trial["net"], trial["seed"]), splits, trial["dimension"])
    return {"skill": skill}


@lru_cache(maxsize=2)
def _scenes(seed: int, train: int, validation: int, test: int) -> tuple:
    """Three splits of fresh pictures with their factors, never seen in pretraining."""
    splits, start = [], 0
    for n in (train, validation, test):
        scenes = world.sample(n, seed=640_000 + seed, start=start)
        splits.append((world.render(scenes), scenes))
        start += n
    return tuple(splits)


def skills(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per factor and stage. rival: the stage of the pretrained net that its last one is
    set against, by mean skill: the better of the first two for low-level factors, else the best of
    all earlier ones."""
    found = pd.concat(
        rows[["net", "seed"]].assign(
            factor=factor.name, stage=stage, skill=rows[f"skill.{stage}.{factor.name}"], rival=False
        )
        for factor in FACTORS
        for stage in (PIXELS, *STAGES)
    )
    found = _staged(found)
    for factor, part in found[found["net"] == PRETRAINED].groupby("factor"):
        stage = _best(part, EARLY if factor in LOW_LEVEL else EARLIER, "skill")
        found.loc[part.index[part["stage"] == stage], "rival"] = True
    return found


def best_stage(rows: pd.DataFrame, factor: str) -> str:
    """The stage of the pretrained net from which a factor is read best, pixels apart."""
    found = skills(rows)
    return _best(found[(found["net"] == PRETRAINED) & (found["factor"] == factor)], STAGES, "skill")


# ---------------------------------------------------------------- few labels of a task


def staged(trial: dict) -> dict:
    """Test and validation score of a linear probe on every stage, from few labels.

    trial: task, net, train (labels in all), test (pictures; half as many validate), seed.
    """
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    which = 0 if trial["net"] == PRETRAINED else trial["seed"]  # the untrained net has a seed too
    first = stage_features(_net(trial["net"], which), task.train.pictures)
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


@cache.kept(maxsize=24)
def _fixed_features(task: str, net: str, seed: int, split: str, n: int) -> dict:
    """Features of the pictures that are the same for every draw of labels."""
    pictures, labels = getattr(load_task(task), split)
    return {**stage_features(_net(net, seed), pictures[:n]), "labels": labels[:n]}


def stage_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per task and stage. picked: of the pretrained net the earlier stage that validation
    pictures choose over all draws; of the untrained ones the stage with the best mean test score,
    so that the control is as strong as it can be."""
    found = pd.concat(
        rows[["task", "net", "seed", "train"]].assign(
            stage=stage,
            test=rows[f"test.{stage}"],
            validation=rows[f"validation.{stage}"],
            picked=False,
        )
        for stage in (PIXELS, *STAGES)
    )
    found = _staged(found)
    for (_, net), part in found[found["net"].isin(NETS)].groupby(["task", "net"]):
        choice = (EARLIER, "validation") if net == PRETRAINED else (STAGES, "test")
        stage = _best(part, *choice)
        found.loc[part.index[part["stage"] == stage], "picked"] = True
    return found


def best_stage_for(rows: pd.DataFrame, task: str) -> str:
    """The stage of the pretrained net whose probe has the best mean test score on a task."""
    found = stage_scores(rows)
    return _best(found[(found["net"] == PRETRAINED) & (found["task"] == task)], STAGES, "test")


def _staged(found: pd.DataFrame) -> pd.DataFrame:
    """Stages in their order; pixels, the same for every net, once, as a net without stages."""
    found = found[(found["stage"] != PIXELS) | (found["net"] == PRETRAINED)]
    return found.assign(
        net=found["net"].mask(found["stage"] == PIXELS, PIXELS), stage=in_order(found["stage"])
    ).reset_index(drop=True)


def in_order(stages: pd.Series) -> pd.Categorical:
    """Stages that sort from the first to the last one; what is none becomes missing."""
    return pd.Categorical(stages.where(stages.isin(STAGES)), STAGES, ordered=True)


def _best(rows: pd.DataFrame, stages: Sequence[str], by: str) -> str:
    return str(rows[rows["stage"].isin(stages)].groupby("stage")[by].mean().idxmax())


# ---------------------------------------------------------------- alike or not


def alike(trial: dict) -> dict:
    """CKA of the pretrained net's stages with those of a fine-tuned and of an untrained net.

    trial: task, train (labels in all), epochs, pictures (to compare on), seed.
    """
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    run = fit(
        backbone(),
        task,
        S.FULL_FINE_TUNING,
        trial["epochs"],
        seed=trial["seed"],
        batch_size=16,
        validate_every=0,
        test=False,
        progress=False,
    )
    pictures = task.test.pictures[: trial["pictures"]]
    others = {TUNED: run.model, UNTRAINED: untrained(trial["seed"])}
    return {name: stage_cka(backbone(), net, pictures).tolist() for name, net in others.items()}


def stage_by_stage(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per net and pair of stages, with their CKA."""
    return pd.concat(
        [
            rows[["task", "train", "seed"]].assign(
                net=name,
                cka=[matrix[i][j] for matrix in rows[name]],
                **{OF_PRETRAINED: mine, OF_OTHER: other},
            )
            for name in (TUNED, UNTRAINED)
            for i, mine in enumerate(STAGES)
            for j, other in enumerate(STAGES)
        ],
        ignore_index=True,
    )
