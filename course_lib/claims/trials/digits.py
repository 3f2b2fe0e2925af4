"""White digits on black -> digits over photographs, without a target label."""

import time
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from course_lib.adaptation import (
    RULES,
    Adaptation,
    Domains,
    Method,
    adapt,
    domain_accuracy,
    features,
    lenet,
    load_domains,
    prepare_adaptation,
)
from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.trials.methods import ADABN, DANN, SOURCE, method_of, ranked, with_gap
from course_lib.data.recipes import TEST_SEED
from course_lib.lab.quantities import DRAW
from course_lib.train.evaluation import evaluate
from course_lib.world.patches import patches

# Mean brightness of the patch behind the digit: name -> (from, to).
BANDS = {"dark": (0, 80), "middling": (80, 140), "bright": (140, 256)}
SEPARATE, TOGETHER = "separate", "together"  # how batch norm sees the two batches
LANES = ((SOURCE, SEPARATE), (ADABN, SEPARATE), (DANN, SEPARATE), (DANN, TOGETHER))
MIXED = "DANN, batches mixed"
PICKED, PASSED = "picked: ", "not picked"


@lru_cache(maxsize=2)
def domains_of(pictures: int, seed: int) -> Domains:
    return load_domains("digits", pictures, seed)


@lru_cache(maxsize=2)
def source_only(pictures: int, seed: int, steps: int, lr: float) -> Adaptation:
    """AdaBN and TENT begin where source-only ends, so it is trained once for the three."""
    how = {"lr": lr, "seed": seed, "progress": False}
    return adapt(lenet(seed=seed), domains_of(pictures, seed), method_of(SOURCE), steps, **how)


def train(method: Method, trial: dict) -> Adaptation:
    """A finished run of a method on the digits. trial: pictures, seed, steps, lr."""
    pictures, seed, steps, lr = (trial[key] for key in ("pictures", "seed", "steps", "lr"))
    if not method.terms and not method.on_target:
        return source_only(pictures, seed, steps, lr)
    how = {"lr": lr, "seed": seed, "progress": False}
    return adapt(lenet(seed=seed), domains_of(pictures, seed), method, steps, **how)


def final_model(run: Adaptation, method: Method) -> Backbone:
    """The net for target pictures. A method that only adds an end to source-only gets it here."""
    return method.after(run.for_source(), run.domains.target) if method.after else run.model


# ---------------------------------------------------------------- the table of methods


def grid(size: dict) -> list[dict]:
    """Trials of every method, draw by draw; then of a few methods on further draws."""
    asked = [(seed, name) for seed in size["seeds"] for name in size["methods"]]
    asked += [(seed, name) for seed in size.get("more_seeds", ()) for name in size["more_methods"]]
    return [
        {
            "domains": "digits",
            "method": name,
            "seed": seed,
            **{key: size[key] for key in ("pictures", "steps", "lr")},
        }
        for seed, name in asked
    ]


def adapted_digits(trial: dict) -> dict:
    """Test accuracy, in all and by the brightness of the patch; no target label was used."""
    begin = time.process_time()
    method = method_of(trial["method"])
    run = train(method, trial)
    model = final_model(run, method)
    seconds = time.process_time() - begin
    test = run.domains.test
    right = (predict(model, test.pictures).argmax(1) == test.labels).float()
    light = patch_brightness(len(right))
    return {
        "test": right.mean().item(),
        "bands": [right[(light >= a) & (light < b)].mean().item() for a, b in BANDS.values()],
        "source_validation": evaluate(run.for_source(), run.domains.source_validation),
        "seconds": seconds,
    }


@lru_cache(maxsize=1)
def patch_brightness(n: int) -> torch.Tensor:
    """(n,) mean brightness, 0 to 255, of the photo patch behind each test digit."""
    return patches(torch.arange(n), "test", TEST_SEED).float().mean((1, 2, 3))


def by_gap_and_band(rows: pd.DataFrame) -> pd.DataFrame:
    """More columns: closed (with_gap), place by it (ranked), a column for each of BANDS, and
    whether all methods ran on the draw."""
    bands = pd.DataFrame(rows["bands"].tolist(), rows.index, list(BANDS))
    methods = rows.groupby(DRAW)["method"].transform("nunique")
    return ranked(with_gap(rows.join(bands).assign(whole=methods == methods.max())), "closed")


# ---------------------------------------------------------------- can they be told apart?


def lanes(size: dict) -> list[dict]:
    """Trials of LANES, draw by draw."""
    return [
        {
            "domains": "digits",
            "method": name,
            "batch_norm": batch_norm,
            "seed": seed,
            **{key: size[key] for key in ("pictures", "steps", "lr", "looks")},
        }
        for seed in size["seeds"]
        for name, batch_norm in LANES
    ]


def told_apart(trial: dict) -> dict:
    """How well a fresh domain classifier does on the features, time and again while training."""
    method = method_of(trial["method"], batch_norm=trial["batch_norm"])
    domains = domains_of(trial["pictures"], trial["seed"])
    how = {"lr": trial["lr"], "seed": trial["seed"]}
    run = prepare_adaptation(lenet(seed=trial["seed"]), domains, method, trial["steps"], **how)
    every = trial["steps"] // trial["looks"]
    course: dict[str, list] = {"step": [], "told_apart": [], "target": [], "source": []}
    for step in run.ticks():
        if step.number % every:
            continue
        a, b = run.for_source(), run.for_target()
        apart = domain_accuracy(
            features(a, domains.source.pictures[:1000]), features(b, domains.target[:1000])
        )
        course["step"].append(step.number)
        course["told_apart"].append(apart)
        course["target"].append(evaluate(b, domains.test))
        course["source"].append(evaluate(a, domains.source_validation))
    return {
        "course": course,
        "told_apart": course["told_apart"][-1],
        "test": course["target"][-1],
    }


def look_by_look(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for every look at a run instead of one for its end: step, told_apart, target, source.

    lane: the method, and whether both batches were normalised together.
    """
    course = {f"course.{name}": name for name in ("step", "told_apart", "target", "source")}
    long = rows.drop(columns=["told_apart", "test"]).explode(list(course), ignore_index=True)
    long = long.rename(columns=course).astype(dict.fromkeys(course.values(), float))
    return long.assign(lane=long["method"].where(long["batch_norm"] == SEPARATE, MIXED))


# ---------------------------------------------------------------- choosing without labels


def candidates(size: dict) -> list[dict]:
    """Trials of every candidate (method, where it aligns, weight, rate), draw by draw."""
    return [
        {
            "domains": "digits",
            "method": name,
            "at": at,
            "weight": weight,
            "lr": lr,
            "seed": seed,
            **{key: size[key] for key in ("pictures", "steps")},
        }
        for seed in size["seeds"]
        for name, at, weight, lr in size["candidates"]
    ]


def candidate(trial: dict) -> dict:
    """What each rule says of a candidate, and its test accuracy, which no rule sees."""
    method = method_of(trial["method"])
    if method.terms:
        terms = dict.fromkeys(method.terms, trial["weight"])
        method = method_of(trial["method"], terms=terms, at=trial["at"])
    run = train(method, trial)
    return {"rules": {name: rule(run) for name, rule in RULES.items()}, "test": run.test}


def name_of(method: str, at: str, weight: float, lr: float) -> str:
    """A candidate in a few words."""
    if method == SOURCE:
        return f"source only at rate {lr:g}"
    return f"{method}{f' at {at}' if at else ''} x {weight:g}"


def by_rule(rows: pd.DataFrame) -> pd.DataFrame:
    """A line per candidate and rule: what the rule says of it (score).

    over: its test accuracy less the mean of all candidates of the draw. choice: "not picked", or
    "picked: " and its name where the rule prefers it to all others of the draw.
    """
    names = [name for name in rows if name.startswith("rules.")]
    settings = rows[["method", "at", "weight", "lr"]].itertuples(index=False)
    rows = rows.assign(
        name=[name_of(*setting) for setting in settings],
        over=rows["test"] - rows.groupby("seed")["test"].transform("mean"),
    )
    others = [name for name in rows if name not in names]
    long = rows.melt(others, names, var_name="rule", value_name="score")
    best = long.loc[long.groupby(["rule", "seed"])["score"].idxmax()].index
    choice = np.where(long.index.isin(best), PICKED + long["name"], PASSED)
    return long.assign(rule=long["rule"].str.removeprefix("rules."), choice=choice)


def picks(rows: pd.DataFrame) -> pd.Series:
    """The mean test accuracy of what each rule picked, by rule. rows: of C26, as its result holds
    them."""
    long = by_rule(rows)
    return long[long["choice"] != PASSED].groupby("rule", sort=False)["test"].mean()
