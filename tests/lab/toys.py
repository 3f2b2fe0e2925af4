"""A claim that is quick to measure, in this process or in a worker."""

import os
from pathlib import Path

from course_lib.lab.claim import Claim
from course_lib.lab.plots import Bars
from course_lib.lab.quantities import value
from course_lib.lab.verdicts import Part

SIDES = ("left", "right")


def count_measured(folder: Path) -> int:
    return len(list(folder.glob("measured-*")))


def weigh(trial: dict) -> dict:
    """Right weighs a tenth more; every call leaves a mark where TOY_FOLDER says."""
    folder = os.environ.get("TOY_FOLDER")
    if folder:
        name = f"measured-{trial['side']}-{trial['seed']}-{os.urandom(4).hex()}"
        (Path(folder) / name).touch()
    if trial.get("fails") == trial["seed"]:
        raise KeyboardInterrupt
    return {"test": 0.5 + 0.1 * (trial["side"] == "right") + 0.001 * trial["seed"] ** 2}


def trials(size: dict) -> list[dict]:
    return [
        {"side": side, "seed": seed, "pair": (1, 2), **size.get("more", {})}
        for seed in size["seeds"]
        for side in SIDES
    ]


def toy(**changes) -> Claim:
    settings = {
        "tag": "C99",
        "lesson": "99",
        "statement": "Right is heavier.",
        "primary": (
            Part(
                "right minus left",
                value("test", side="right") - value("test", side="left"),
                above=0.05,
            ),
        ),
        "trials": trials,
        "measure": weigh,
        "plot": Bars("side", {"test": "weight"}),
        "live": {"seeds": (0, 1)},
        "quick": {"seeds": (0,)},
        "full": {"seeds": (0, 1, 2)},
    }
    return Claim(**{**settings, **changes})
