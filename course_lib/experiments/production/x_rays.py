"""The X-ray case: how many labels (C29), a leaking split (C29b), a mark that misleads (C29c)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from course_lib.experiments.study import RESULTS, Claim, Finding, Row, select
from course_lib.experiments.trials import (
    BASELINES,
    FINE,
    FULL,
    HEAD_ONLY,
    PIXELS,
    RANDOM,
    SCRATCH,
    STRATEGIES,
    backbone,
)
from course_lib.measure import decisions
from course_lib.measure.statistics import above, interval, mean, points, together, with_spread

CLASSES = ("clear", "opacity")
REAL = RESULTS / "C29-real.json"
# What texts quote for about 5,000 chest radiographs.
QUOTED = {"from scratch": 0.70, "fine-tuned": 0.92}
BASIC = (SCRATCH, HEAD_ONLY, FINE, FULL)
TOLD = 0.95  # how often the mark agrees with the label where it tells it


@dataclass(frozen=True, eq=False)
class Clinic:
    """Phantom radiographs as a task, with the patient and the mark of each picture.

    Every split has patients of its own. patients, marks: of the test pictures, (n,).
    """

    task: object
    patients: np.ndarray
    marks: np.ndarray


def clinic(
    train: int, seed: int, test: int = 600, marker: float = 0.5, test_marker: float | None = None
) -> Clinic:
    """A clinic's pictures. marker: how often the scanner's mark agrees with the label, 0.5: by
    chance; test_marker: the same for the test pictures (default: as in training)."""
    from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
    from course_lib.data.task import Task

    fair = marker if test_marker is None else test_marker
    found = _radiographs(test, TEST_SEED, fair)
    task = Task(
        name="clinic",
        title="Phantom chest radiographs of a clinic",
        train=_split(_radiographs(train, TRAIN_SEED + seed, marker)),
        validation=_split(_radiographs(300, VALIDATION_SEED, marker)),
        test=_split(found),
        classes=CLASSES,
        metric="auc",
        similarity="different",
        provenance="projected by course_lib.world.phantoms, scanner A",
    )
    return Clinic(task, found.patient.numpy(), found.mark.numpy())


@lru_cache(maxsize=12)
def _radiographs(n: int, seed: int, marker: float):
    from course_lib.world import phantoms

    return phantoms.radiographs(n, seed=seed, marker=marker)


def _split(found, rows=None):
    import torch

    from course_lib.data.split import Split

    rows = slice(None) if rows is None else torch.as_tensor(rows)
    return Split(found.pictures[rows], found.labels[rows])


# ---------------------------------------------------------------- C29: how many labels


def c29_trials(size: dict) -> list[dict]:
    return [
        {"train": train, "seed": seed, "strategy": name, "epochs": _epochs(size, train),
         "rates": () if name in BASELINES else size["rates"], "test": size["test"]}
        for seed in size["seeds"]
        for train in size["trains"]
        for name in (*size["strategies"], *BASELINES)
    ]  # fmt: skip


def _epochs(size: dict, train: int) -> int:
    """Passes over the data, so that about `pictures` are seen whatever their number."""
    return int(np.clip(round(size["pictures"] / train), 2, 40))


def c29_measure(trial: dict) -> dict:
    case = clinic(trial["train"], trial["seed"], trial["test"])
    return measure_case(case.task, trial, case.patients)


def measure_case(task, trial: dict, patients=None) -> dict:
    """One strategy on one task: test AUC of the setting that validation chose, with its interval.

    trial: strategy (or a baseline), rates (multiples of the strategy's own), epochs, seed.
    """
    from course_lib.backbones.inference import predict
    from course_lib.train.baselines import pixel_logistic_regression, random_frozen
    from course_lib.train.strategies import for_net
    from course_lib.train.tuning import tune

    if trial["strategy"] == PIXELS:
        one = pixel_logistic_regression(task)
        return {"auc": one.test, "validation": one.validation}
    if trial["strategy"] == RANDOM:
        one = random_frozen(backbone(), task, trial["seed"])
        return {"auc": one.test, "validation": one.validation}
    base = for_net(STRATEGIES[trial["strategy"]], backbone())
    found = tune(
        backbone(),
        task,
        base,
        rates=[base.lr * rate for rate in trial["rates"]],
        epochs=trial["epochs"],
        batch_size=16 if len(task.train.labels) <= 200 else 32,
        seed=trial["seed"],
        widen=0,
        progress=False,
    )
    logits = predict(found.run.model, task.test.pictures)
    scores = (logits[:, 1] - logits[:, 0]).numpy()
    low, high = decisions.auc_interval(scores, task.test.labels.numpy(), patients, draws=300)
    return {
        "auc": decisions.auc(scores, task.test.labels.numpy()),
        "low": low,
        "high": high,
        "validation": found.run.validation,
        "lr": found.strategy.lr,
        "seconds": round(found.seconds, 2),
    }


def _auc(rows: list[Row], key: str = "auc", **wanted) -> np.ndarray:
    return np.array([r[key] for r in sorted(select(rows, **wanted), key=lambda r: r["seed"])])


def _strategies(rows: list[Row]) -> list[str]:
    return [n for n in dict.fromkeys(r["strategy"] for r in rows) if n not in BASELINES]


def c29_judge(rows: list[Row]) -> Finding:
    sizes, names = sorted({row["train"] for row in rows}), _strategies(rows)
    few, many = sizes[0], sizes[-1]
    tuned = [name for name in names if name in (FINE, FULL)]

    def best(train: int) -> np.ndarray:
        """The better of the fine-tunings by validation, per seed."""
        scores = np.array([_auc(rows, strategy=n, train=train) for n in tuned])
        chosen = np.array([_auc(rows, "validation", strategy=n, train=train) for n in tuned])
        return np.take_along_axis(scores, chosen.argmax(0)[None], 0)[0]

    gaps = {train: best(train) - _auc(rows, strategy=SCRATCH, train=train) for train in sizes}
    over_frozen = best(many) - _auc(rows, strategy=HEAD_ONLY, train=many)
    parts = {
        f"fine-tuned beats scratch at {few} labels": above(gaps[few]),
        f"it still does at {many}": above(gaps[many]),
        f"it beats the frozen backbone at {many}": above(over_frozen),
    }
    width = mean(_auc(rows, "high", strategy=SCRATCH, train=few)
                 - _auc(rows, "low", strategy=SCRATCH, train=few))  # fmt: skip
    lines = [
        f"with {train} labels "
        + ", ".join(
            f"{name} {with_spread(_auc(rows, strategy=name, train=train))}"
            for name in (*names, *BASELINES)
        )  # fmt: skip
        for train in sizes
    ]
    sentence = (
        f"Test AUC {'; '.join(lines)}. Fine-tuned minus scratch: "
        + ", ".join(f"{points(mean(gap))} at {train}" for train, gap in gaps.items())
        + f" (the quoted story says {points(QUOTED['fine-tuned'] - QUOTED['from scratch'])}). "
        f"The bootstrap interval of a single AUC is {points(width)} wide on average. Part by "
        "part: " + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items()) + "."
    )
    alt = "Test AUC against the number of labels: " + "; ".join(
        f"{name} " + ", ".join(f"{mean(_auc(rows, strategy=name, train=t)):.2f}" for t in sizes)
        for name in (*names, *BASELINES)
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c29_draw(rows: list[Row], title: str = "Phantom radiographs"):
    from matplotlib import pyplot as plt

    from course_lib.measure.figures import label_ends, look

    sizes = sorted({row["train"] for row in rows})
    fig, ax = plt.subplots(figsize=(7.4, 4.2))
    ends = {}
    for place, name in enumerate((*_strategies(rows), *BASELINES)):
        middle = [mean(_auc(rows, strategy=name, train=t)) for t in sizes]
        at = np.array(sizes) * 1.04 ** (place - 2)  # side by side, so that bars can be told apart
        ax.plot(at, middle, **look(name))
        if name not in BASELINES:
            ends_of = [[mean(_auc(rows, k, strategy=name, train=t)) for t in sizes]
                       for k in ("low", "high")]  # fmt: skip
            reach = np.abs(np.array(ends_of) - middle)
            ax.errorbar(at, middle, reach, fmt="none", color=look(name)["color"], alpha=0.5, lw=1.4)
        ends[name] = middle[-1]
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.set_ylim(min(row.get("low", row["auc"]) for row in rows) - 0.03, 1.01)
    ax.set_xlabel("labelled training pictures")
    ax.set_ylabel("test AUC, bars: 95 % bootstrap")
    ax.set_title(title)
    label_ends(ax, ends)
    return fig


def real_rows(path: Path = REAL) -> tuple[list[Row], dict]:
    """Rows measured on real chest X-rays by benchmarks/x_rays.py, and what they were made with."""
    from course_lib.errors import CourseError
    from course_lib.experiments.study import read_study

    if not Path(path).exists():
        raise CourseError(f"{path} is missing; benchmarks/x_rays.py measures it.")
    study = read_study(Path(path))
    return [{**row["trial"], **row["measured"]} for row in study["rows"]], study["made_with"]


def home_and_away(card: dict) -> str:
    """Validation ("home") against test ("away") AUC of each strategy on the radiographs of a model
    card, as a Markdown table and a sentence on the largest set of real ones. All phantoms come from
    one source, so only their test pictures are listed."""
    lines = ["| pictures | labels | where | " + " | ".join(BASIC) + " | order |",
             "|---|--:|---|" + "--:|" * len(BASIC) + "---|"]  # fmt: skip
    shown = [row for row in card["transfer"] if row["metric"] == "auc"]
    for row in shown:
        both = {"home": "validation", "away": "mean"}
        for where, key in (both if "real" in row["target"] else {"one source": "mean"}).items():
            found = [row["scores"][name][key] for name in BASIC]
            cells = " | ".join(f"{score:.3f}" for score in found)
            lines.append(f"| {row['target']} | {row['labels']} | {where} | {cells} | "
                         f"{', '.join(_best_first(row, key))} |")  # fmt: skip
    real = max((r for r in shown if "real" in r["target"]), key=lambda r: r["labels"])
    falls = ", ".join(
        f"{points(one['validation'] - one['mean'])} ({name})"
        for name, one in real["scores"].items()
        if name in BASIC
    )
    same = [row for row in shown if "phantom" in row["target"] and row["labels"] == real["labels"]]
    alike = same and _best_first(same[0], "mean") == _best_first(real, "validation")
    return "\n".join(lines) + (
        f"\n\nOn the {real['target']}, {real['labels']} labels, the AUC fell from home to away by "
        f"{falls}. The order at home is {'the' if alike else 'not the'} one that the phantoms gave."
    )


def _best_first(row: dict, key: str) -> list[str]:
    return sorted(BASIC, key=lambda name: -row["scores"][name][key])


# ---------------------------------------------------------------- C29b: a split that leaks

BY_PICTURE, BY_PATIENT = "by picture", "by patient"


def c29b_trials(size: dict) -> list[dict]:
    keys = ("pool", "epochs", "strategy", "fresh")
    return [
        {"split": split, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for split in (BY_PICTURE, BY_PATIENT)
    ]


def c29b_measure(trial: dict) -> dict:
    """Train on half of a pool; what the other half promises, and what new patients say."""
    from course_lib import evaluate, fit
    from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED

    pool = _radiographs(trial["pool"], TRAIN_SEED + trial["seed"], 0.5)
    patients = pool.patient.numpy()
    groups = patients if trial["split"] == BY_PATIENT else np.arange(len(patients))
    out = decisions.grouped_split(groups, 0.5, trial["seed"])
    task = replace(
        clinic(20, 0, 20).task,
        train=_split(pool, ~out),
        validation=_split(_radiographs(40, VALIDATION_SEED, 0.5)),
        test=_split(pool, out),
    )
    strategy = STRATEGIES[trial["strategy"]]
    run = fit(
        backbone(),
        task,
        strategy,
        trial["epochs"],
        batch_size=16,
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    shared = np.isin(patients[out], patients[~out]).mean()
    fresh = _split(_radiographs(trial["fresh"], TEST_SEED, 0.5))
    truth = evaluate(run.model, fresh, metric="auc")
    return {"promised": run.test, "truth": truth, "shared": float(shared)}


def c29b_judge(rows: list[Row]) -> Finding:
    flattery = {
        split: _auc(rows, "promised", split=split) - _auc(rows, "truth", split=split)
        for split in (BY_PICTURE, BY_PATIENT)
    }
    verdicts = [
        above(flattery[BY_PICTURE]),
        above(flattery[BY_PICTURE] - flattery[BY_PATIENT]),
    ]
    low, high = interval(flattery[BY_PATIENT])
    sentence = (
        f"Split by picture, {mean(_auc(rows, 'shared', split=BY_PICTURE)):.0%} of the test "
        "pictures show a patient that was trained on. That split promised an AUC of "
        f"{with_spread(_auc(rows, 'promised', split=BY_PICTURE))}; new patients say "
        f"{with_spread(_auc(rows, 'truth', split=BY_PICTURE))}: it flatters by "
        f"{points(mean(flattery[BY_PICTURE]))}. Split by patient, "
        f"{with_spread(_auc(rows, 'promised', split=BY_PATIENT))} was promised and "
        f"{with_spread(_auc(rows, 'truth', split=BY_PATIENT))} came true, a difference of "
        f"{points(mean(flattery[BY_PATIENT]))} (95 % interval {100 * low:z.1f} to "
        f"{100 * high:z.1f})."
    )
    alt = "Promised and true AUC, joined for each draw: " + "; ".join(
        f"split {split} {mean(_auc(rows, 'promised', split=split)):.2f} promised, "
        f"{mean(_auc(rows, 'truth', split=split)):.2f} true"
        for split in (BY_PICTURE, BY_PATIENT)
    )
    return Finding(together(verdicts), sentence, alt + ".")


def c29b_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    for ax, split, color in zip(
        axes, (BY_PICTURE, BY_PATIENT), ("#D55E00", "#0072B2"), strict=True
    ):
        pairs = np.array([_auc(rows, key, split=split) for key in ("promised", "truth")])
        ax.plot([0, 1], pairs, color=color, alpha=0.3, lw=1.2)
        ax.plot([0, 1], pairs.mean(1), color=color, lw=3, marker="D", ms=8)
        for place, (value, side) in enumerate(zip(pairs.mean(1), ("right", "left"), strict=True)):
            gap = -12 if side == "right" else 12
            ax.annotate(f"{value:.3f}", (place, value), xytext=(gap, 0), ha=side, va="center",
                        textcoords="offset points", color=color, weight="bold")  # fmt: skip
        ax.set_xticks([0, 1], ["what the test\nset promised", "what new\npatients say"])
        ax.set_xlim(-0.55, 1.55)
        ax.set_title(f"Split {split}")
    axes[0].set_ylabel("AUC")
    return fig


# ---------------------------------------------------------------- C29c: a mark that tells the label

MARKED, CLEAN = "mark tells the label", "mark at random"


def c29c_trials(size: dict) -> list[dict]:
    keys = ("train", "epochs", "strategy", "test", "shuffled")
    return [
        {"mark": mark, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for mark in (MARKED, CLEAN)
    ]


def marked_run(trial: dict):
    """(run, clinic): a net trained where the mark tells the label or does not."""
    from course_lib import fit

    case = clinic(
        trial["train"], trial["seed"], trial["test"], TOLD if trial["mark"] == MARKED else 0.5
    )
    strategy = STRATEGIES[trial["strategy"]]
    run = fit(
        backbone(),
        case.task,
        strategy,
        trial["epochs"],
        batch_size=16,
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    return run, case


def c29c_measure(trial: dict) -> dict:
    """AUC at home and where the mark says nothing, and which places the net needs at home."""
    from course_lib import evaluate
    from course_lib.data.recipes import TEST_SEED
    from course_lib.see.places import importance_of_places

    run, _ = marked_run(trial)
    fair = _radiographs(trial["test"], TEST_SEED, 0.5)
    home = _radiographs(trial["shuffled"], TEST_SEED, TOLD)
    lost = importance_of_places(run.model, home.pictures, home.labels, seed=trial["seed"])
    corner, *elsewhere = lost.flatten().tolist()
    return {
        "home": run.test,
        "away": evaluate(run.model, _split(fair), metric="auc"),
        "corner": corner,
        "elsewhere": max(elsewhere),
        "map": [[round(value, 5) for value in row] for row in lost.tolist()],
    }


def c29c_judge(rows: list[Row]) -> Finding:
    fall = {m: _auc(rows, "home", mark=m) - _auc(rows, "away", mark=m) for m in (MARKED, CLEAN)}
    needs = _auc(rows, "corner", mark=MARKED) - _auc(rows, "corner", mark=CLEAN)
    found = [row["corner"] > row["elsewhere"] for row in select(rows, mark=MARKED)]
    verdicts = [above(fall[MARKED], 0.03), above(needs)]
    sentence = (
        f"Trained where the mark agrees with the label in {TOLD:.0%} of the pictures, the net "
        f"reached {with_spread(_auc(rows, 'home', mark=MARKED))} at home; a net whose marks say "
        f"nothing reached {with_spread(_auc(rows, 'home', mark=CLEAN))}. Where the mark says "
        f"nothing it came to {with_spread(_auc(rows, 'away', mark=MARKED))} (−"
        f"{points(mean(fall[MARKED]))}). Dealing out the marked corner anew cost it "
        f"{points(mean(_auc(rows, 'corner', mark=MARKED)))} of AUC, the other net "
        f"{points(mean(_auc(rows, 'corner', mark=CLEAN)))}; the costliest place elsewhere cost "
        f"{points(mean(_auc(rows, 'elsewhere', mark=MARKED)))} and "
        f"{points(mean(_auc(rows, 'elsewhere', mark=CLEAN)))}. The corner was the place needed "
        f"most in {sum(found)} of {len(found)} confounded nets."
    )
    alt = (
        "AUC at home and away, "
        + "; ".join(
            f"{m}: {mean(_auc(rows, 'home', mark=m)):.2f} and "
            f"{mean(_auc(rows, 'away', mark=m)):.2f}"
            for m in (MARKED, CLEAN)
        )
        + ". Two maps show how much AUC each place is worth: the upper left corner "
        f"{'stands out' if any(found) else 'does not stand out'} in the confounded net."
    )
    return Finding(together(verdicts), sentence, alt)


def c29c_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(9.2, 3.3), width_ratios=(1.15, 1, 1.12))
    ax = axes[0]
    for mark, color, marker in ((MARKED, "#D55E00", "o"), (CLEAN, "#0072B2", "s")):
        pairs = np.array([_auc(rows, key, mark=mark) for key in ("home", "away")])
        ax.plot([0, 1], pairs, color=color, alpha=0.3, lw=1)
        ax.plot([0, 1], pairs.mean(1), color=color, marker=marker, ms=8, lw=2.5, label=mark)
    ax.set_xticks([0, 1], ["at home", "where it says\nnothing"])
    ax.set_xlim(-0.25, 1.25)
    ax.set_ylabel("test AUC")
    ax.legend(loc="lower left", fontsize=8.5, frameon=False)
    maps = {m: np.mean([row["map"] for row in select(rows, mark=m)], 0) for m in (MARKED, CLEAN)}
    top = max(values.max() for values in maps.values())
    for ax, (mark, values) in zip(axes[1:], maps.items(), strict=True):
        shown = ax.imshow(values, cmap="magma", vmin=0, vmax=top)
        ax.set_title(f"trained: {mark}", fontsize=10)
        ax.set_xticks([])
        ax.set_yticks([])
    bar = fig.colorbar(shown, ax=axes[2], fraction=0.046)
    bar.set_label("AUC lost when the\nplace is shuffled", fontsize=8.5)
    return fig


CLAIMS = (
    Claim(
        tag="C29",
        lesson="06",
        statement="On chest radiographs a fine-tuned net beats one from scratch, from 100 labels "
        "to 5,000.",
        rule="the better fine-tuning by validation beats scratch at the fewest and at the most "
        "labels, and the frozen backbone at the most (95 % intervals over draws).",
        trials=c29_trials,
        measure=c29_measure,
        judge=c29_judge,
        draw=c29_draw,
        live={"strategies": (SCRATCH, HEAD_ONLY, FINE), "trains": (100, 300), "seeds": (0, 1, 2),
              "pictures": 900, "rates": (1.0,), "test": 300},
        quick={"strategies": (SCRATCH, HEAD_ONLY, FINE), "trains": (40, 80), "seeds": (0, 1),
               "pictures": 160, "rates": (1.0,), "test": 120},
        full={"strategies": (SCRATCH, HEAD_ONLY, FINE, FULL), "trains": (100, 500, 5000),
              "seeds": (0, 1, 2), "pictures": 4000, "rates": (1.0,), "test": 1000},
    ),
    Claim(
        tag="C29b",
        lesson="06",
        statement="A split by picture flatters when patients have several pictures; a split by "
        "patient does not.",
        rule="the AUC promised by a test half drawn by picture exceeds that of the same net on "
        "new patients, and does so by more than with a half drawn by patient (95 % intervals over "
        "draws).",
        trials=c29b_trials,
        measure=c29b_measure,
        judge=c29b_judge,
        draw=c29b_draw,
        live={"pool": 240, "epochs": 8, "strategy": FINE, "fresh": 200, "seeds": (0, 1, 2, 3)},
        quick={"pool": 96, "epochs": 3, "strategy": FINE, "fresh": 96, "seeds": (0, 1)},
        full={"pool": 240, "epochs": 10, "strategy": FINE, "fresh": 600,
              "seeds": tuple(range(12))},
    ),
    Claim(
        tag="C29c",
        lesson="06",
        statement="A net that learns from a scanner's mark looks better than it is, and shuffling "
        "places among the pictures finds it out.",
        rule="its AUC falls by over 3 points where the mark says nothing, and shuffling the marked "
        "corner among pictures costs it more AUC than a net whose marks said nothing (95 % "
        "intervals over draws).",
        trials=c29c_trials,
        measure=c29c_measure,
        judge=c29c_judge,
        draw=c29c_draw,
        live={"train": 200, "epochs": 8, "strategy": FINE, "test": 240, "shuffled": 100,
              "seeds": (0, 1, 2)},
        quick={"train": 60, "epochs": 3, "strategy": FINE, "test": 96, "shuffled": 48,
               "seeds": (0, 1)},
        full={"train": 300, "epochs": 8, "strategy": FULL, "test": 1000, "shuffled": 200,
              "seeds": (0, 1, 2, 3, 4)},
    ),
)  # fmt: skip
