"""The X-ray case: how many labels (C29), a leaking split (C29b), a mark that misleads (C29c)."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.trials.transfer import FINE, FULL, STRATEGIES, backbone
from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.lab.looks import BASELINES, PIXELS, RANDOM
from course_lib.lab.plots import summary, told
from course_lib.measure import decisions
from course_lib.see.places import importance_of_places
from course_lib.train.baselines import pixel_logistic_regression, random_frozen
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.strategies import for_net
from course_lib.train.tuning import tune
from course_lib.world import phantoms

CLASSES = ("clear", "opacity")
TOLD = 0.95  # how often the mark agrees with the label where it tells it


@dataclass(frozen=True, eq=False)
class Clinic:
    """Phantom radiographs as a task, with the patient and the mark of each picture.

    Every split has patients of its own. patients, marks: of the test pictures, (n,).
    """

    task: Task
    patients: np.ndarray
    marks: np.ndarray


def clinic(
    train: int, seed: int, test: int = 600, marker: float = 0.5, test_marker: float | None = None
) -> Clinic:
    """A clinic's pictures. marker: how often the scanner's mark agrees with the label, 0.5: by
    chance; test_marker: the same for the test pictures (default: as in training)."""
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
def _radiographs(n: int, seed: int, marker: float) -> phantoms.Radiographs:
    return phantoms.radiographs(n, seed=seed, marker=marker)


def _split(found, rows=None) -> Split:
    rows = slice(None) if rows is None else torch.as_tensor(rows)
    return Split(found.pictures[rows], found.labels[rows])


# ---------------------------------------------------------------- C29: how many labels


def label_trials(size: dict) -> list[dict]:
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


def labels_of_x_rays(trial: dict) -> dict:
    case = clinic(trial["train"], trial["seed"], trial["test"])
    return measure_case(case.task, trial, case.patients)


def measure_case(
    task: Task, trial: dict, patients: np.ndarray | None = None, model: Backbone | None = None
) -> dict:
    """One strategy on one task: test AUC of the setting that validation chose, with its interval.

    trial: strategy (or a baseline), rates (multiples of the strategy's own), epochs, seed.
    patients: of the test pictures, (n,); without them each picture counts as a patient.
    model: what is transferred, the track's backbone if not given.
    """
    model = model or backbone()
    if trial["strategy"] == PIXELS:
        one = pixel_logistic_regression(task)
        return {"auc": one.test, "validation": one.validation}
    if trial["strategy"] == RANDOM:
        one = random_frozen(model, task, trial["seed"])
        return {"auc": one.test, "validation": one.validation}
    base = for_net(STRATEGIES[trial["strategy"]], model)
    found = tune(
        model,
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
    low, high = decisions.auc_interval(scores, task.test.labels.numpy(), patients)
    return {
        "auc": decisions.auc(scores, task.test.labels.numpy()),
        "low": low,
        "high": high,
        "validation": found.run.validation,
        "lr": found.strategy.lr,
        "seconds": round(found.seconds, 2),
    }


def with_widths(rows: pd.DataFrame) -> pd.DataFrame:
    """Adds tuned (is it a fine-tuning?) and width, points of one AUC's 95 % interval."""
    tuned = rows["strategy"].isin([FINE, FULL])
    return rows.assign(tuned=tuned, width=100 * (rows["high"] - rows["low"]))


# ---------------------------------------------------------------- C29b: a split that leaks

BY_PICTURE, BY_PATIENT = "by picture", "by patient"


def split_trials(size: dict) -> list[dict]:
    keys = ("pool", "epochs", "strategy", "fresh")
    return [
        {"split": split, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for split in (BY_PICTURE, BY_PATIENT)
    ]


def promised_and_true(trial: dict) -> dict:
    """Train on half of a pool; what the other half promises, and what new patients say."""
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


# ---------------------------------------------------------------- C29c: a mark that tells the label

MARKED, CLEAN = "mark tells the label", "mark at random"


def mark_trials(size: dict) -> list[dict]:
    keys = ("train", "epochs", "strategy", "test", "shuffled")
    return [
        {"mark": mark, "seed": seed, **{key: size[key] for key in keys}}
        for seed in size["seeds"]
        for mark in (MARKED, CLEAN)
    ]


def marked_run(trial: dict):
    """(run, clinic): a net trained where the mark tells the label or does not."""
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


def at_home_and_away(trial: dict) -> dict:
    """AUC at home and where the mark says nothing, and which places the net needs at home."""
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


@dataclass(frozen=True)
class PlaceMaps:
    """AUC at home and away as joined points, and a map per net of what each place is worth."""

    columns = {
        "home": "AUC at home",
        "away": "AUC where the mark says nothing",
        "corner": "AUC that the marked corner is worth",
        "elsewhere": "AUC that the costliest other place is worth",
    }

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        return summary(rows, ["mark"], self.columns)

    def alt(self, rows: pd.DataFrame) -> str:
        return (
            "Points for the AUC at home and away, joined for each draw, and a map for each net of "
            f"how much AUC each place is worth. {told(self.table(rows), self.columns)}"
        )

    def draw(self, rows: pd.DataFrame):
        from matplotlib import pyplot as plt

        fig, axes = plt.subplots(
            1, 3, figsize=(9.4, 3.3), width_ratios=(1.15, 1, 1), layout="constrained"
        )
        maps = {}
        for side, mark, color, marker in ((-1, MARKED, "#D55E00", "o"), (1, CLEAN, "#0072B2", "s")):
            found = rows[rows["mark"] == mark]
            pairs = found[["home", "away"]].to_numpy().T
            # Each draw at a place of its own: equal scores would hide one another.
            for k, pair in enumerate(pairs.T):
                at = side * (0.08 + 0.04 * k)
                axes[0].plot([at, 1 + at], pair, color=color, alpha=0.45, lw=1, marker=marker, ms=4)
            axes[0].plot(
                [0, 1], pairs.mean(1), color=color, marker=marker, ms=9, lw=2.5, label=mark
            )
            maps[mark] = np.mean(found["map"].tolist(), 0)
        axes[0].set_xticks([0, 1], ["at home", "where it says\nnothing"])
        axes[0].set_xlim(-0.35, 1.35)
        axes[0].set_ylabel("test AUC")
        axes[0].legend(loc="lower left", fontsize=8.5, frameon=False)
        top = max(values.max() for values in maps.values())
        for ax, (mark, values) in zip(axes[1:], maps.items(), strict=True):
            shown = ax.imshow(values, cmap="magma", vmin=0, vmax=top)
            ax.set_title(f"trained: {mark}", fontsize=10)
            ax.set_xticks([])
            ax.set_yticks([])
        bar = fig.colorbar(shown, ax=axes[1:], fraction=0.046)  # of both: equal sizes
        bar.set_label("AUC lost when the\nplace is shuffled", fontsize=8.5)
        return fig
