"""Shapes by day -> at night, and a translator between the two."""

import time
from dataclasses import replace

import pandas as pd
import torch

from course_lib import world
from course_lib.adaptation import (
    Adaptation,
    Domains,
    Translator,
    adabn,
    adapt,
    continue_pretraining,
    load_domains,
    load_translator,
    methods,
)
from course_lib.backbones import Backbone
from course_lib.claims.trials.methods import (
    CONTINUED,
    HEAD_ONLY,
    SOURCE,
    TRANSLATION,
    method_of,
)
from course_lib.claims.trials.transfer import backbone
from course_lib.data.split import Split
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit

DAY_SEED, NIGHT_SEED, SCENES_SEED = 41_000, 42_000, 43_000  # unlabelled pictures of the translator
TESTED = 700_000  # draws of night pictures from this one on are measured on; no method sees them
AT_FEATURES = {"at": ""}  # WorldNet's domains are compared by the features that its head reads
# What a trial of the translator measures -> the line that says it.
NETS = {
    "source_only": SOURCE,
    "test": "trained on translated pictures",
    "with_adabn": "the same, then AdaBN",
}
PICTURES = {
    "day_to_night": "the day picture",
    "translated_to_night": "its translation",
    "round_trip": "there and back, to the day picture",
}


def domains_of(pictures: int, seed: int) -> Domains:
    return load_domains("night", pictures, seed)


def night_pictures(n: int, seed: int) -> Split:
    """n test pictures of a draw's own: no method learns from them, and no other draw has them."""
    return load_task("night-shapes", train=n, seed=TESTED + seed).train


# ---------------------------------------------------------------- the table of methods


def grid(size: dict) -> list[dict]:
    """Trials of every method, draw by draw."""
    keys = ("pictures", "steps", "batch", "lr", "ratio", "test_pictures")
    return [
        {"domains": "night", "method": name, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for name in size["methods"]
    ]


@cache.kept(maxsize=2)
def source_only(
    pictures: int, seed: int, steps: int, batch: int, lr: float, ratio: float
) -> Adaptation:
    """AdaBN and TENT begin where source-only ends, so it is trained once for the three."""
    how = {"batch": batch, "lr": lr, "head_lr_ratio": ratio, "seed": seed, "progress": False}
    return adapt(backbone(), domains_of(pictures, seed), method_of(SOURCE), steps, **how)


def adapted_to_night(trial: dict) -> dict:
    """Accuracy on night pictures of the draw's own and on the day's validation pictures."""
    begin = time.process_time()
    day, night = _pair(trial)
    seconds = time.process_time() - begin
    domains = domains_of(trial["pictures"], trial["seed"])
    return {
        "test": evaluate(night, night_pictures(trial["test_pictures"], trial["seed"])),
        "source_validation": evaluate(day, domains.source_validation),
        "seconds": seconds,
    }


def _pair(trial: dict) -> tuple[Backbone, Backbone]:
    """(the net for day pictures, the net for night pictures) of a trial."""
    name, pictures, seed, steps = (trial[k] for k in ("method", "pictures", "seed", "steps"))
    how = {"batch": trial["batch"], "lr": trial["lr"], "head_lr_ratio": trial["ratio"]}
    domains = domains_of(pictures, seed)
    if name == HEAD_ONLY:
        return _head_only(trial)
    if name in (SOURCE, "AdaBN", "TENT"):
        run = source_only(pictures, seed, steps, *how.values())
        after = method_of(name).after
        return run.for_source(), after(run.for_source(), domains.target) if after else run.model
    how |= {"seed": seed, "progress": False}
    model, method = backbone(), methods.SOURCE_ONLY
    if name == TRANSLATION:
        domains = load_translator().translated(domains)
    elif name == CONTINUED:
        rate = how["lr"] / how["head_lr_ratio"]
        model = continue_pretraining(model, domains.target, steps, rate, how["batch"], seed)
    else:
        method = method_of(name, **AT_FEATURES)
    run = adapt(model, domains, method, steps, **how)
    return run.for_source(), run.model


def _head_only(trial: dict) -> tuple[Backbone, Backbone]:
    """The baseline that changes nothing but the head, and so no statistics either."""
    task = load_task("new-shapes", train=trial["pictures"], seed=trial["seed"])
    epochs = max(1, round(trial["steps"] * trial["batch"] / trial["pictures"]))
    run = fit(
        backbone(),
        task,
        replace(S.FEATURE_EXTRACTION, lr=trial["lr"]),
        epochs,
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        test=False,
        progress=False,
    )
    return run.model, run.model


# ---------------------------------------------------------------- cycle-consistent translation


def unpaired(pictures: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Day pictures and, of other scenes, night pictures: uint8 (n, 3, 64, 64) each, no labels."""
    shapes = {"shapes": world.HELD_OUT_SHAPES}
    return (
        world.render(world.sample(pictures, DAY_SEED + seed, **shapes)),
        world.render(world.sample(pictures, NIGHT_SEED + seed, domain="night", **shapes)),
    )


def same_scenes(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scenes by day and the very same scenes at night, which no translator has seen."""
    day = world.sample(n, SCENES_SEED, shapes=world.HELD_OUT_SHAPES)
    night = replace(day, night=torch.ones(n, dtype=torch.bool))
    return world.render(day), world.render(night)


def translators(size: dict) -> list[dict]:
    """Trials of a translator of its own for every draw."""
    keys = ("pictures", "translator_steps", "steps", "batch", "lr", "ratio")
    return [
        {"domains": "night", "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
    ]


def translated(trial: dict) -> dict:
    """How near a translator comes to the true night, and what training on its pictures gives."""
    translator = Translator(trial["seed"])
    for _ in translator.train(*unpaired(1_000, trial["seed"]), trial["translator_steps"]):
        pass
    day, night = same_scenes(200)
    shown = translator.translate(day)
    again = translator.translate(shown, back=True)
    domains = domains_of(trial["pictures"], trial["seed"])
    how = {key: trial[key] for key in ("batch", "lr", "seed")}
    how |= {"head_lr_ratio": trial["ratio"], "progress": False}
    plain = adapt(backbone(), domains, methods.SOURCE_ONLY, trial["steps"], **how)
    run = adapt(
        backbone(), translator.translated(domains), methods.SOURCE_ONLY, trial["steps"], **how
    )
    return {
        "day_to_night": distance(day, night),
        "translated_to_night": distance(shown, night),
        "round_trip": distance(again, day),
        "source_only": plain.test,
        "test": run.test,
        "with_adabn": evaluate(adabn(run.model, domains.target), domains.test),
    }


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean absolute difference of two stacks of pictures, 0 to 1."""
    return (a.float() - b.float()).abs().mean().item() / 255


def line_by_line(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each of NETS with its accuracy at night, and for each of PICTURES with its
    distance to the true one."""
    others = [name for name in rows if name not in (*NETS, *PICTURES)]
    parts = [
        rows.melt(others, list(names), var_name="line", value_name=column).replace({"line": names})
        for names, column in ((NETS, "accuracy"), (PICTURES, "distance"))
    ]
    return pd.concat(parts, ignore_index=True)
