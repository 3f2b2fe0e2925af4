"""Claims asked again of an ImageNet net and photographs: the second instrument.

The net and the photographs are not part of this repository; the rows are. Those of MEASURED are
made by benchmarks/claims_on_photographs.py and name the weights by their hash. FROM_SCRIPTS judges
rows that two other scripts had stored before there was a rule here, and its notes say so.
A learner's own rows (COURSE_TRACK=photos: another net, other pictures) are never mixed with these.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch

from course_lib.claims import claims, photographs
from course_lib.claims.lesson02 import C06, C08, C10, worth, worth_trials
from course_lib.claims.lesson03 import C14, C15
from course_lib.claims.lesson04 import C18, C19, kept_by
from course_lib.claims.lesson06 import C29
from course_lib.claims.trials.forgetting import KEEPERS, PLAIN, SAVED, WISE, compared, keeps_most
from course_lib.claims.trials.rates import DIFFERENTIAL, LARGE, overwriting_trials
from course_lib.claims.trials.transfer import FINE, FULL, HEAD_ONLY, SCRATCH
from course_lib.data.split import Split
from course_lib.lab import cache, store
from course_lib.lab.claim import Claim, Result, as_they_are, result_of
from course_lib.lab.plots import Bars
from course_lib.lab.quantities import DRAW, mean_of, value
from course_lib.lab.tracks import Track
from course_lib.lab.tuning import RIVAL, settings
from course_lib.lab.verdicts import UNDECIDED, Part

NET = "an ImageNet MobileNetV2, its last blocks tuned on dogs"
FLOWERS, INSECTS = "flowers", "ants_bees"
PHOTOGRAPHS = Track(
    "photographs",
    "mobilenet_v2",
    {"old": FLOWERS, "new": INSECTS},
    {},
    sha256="33d5fa781e3201705f70544afaf6624fb1356ce51ad891ae4720037ab922439b",
)
FOLDER = store.RESULTS / "photographs"
SOME = {"task": FLOWERS, "seeds": (0, 1, 2), "batch": 16, "train": 100}
NESTED = (
    f"Net: {NET}, at 160 pixels. Every draw splits the photographs anew: 100 labels to learn from, "
    "and up to 240 others, as many of each class, to test on. "
)


def runs_alone(size: dict) -> list[dict]:
    """The trials of C14 without its baselines, which decide nothing."""
    return [trial for trial in overwriting_trials(size) if trial["name"] in size["names"]]


# Rates are those of the backbone; the settings of a method are those of C19 (its strength, or how
# far it goes from the start to the end).
KEEPING = {
    PLAIN: {"rate": (1e-5, 3e-5, 1e-4)},
    "L2-SP": {"rate": (3e-5, 1e-4), "setting": (0.1, 1.0)},
    "EWC": {"rate": (3e-5, 1e-4), "setting": (1e2, 1e4)},
    "LwF": {"rate": (3e-5, 1e-4), "setting": (0.3, 1.0)},
    "replay": {"rate": (3e-5, 1e-4), "setting": (0.3, 1.0)},
    WISE: {"rate": (3e-5, 1e-4), "setting": (0.5, 0.7)},
}


def keeping_trials(size: dict) -> list[dict]:
    """Every setting of every method, draw by draw."""
    common = {key: size[key] for key in ("task", "train", "epochs", "batch")}
    return [
        {**common, "seed": seed, "method": name, **setting}
        for seed in size["seeds"]
        for name, grid in KEEPING.items()
        for setting in settings(grid)
    ]


def at_matched_accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """Of every method the setting that C19's rule takes in each draw, set against plain
    fine-tuning's; what it is chosen by is reported nowhere."""
    taken = []
    for _, drawn in rows.groupby(DRAW):
        chosen = keeps_most(drawn.rename(columns={"method": RIVAL}), KEEPING)
        for name, setting in chosen.items():
            same = (drawn[list(setting)] == list(setting.values())).all(axis=1)
            taken.append(drawn[same & (drawn["method"] == name)])
    return compared(pd.concat(taken))


def halves(split: Split, seed: int) -> tuple[Split, Split]:
    """The pictures in two halves that the seed draws."""
    order = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(seed))
    one, other = order.chunk(2)
    return Split(*(part[one] for part in split)), Split(*(part[other] for part in split))


MEASURED = {
    "C10": replace(
        C10,
        photos=None,
        full={**SOME, "seeds": (0, 1, 2), "train": 48, "epochs": 2},
        note=f"Net: {NET}; flowers at 160 pixels. Three repeats on a machine that did nothing "
        "else. The first epoch, which computes what is kept, does not count. An earlier run by the "
        "same rule shared its machine with other work, which slowed single epochs tenfold and left "
        "the ratio with kept features, whose epoch takes milliseconds, open; it is replaced.",
    ),
    "C14": replace(
        C14,
        photos=None,
        details=(),
        trials=runs_alone,
        plot=Bars("name", {"test": "test accuracy on the new task"}, title="{train} labels"),
        full={**SOME, "task": INSECTS, "epochs": 4, "names": (LARGE, DIFFERENTIAL),
              "steps": (1, 4, 8, 28), "source_pictures": 120},
        note=NESTED + "The old task is flowers, to which a new head on the frozen net was fitted; "
        "the new one ants and bees, with a random head. That one large rate ends far below the "
        "head alone was known (the table of ratios); what is left of the flowers after eight "
        "batches was not. Four passes.",
    ),
    "C06": replace(
        C06,
        photos=None,
        full={**SOME, "rates": (1.0,), "epochs": 20},
        note=NESTED + "Twelve kinds of flowers. Both strategies run once, at the rate that "
        "belongs to this net, twenty passes: a longer scratch would do better, though not by "
        "tens of points. The two baselines chose their penalty on the test pictures, which favours "
        "them. What the head alone reaches (.89) was known from the presets, and "
        "scratch with another net.",
    ),
    "C08": replace(
        C08,
        photos=None,
        why_not="",
        primary=(
            Part(f"{HEAD_ONLY} minus scratch, at the fewest labels minus at the most",
                 worth(HEAD_ONLY, min) - worth(HEAD_ONLY, max), above=0.05),
        ),
        details=(
            Part("scratch at the fewest labels, minus guessing among twelve",
                 value("test", strategy=SCRATCH, train=min) - 1 / 12, below=0.10),
        ),
        trials=worth_trials,
        tuning=None,
        full={**SOME, "strategies": (SCRATCH, HEAD_ONLY), "trains": (24, 600), "rates": (1.0,),
              "seeds": tuple(range(5)), "pictures": 9_000},
        note=NESTED.replace("100 labels", "24 or 600 labels") + "Two sizes, so the rule asks for "
        "one step: 40 passes over 24 labels, 15 over 600. Each strategy runs at the rate that "
        "belongs to this net. Known before: at 100 labels the head alone reaches .90, scratch "
        ".40 after 20 passes. Scratch at 600 labels would gain from more passes, which would "
        "make the step larger. Three draws came to +29.9 points [0.0, 59.8]; two more were then "
        "added, and no more will be. Scratch is not held back by batch norm: with statistics "
        "measured anew it had 12 instead of 8 % (24 labels, first draw), 26 instead of 25 %.",
    ),
    "C19": replace(
        C19,
        photos=None,
        tuning=None,
        primary=(
            Part("accuracy on flowers, mean of five methods minus plain fine-tuning",
                 kept_by(*KEEPERS), above=SAVED),
            Part("test accuracy on ants and bees, the same",
                 mean_of(*(value("change", method=name) for name in KEEPERS)), above=-0.02),
        ),
        details=tuple(
            Part(f"accuracy on flowers, {name} minus plain fine-tuning",
                 kept_by(name), above=SAVED)
            for name in KEEPERS
        ),
        trials=keeping_trials,
        tidy=at_matched_accuracy,
        full={**SOME, "task": INSECTS, "epochs": 6},
        note=NESTED + "The old task is flowers, to which a new head on the frozen net was fitted; "
        "the new one ants and bees. In each draw every method takes, of its four settings (plain "
        "fine-tuning: of three rates), the one that C19's rule takes, by half of the others; the "
        "other half is reported. Known before: at a rate of 1e-5 plain fine-tuning loses no "
        "flowers and is as good on ants and bees as at 1e-4, where it loses 17 points, so that "
        "little is left for a method to keep.",
    ),
    "C29": replace(
        C29,
        photos=None,
        why_not="",
        statement="On real chest X-rays a fine-tuned net beats one from scratch, at 100 labels and "
        "at 1,000.",
        full={**C29.full, "strategies": (SCRATCH, HEAD_ONLY, FINE, FULL), "trains": (100, 1_000),
              "seeds": tuple(range(8)), "test": 624},
        note=f"Net: {NET}. PneumoniaMNIST, 28 pixels enlarged to 64: eight draws of labels, one "
        "set of 624 test pictures; 524 more, labelled too, choose between the two fine-tunings. "
        "Each strategy runs at the rate that belongs to this net, 40 passes over 100 labels, 4 "
        "over 1,000. Which patient a picture is of is not known. What this net reaches on these "
        "X-rays with 700 labels or so was known from three trials of lesson 08; the rows of "
        "WorldNet stand apart. Three draws left all of it undecided (+4.8 and +1.1 points, +1.2 "
        "over frozen); five more were then added, and no more will be.",
    ),
}  # fmt: skip


# ---- rows of other scripts ----------------------------------------------------------------------


def ratio_rows() -> pd.DataFrame:
    """Rows of benchmarks/presets.py --ruin: a draw's test accuracy by folder and strategy."""
    rows = [
        {"strategy": trial["strategy"], "folder": trial["folder"], DRAW: trial["draw"],
         "ratio": trial.get("head_lr_ratio", 0.0), "test": row["test"]}
        for row in photographs.rows_of(photographs.RATIOS_ROWS)
        if (trial := row["trial"]).get("batch_norm") is None
    ]  # fmt: skip
    return pd.DataFrame(rows)


def forgotten_rows() -> pd.DataFrame:
    """Rows of benchmarks/forgotten_photographs.py: flowers lost, by rate and draw."""
    rows = [
        {"rate": row["trial"]["rate"], DRAW: row["trial"]["draw"],
         "lost": row["before"] - row["after"]}
        for row in photographs.rows_of(photographs.FORGOTTEN_ROWS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _ruined(folder: str, ratio: float) -> Part:
    full = value("test", strategy=FULL, folder=folder, ratio=ratio)
    alone = value("test", folder=folder, ratio=0.0)
    title = folder.replace("_", " and ")
    return Part(
        f"{title}: ratio {ratio:g} minus the head alone, at a head rate of 0.01, test accuracy",
        full - alone,
        below=photographs.RUIN / 100,
    )


FROM_SCRIPTS: dict[str, tuple[Claim, Callable[[], pd.DataFrame], Path]] = {
    "C15": (
        replace(
            C15,
            photos=None,
            statement="On an ImageNet net one large rate, or a ratio of 10 at it, destroys what "
            "the head alone reaches.",
            primary=tuple(_ruined(f, ratio) for f in (INSECTS, FLOWERS) for ratio in (1.0, 10.0)),
            details=(),
            tidy=as_they_are,
            plot=Bars("ratio", {"test": "test accuracy"}, facet="folder", title="100 labels"),
            note=NESTED + "Rows of benchmarks/presets.py, whose rule stood before them: below "
            "-10 points in each folder. Another question than the one asked of WorldNet, since "
            "no rate is tuned here. Batch norm's statistics are held still.",
        ),
        ratio_rows,
        photographs.RATIOS_ROWS,
    ),
    "C18": (
        replace(
            C18,
            why_not="",
            statement="Forgetting grows with the rate (flowers, then ants and bees).",
            primary=(
                Part("rate: accuracy on flowers lost at the largest minus at the smallest",
                     value("lost", rate=max) - value("lost", rate=min), above=0.05),
            ),
            tidy=as_they_are,
            plot=Bars("rate", {"lost": "accuracy on flowers that is lost"}, title="100 labels"),
            note=NESTED + "Rows of benchmarks/forgotten_photographs.py, which were there before "
            "this rule. Epochs and the narrowness of the new task were not measured on "
            "photographs.",
        ),
        forgotten_rows,
        photographs.FORGOTTEN_ROWS,
    ),
}  # fmt: skip


def _about(path: Path) -> dict:
    """What a script's file says of its rows; it does not say when they were measured."""
    made = json.loads(path.read_text(encoding="utf-8"))
    made_with = {"code": "rows of a script", "date": "day not kept", **made["made_with"]}
    hashed = cache.checksum({"rows": made["rows"]})[:8]
    return {**made_with, "weights": made["net"]["sha256"], "hash": hashed}


@lru_cache(maxsize=1)
def stored() -> dict[str, Result]:
    """By tag what photographs gave, of the claims that were asked there and have rows."""
    found = {}
    for tag, claim in MEASURED.items():
        with suppress(store.Unfinished):
            found[tag] = store.stored_result(claim, PHOTOGRAPHS, FOLDER)
    for tag, (claim, rows, path) in FROM_SCRIPTS.items():
        about = {"track": PHOTOGRAPHS.name, "stored": _about(path)}
        found[tag] = result_of(claim, rows(), all_of_them=True, **about)
    return dict(sorted(found.items()))


def beside(tag: str, verdict: str) -> str:
    """A sentence or two: what photographs say of a claim whose verdict in the image world is given;
    empty where it was not asked there."""
    there = stored().get(tag)
    if there is None:
        return ""
    said = f"On photographs ({NET}): {there.told}"
    if is_another(there):
        asked = there.claim.statement
        if asked == claims()[tag].statement:
            asked = "; ".join(part.rule for part in there.claim.primary)
        return f"{said} What was asked there: *{asked}*"
    apart = there.verdict != verdict and UNDECIDED not in (there.verdict, verdict)
    return f"The two instruments disagree. {said}" if apart else said


def is_another(there: Result) -> bool:
    """Whether photographs were asked another question than the image world: another statement, or
    other thresholds."""

    def asked(claim: Claim) -> tuple:
        return claim.statement, [(p.above, p.below, p.within) for p in claim.primary]

    return asked(there.claim) != asked(claims()[there.claim.tag])
