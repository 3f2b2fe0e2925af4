"""C22, C24 and C26: white digits on black -> digits over photographs."""

from functools import lru_cache

import numpy as np

from course_lib.experiments.domain_adaptation.tables import (
    ADABN,
    DANN,
    ORACLE,
    SOURCE,
    bars,
    complete,
    name_of,
    scores,
    under_way,
)
from course_lib.experiments.study import Finding, Row, select
from course_lib.measure.statistics import above, mean, points, together, with_spread

PUBLISHED = 0.56  # share of the gap that DANN closes in Ganin et al. 2016, table 1
BANDS = ((0, 80), (80, 140), (140, 256))  # mean brightness of the patch behind the digit
BAND_NAMES = ("dark", "middling", "bright")
CANDIDATE = ("method", "at", "weight", "lr")  # what makes a candidate of C26


def method_of(name: str, **changes):
    """The method with this name, with some of its fields changed."""
    from dataclasses import replace

    from course_lib.adaptation import methods

    return replace(next(m for m in methods.ALL if m.name == name), **changes)


@lru_cache(maxsize=2)
def _digits(pictures: int, seed: int):
    from course_lib.adaptation import load_domains

    return load_domains("digits", pictures, seed)


@lru_cache(maxsize=2)
def _source_only(pictures: int, seed: int, steps: int, lr: float):
    """AdaBN and TENT begin where source-only ends, so it is trained once for the three."""
    from course_lib.adaptation import adapt, lenet

    how = {"lr": lr, "seed": seed, "progress": False}
    return adapt(lenet(seed=seed), _digits(pictures, seed), method_of(SOURCE), steps, **how)


def train(method, pictures: int, seed: int, steps: int, lr: float):
    """A finished run of a method on the digits."""
    from course_lib.adaptation import adapt, lenet

    if not method.terms and not method.on_target:
        return _source_only(pictures, seed, steps, lr)
    how = {"lr": lr, "seed": seed, "progress": False}
    return adapt(lenet(seed=seed), _digits(pictures, seed), method, steps, **how)


def final_model(run, method):
    """The net for target pictures. A method that only adds an end to source-only gets it here."""
    return method.after(run.for_source(), run.domains.target) if method.after else run.model


# ---------------------------------------------------------------- C22: the table of methods


def c22_trials(size: dict) -> list[dict]:
    return [
        {
            "domains": "digits",
            "method": name,
            "seed": seed,
            **{key: size[key] for key in ("pictures", "steps", "lr")},
        }
        for seed in size["seeds"]
        for name in size["methods"]
    ]


def c22_measure(trial: dict) -> dict:
    """Test accuracy, in all and by the brightness of the patch; no target label was used."""
    import time

    from course_lib.backbones.inference import predict

    begin = time.process_time()
    method = method_of(trial["method"])
    run = train(method, *(trial[key] for key in ("pictures", "seed", "steps", "lr")))
    model = final_model(run, method)
    seconds = time.process_time() - begin
    test = run.domains.test
    right = (predict(model, test.pictures).argmax(1) == test.labels).float()
    light = patch_brightness(len(right))
    return {
        "test": right.mean().item(),
        "bands": [right[(light >= a) & (light < b)].mean().item() for a, b in BANDS],
        "source_validation": _accuracy(run.for_source(), run.domains.source_validation),
        "seconds": seconds,
    }


def _accuracy(model, split) -> float:
    from course_lib.train.evaluation import evaluate

    return evaluate(model, split)


@lru_cache(maxsize=1)
def patch_brightness(n: int):
    """(n,) mean brightness, 0 to 255, of the photo patch behind each test digit."""
    import torch

    from course_lib.data.recipes import TEST_SEED
    from course_lib.world.patches import patches

    return patches(torch.arange(n), "test", TEST_SEED).float().mean((1, 2, 3))


def closed(rows: list[Row], name: str, key: str = "test") -> np.ndarray:
    """Share of the gap between source-only and oracle that a method closed, one per seed."""
    low, high = scores(rows, SOURCE, key), scores(rows, ORACLE, key)
    return (scores(rows, name, key) - low) / (high - low)


def c22_judge(rows: list[Row]) -> Finding:
    rows = complete(rows)
    if early := under_way(rows):
        return early
    names = [n for n in dict.fromkeys(r["method"] for r in rows) if n not in (SOURCE, ORACLE)]
    shares = {name: closed(rows, name) for name in names}
    best = max(names, key=lambda name: mean(shares[name]))
    parts = {
        "every method beats source-only": together([above(shares[name]) for name in names]),
        f"DANN closes {PUBLISHED:.0%} of the gap": above(shares[DANN], PUBLISHED),
        f"the best method ({best}) closes more than that": above(shares[best], PUBLISHED),
    }
    sentence = (
        f"Source-only reached {with_spread(scores(rows, SOURCE))}, the oracle "
        f"{with_spread(scores(rows, ORACLE))} ({len(shares[best])} draws of "
        f"{rows[0]['steps']:,} steps). Of the gap between "
        "them, "
        + ", ".join(f"{name} closed {mean(shares[name]):.0%}" for name in names)
        + f". The published run of DANN closed {PUBLISHED:.0%}. "
        + _bands_in_words(rows, best)
        + " Part by part: "
        + "; ".join(f"{what}: {verdict}" for what, verdict in parts.items())
        + "."
    )
    alt = "Test accuracy on digits over photographs, a dot per draw: " + ", ".join(
        f"{name} {mean(scores(rows, name)):.2f}"
        for name in dict.fromkeys(row["method"] for row in rows)
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def band(rows: list[Row], name: str, place: int) -> float:
    """Mean accuracy of a method on one of the BANDS."""
    return mean([row["bands"][place] for row in select(rows, method=name)])


def _bands_in_words(rows: list[Row], best: str) -> str:
    """Where the errors are: the measured reason for what a method does not close."""
    return (
        "Where the patch is dark the digit is light on dark, as in the source: source-only is "
        f"right on {band(rows, SOURCE, 0):.0%} there, DANN on {band(rows, DANN, 0):.0%}. Where it "
        "is bright, the difference turns the digit dark on light: "
        f"{band(rows, SOURCE, 2):.0%} and {band(rows, DANN, 2):.0%}, {best} "
        f"{band(rows, best, 2):.0%}, the oracle {band(rows, ORACLE, 2):.0%}. Equal features of "
        "the two domains don't say which digit a dark one is."
    )


def c22_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    rows = complete(rows)
    names = list(dict.fromkeys(row["method"] for row in rows))
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(9.6, 0.42 * len(names) + 1.5), width_ratios=(3, 2)
    )
    bars(left, rows, names)
    left.set_xlabel("test accuracy on the target")
    left.set_title(f"{rows[0]['steps']:,} steps, {len(scores(rows, SOURCE))} draws")
    for name in names:
        look = LOOKS[name]
        right.plot(
            range(len(BANDS)),
            [band(rows, name, place) for place in range(len(BANDS))],
            color=look.color,
            linestyle=look.linestyle,
            marker=look.marker,
        )
    right.set_xticks(range(len(BANDS)), BAND_NAMES)
    right.set_xlim(-0.2, len(BANDS) - 0.8)
    right.set_ylim(0, 1.02)
    right.set_xlabel("photo patch behind the digit")
    right.set_title("Where the errors are")
    return fig


# ---------------------------------------------------------------- C24: can they be told apart?


LANES = ((SOURCE, "separate"), (ADABN, "separate"), (DANN, "separate"), (DANN, "together"))


def c24_trials(size: dict) -> list[dict]:
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


def c24_measure(trial: dict) -> dict:
    """How well a fresh domain classifier does on the features, time and again while training."""
    from course_lib.adaptation import domain_accuracy, features, lenet, prepare_adaptation

    method = method_of(trial["method"], batch_norm=trial["batch_norm"])
    domains = _digits(trial["pictures"], trial["seed"])
    run = prepare_adaptation(
        lenet(seed=trial["seed"]),
        domains,
        method,
        trial["steps"],
        lr=trial["lr"],
        seed=trial["seed"],
    )
    every = trial["steps"] // trial["looks"]
    course = {"step": [], "told_apart": [], "target": [], "source": []}
    for step in run.ticks():
        if step.number % every:
            continue
        a, b = run.for_source(), run.for_target()
        apart = domain_accuracy(
            features(a, domains.source.pictures[:1000]), features(b, domains.target[:1000])
        )
        course["step"].append(step.number)
        course["told_apart"].append(apart)
        course["target"].append(_accuracy(b, domains.test))
        course["source"].append(_accuracy(a, domains.source_validation))
    return {"course": course, "told_apart": apart, "test": course["target"][-1]}


def _c24(rows: list[Row], name: str, key: str, batch_norm: str = "separate") -> np.ndarray:
    chosen = select(rows, method=name, batch_norm=batch_norm)
    return np.array([row[key] for row in sorted(chosen, key=lambda row: row["seed"])])


def c24_judge(rows: list[Row]) -> Finding:
    rows = complete(rows, ("method", "batch_norm"))
    before, after = (_c24(rows, name, "told_apart") for name in (SOURCE, DANN))
    gain = _c24(rows, DANN, "test") - _c24(rows, SOURCE, "test")
    kept = [row["course"]["source"][-1] for row in select(rows, method=DANN, batch_norm="separate")]
    mixed = _c24(rows, DANN, "test", "together")
    parts = {
        "the domains are harder to tell apart than after source-only": above(before - after, 0.1),
        "a classifier is right on less than 60 %": above(0.6 - after),
        "the task classifier works better on the target": above(gain),
        "and still works on the source": above(np.array(kept), 0.9),
    }
    sentence = (
        "A fresh classifier told source from target features apart with an accuracy of "
        f"{with_spread(before)} after source-only, {with_spread(_c24(rows, ADABN, 'told_apart'))} "
        f"when only batch norm was adapted and {with_spread(after)} after DANN (0.5 is guessing). "
        f"Target accuracy rose by {points(mean(gain))}; on the source it is "
        f"{mean(kept):.3f}. With both batches normalised together DANN reached "
        f"{with_spread(mixed)} on the target instead of "
        f"{with_spread(_c24(rows, DANN, 'test'))}. Part by part: "
        + "; ".join(f"{what}: {verdict}" for what, verdict in parts.items())
        + "."
    )
    alt = (
        "Two panels over training steps. Left, accuracy of a domain classifier: source only ends "
        f"at {mean(before):.2f}, DANN at {mean(after):.2f}. Right, accuracy on the target: "
        f"source only {mean(_c24(rows, SOURCE, 'test')):.2f}, DANN "
        f"{mean(_c24(rows, DANN, 'test')):.2f}, DANN with batches together {mean(mixed):.2f}."
    )
    return Finding(together(list(parts.values())), sentence, alt)


def c24_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    rows = complete(rows, ("method", "batch_norm"))
    fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    lanes = dict.fromkeys((row["method"], row["batch_norm"]) for row in rows)
    for ax, key in zip(axes, ("told_apart", "target"), strict=True):
        for name, batch_norm in lanes:
            chosen = select(rows, method=name, batch_norm=batch_norm)
            values = np.array([row["course"][key] for row in chosen])
            steps, look = chosen[0]["course"]["step"], LOOKS[name]
            apart = batch_norm == "separate"
            ax.fill_between(steps, values.min(0), values.max(0), color=look.color, alpha=0.12, lw=0)
            ax.plot(
                steps,
                values.mean(0),
                color=look.color,
                ls=look.linestyle if apart else ":",
                marker=look.marker if apart else "x",
                label=name if apart else f"{name}, batches normalised together",
            )
        ax.set_xlabel("training steps")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_ylim(0.35, 1.02)
    axes[0].axhline(0.5, color="#777777", lw=1, ls=":")
    axes[0].set_title("A domain classifier is right on")
    axes[1].set_title("The task classifier on the target")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


# ---------------------------------------------------------------- C26: choosing without labels


def c26_trials(size: dict) -> list[dict]:
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


def c26_measure(trial: dict) -> dict:
    """What each rule says of a candidate, and its test accuracy, which no rule sees."""
    from course_lib.adaptation import RULES

    method = method_of(trial["method"])
    if method.terms:
        terms = dict.fromkeys(method.terms, trial["weight"])
        method = method_of(trial["method"], terms=terms, at=trial["at"])
    run = train(method, *(trial[key] for key in ("pictures", "seed", "steps", "lr")))
    return {"rules": {name: rule(run) for name, rule in RULES.items()}, "test": run.test}


def picks(rows: list[Row]) -> dict[str, list[dict]]:
    """For each rule, per seed: the test accuracy of its pick, of the best, of the mean."""
    found: dict[str, list[dict]] = {}
    for seed in sorted({row["seed"] for row in rows}):
        candidates = select(rows, seed=seed)
        tests = [row["test"] for row in candidates]
        for rule in candidates[0]["rules"]:
            chosen = max(candidates, key=lambda row, rule=rule: row["rules"][rule])
            found.setdefault(rule, []).append(
                {
                    "picked": chosen["test"],
                    "best": max(tests),
                    "mean": mean(tests),
                    "name": name_of(chosen),
                }
            )
    return found


def c26_judge(rows: list[Row]) -> Finding:
    rows = complete(rows, CANDIDATE)
    found = picks(rows)
    verdicts = {
        rule: above([one["picked"] - one["mean"] for one in chosen])
        for rule, chosen in found.items()
    }
    candidates = len({name_of(row) for row in rows})
    sentence = (
        f"{candidates} candidates, {len(next(iter(found.values())))} draws. "
        + " ".join(
            f"By {rule} one would have chosen "
            f"{' / '.join(dict.fromkeys(one['name'] for one in chosen))} and reached "
            f"{with_spread([one['picked'] for one in chosen])} on the target, "
            f"{points(mean([one['best'] - one['picked'] for one in chosen]))} below the best "
            f"candidate ({verdicts[rule]})."
            for rule, chosen in found.items()
        )
        + f" A candidate taken blindly has {mean([row['test'] for row in rows]):.3f}."
    )
    alt = "Test accuracy of every candidate against what three rules say of it. Picks: " + (
        ", ".join(f"{rule} {mean([o['picked'] for o in c]):.2f}" for rule, c in found.items())
    )
    return Finding(together(list(verdicts.values())), sentence, alt + ".")


def c26_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import LOOKS

    rows = complete(rows, CANDIDATE)
    rules = list(rows[0]["rules"])
    fig, axes = plt.subplots(1, len(rules), figsize=(10, 3.7), sharey=True, layout="constrained")
    for ax, rule in zip(axes, rules, strict=True):
        for name in dict.fromkeys(row["method"] for row in rows):
            chosen = select(rows, method=name)
            ax.plot(
                [row["rules"][rule] for row in chosen],
                [row["test"] for row in chosen],
                LOOKS[name].marker,
                color=LOOKS[name].color,
                ms=6,
                alpha=0.8,
                label=name,
            )
        for seed in sorted({row["seed"] for row in rows}):
            best = max(select(rows, seed=seed), key=lambda row: row["rules"][rule])
            ax.plot(best["rules"][rule], best["test"], "o", ms=13, mfc="none", mec="#777777")
        ax.set_xlabel(rule)
        ax.xaxis.get_major_locator().set_params(nbins=4)
    axes[0].set_ylabel("test accuracy on the target")
    fig.suptitle("Each candidate, and the pick of each rule (circled, one per draw)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
