"""C23 and C25: shapes by day -> at night, and a translator between the two."""

from functools import lru_cache

import numpy as np

from course_lib.experiments.domain_adaptation.digits import method_of
from course_lib.experiments.domain_adaptation.tables import (
    CONTINUED,
    ORACLE,
    SOURCE,
    TRANSLATION,
    bar,
    bars,
    complete,
    scores,
    under_way,
)
from course_lib.experiments.study import Finding, Row
from course_lib.measure.statistics import above, interval, mean, points, together, with_spread

HEAD_ONLY = "feature extraction"
DAY_SEED, NIGHT_SEED, SCENES_SEED = 41_000, 42_000, 43_000  # unlabelled pictures of the translator
_AT_FEATURES = {"at": ""}  # WorldNet's domains are compared by the features that its head reads


# ---------------------------------------------------------------- C23: the table of methods


def c23_trials(size: dict) -> list[dict]:
    keys = ("pictures", "steps", "batch", "lr", "ratio")
    return [
        {"domains": "night", "method": name, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for name in size["methods"]
    ]


@lru_cache(maxsize=1)
def backbone():
    from course_lib import load_backbone

    return load_backbone()


@lru_cache(maxsize=2)
def _source_only(pictures: int, seed: int, steps: int, batch: int, lr: float, ratio: float):
    """AdaBN and TENT begin where source-only ends, so it is trained once for the three."""
    from course_lib.adaptation import adapt

    how = {"batch": batch, "lr": lr, "head_lr_ratio": ratio, "seed": seed, "progress": False}
    return adapt(backbone(), _night(pictures, seed), method_of(SOURCE), steps, **how)


def c23_measure(trial: dict) -> dict:
    """Accuracy on the night test pictures and on the day's validation pictures."""
    import time

    from course_lib.train.evaluation import evaluate

    begin = time.process_time()
    source, target = _pair(trial)
    seconds = time.process_time() - begin
    domains = _night(trial["pictures"], trial["seed"])
    return {
        "test": evaluate(target, domains.test),
        "source_validation": evaluate(source, domains.source_validation),
        "seconds": seconds,
    }


def _night(pictures: int, seed: int):
    from course_lib.adaptation import load_domains

    return load_domains("night", pictures, seed)


def _pair(trial: dict):
    """(the net for day pictures, the net for night pictures) of a trial."""
    from course_lib.adaptation import adapt, continue_pretraining, load_translator, methods

    name, pictures, seed, steps = (trial[k] for k in ("method", "pictures", "seed", "steps"))
    how = {"batch": trial["batch"], "lr": trial["lr"], "head_lr_ratio": trial["ratio"]}
    domains = _night(pictures, seed)
    if name == HEAD_ONLY:
        return _head_only(domains, trial)
    if name in (SOURCE, "AdaBN", "TENT"):
        run = _source_only(pictures, seed, steps, *how.values())
        after = method_of(name).after
        return run.for_source(), after(run.for_source(), domains.target) if after else run.model
    how |= {"seed": seed, "progress": False}
    model = backbone()
    if name == TRANSLATION:
        run = adapt(model, load_translator().translated(domains), methods.SOURCE_ONLY, steps, **how)
    elif name == CONTINUED:
        turned = continue_pretraining(
            model, domains.target, steps, how["lr"] / how["head_lr_ratio"], how["batch"], seed
        )
        run = adapt(turned, domains, methods.SOURCE_ONLY, steps, **how)
    else:
        run = adapt(model, domains, method_of(name, **_AT_FEATURES), steps, **how)
    return run.for_source(), run.model


def _head_only(domains, trial: dict):
    """The baseline that changes nothing but the head, and so no statistics either."""
    from dataclasses import replace

    from course_lib import fit, load_task
    from course_lib.train import strategies as S

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


def c23_judge(rows: list[Row]) -> Finding:
    rows = complete(rows)
    if early := under_way(rows):
        return early
    names = list(dict.fromkeys(row["method"] for row in rows))
    rivals = [name for name in names if name not in (SOURCE, ORACLE, HEAD_ONLY)]
    order = sorted(rivals, key=lambda name: -mean(scores(rows, name)))
    best, second = order[0], order[1] if len(order) > 1 else order[0]
    gap = scores(rows, ORACLE) - scores(rows, SOURCE)
    gain = scores(rows, best) - scores(rows, SOURCE)
    margin = scores(rows, best) - scores(rows, second)
    low, high = interval(margin)
    parts = {
        f"{best} closes more than half of the gap": above(gain - gap / 2),
        f"its lead over {second} is more than chance": above(margin),
    }
    head = (
        f" A new head on the frozen backbone, which changes no statistics, reached "
        f"{with_spread(scores(rows, HEAD_ONLY))} without any adaptation."
        if HEAD_ONLY in names
        else ""
    )
    sentence = (
        f"At night source-only was right on {with_spread(scores(rows, SOURCE))} (by day on "
        f"{mean(scores(rows, SOURCE, 'source_validation')):.3f}), the oracle on "
        f"{with_spread(scores(rows, ORACLE))}. The winner, {best}, reached "
        f"{with_spread(scores(rows, best))}: {points(mean(gain))} more than source-only and "
        f"{points(mean(margin))} more than {second} (95 % interval "
        f"{100 * low:z.1f} to {100 * high:z.1f}, {len(gain)} draws).{head} Part by part: "
        + "; ".join(f"{what}: {verdict}" for what, verdict in parts.items())
        + "."
    )
    alt = "Test accuracy at night, a dot per draw: " + ", ".join(
        f"{name} {mean(scores(rows, name)):.2f}" for name in names
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c23_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    rows = complete(rows)
    names = list(dict.fromkeys(row["method"] for row in rows))
    fig, ax = plt.subplots(figsize=(7.6, 0.4 * len(names) + 1.3))
    bars(ax, rows, names)
    ax.set_xlabel("test accuracy at night")
    draws = len(scores(rows, SOURCE))
    ax.set_title(f"Day to night: {rows[0]['pictures']} labelled day pictures, {draws} draws")
    return fig


# ---------------------------------------------------------------- C25: cycle-consistent translation


def unpaired(pictures: int, seed: int):
    """Day pictures and, of other scenes, night pictures: uint8 (n, 3, 64, 64) each, no labels."""
    from course_lib import world

    shapes = {"shapes": world.HELD_OUT_SHAPES}
    return (
        world.render(world.sample(pictures, DAY_SEED + seed, **shapes)),
        world.render(world.sample(pictures, NIGHT_SEED + seed, domain="night", **shapes)),
    )


def same_scenes(n: int):
    """Scenes by day and the very same scenes at night, which no translator has seen."""
    from dataclasses import replace

    import torch

    from course_lib import world

    day = world.sample(n, SCENES_SEED, shapes=world.HELD_OUT_SHAPES)
    night = replace(day, night=torch.ones(n, dtype=torch.bool))
    return world.render(day), world.render(night)


def c25_trials(size: dict) -> list[dict]:
    keys = ("pictures", "translator_steps", "steps", "batch", "lr", "ratio")
    return [
        {"domains": "night", "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
    ]


def c25_measure(trial: dict) -> dict:
    """A translator of its own for each seed; how near it comes, and what training on it gives."""
    from course_lib.adaptation import Translator, adabn, adapt, methods

    translator = Translator(trial["seed"])
    for _ in translator.train(*unpaired(1_000, trial["seed"]), trial["translator_steps"]):
        pass
    day, night = same_scenes(200)
    shown = translator.translate(day)
    again = translator.translate(shown, back=True)
    domains = _night(trial["pictures"], trial["seed"])
    how = {key: trial[key] for key in ("batch", "lr", "seed")}
    how |= {"head_lr_ratio": trial["ratio"], "progress": False}
    plain = adapt(backbone(), domains, methods.SOURCE_ONLY, trial["steps"], **how)
    run = adapt(
        backbone(), translator.translated(domains), methods.SOURCE_ONLY, trial["steps"], **how
    )
    return {
        "day_to_night": _distance(day, night),
        "translated_to_night": _distance(shown, night),
        "round_trip": _distance(again, day),
        "source_only": plain.test,
        "test": run.test,
        "with_adabn": _tested(adabn(run.model, domains.target), domains),
    }


def _tested(model, domains) -> float:
    from course_lib.train.evaluation import evaluate

    return evaluate(model, domains.test)


def _distance(a, b) -> float:
    """Mean absolute difference of two stacks of pictures, 0 to 1."""
    return (a.float() - b.float()).abs().mean().item() / 255


def c25_judge(rows: list[Row]) -> Finding:
    def values(key: str) -> np.ndarray:
        return np.array([row[key] for row in sorted(rows, key=lambda row: row["seed"])])

    gain = values("test") - values("source_only")
    nearer = values("translated_to_night") / values("day_to_night")
    parts = {
        "translated pictures are over twice as near to the true night": above(0.5 - nearer),
        "training on them beats source-only": above(gain),
    }
    sentence = (
        f"After {rows[0]['translator_steps']:,} steps without a single pair, a translated day "
        f"picture differed from the true night picture of the same scene by "
        f"{mean(values('translated_to_night')):.3f} per channel (0 to 1); the day picture itself "
        f"by {mean(values('day_to_night')):.3f}. There and back again it was off by "
        f"{mean(values('round_trip')):.3f}. A net trained on translated pictures was right on "
        f"{with_spread(values('test'))} of the night pictures, source-only on "
        f"{with_spread(values('source_only'))}: {points(mean(gain))} more. Part by part: "
        + "; ".join(f"{what}: {verdict}" for what, verdict in parts.items())
        + "."
    )
    alt = (
        "Bars per draw: accuracy at night of source-only "
        f"{mean(values('source_only')):.2f} and of training on translated pictures "
        f"{mean(values('test')):.2f}; beside them the distance to the true night before and "
        "after translation."
    )
    return Finding(together(list(parts.values())), sentence, alt)


def c25_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 2.6), layout="constrained")
    lanes = {
        "source only": ("source_only", SOURCE),
        "trained on\ntranslated pictures": ("test", TRANSLATION),
        "the same, then AdaBN": ("with_adabn", "AdaBN"),
    }
    _pairs(left, rows, {name: (key, LOOKS[look]) for name, (key, look) in lanes.items()})
    left.set_xlim(0, 1.05)
    left.set_xlabel("test accuracy at night")
    near = {
        "the day picture": ("day_to_night", LOOKS[SOURCE]),
        "its translation": ("translated_to_night", LOOKS[TRANSLATION]),
    }
    _pairs(right, rows, near)
    right.set_xlabel("distance to the true night picture")
    right.set_xlim(left=0)
    return fig


def _pairs(ax, rows: list[Row], lanes: dict) -> None:
    for place, (key, look) in enumerate(list(lanes.values())[::-1]):
        bar(ax, place, np.array([row[key] for row in rows]), look)
    ax.set_yticks(range(len(lanes)), list(lanes)[::-1])
    ax.grid(axis="y", visible=False)
