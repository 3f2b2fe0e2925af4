"""Lesson 02: scratch, feature extraction, fine-tuning, full fine-tuning (C06 to C13, C35, C36)."""

from course_lib.claims.trials.transfer import (
    HEAD_ONLY,
    SCRATCH,
    grid,
    transfer,
)
from course_lib.lab.claim import Claim
from course_lib.lab.looks import BASELINES, PIXELS, RANDOM
from course_lib.lab.plots import Bars
from course_lib.lab.quantities import value
from course_lib.lab.verdicts import Part

SIMILAR = {"task": "new-shapes", "batch": 16}
LIVE = {**SIMILAR, "seeds": (0, 1, 2), "rates": (0.5, 2.0)}
QUICK = {**SIMILAR, "seeds": (0, 1), "rates": (1.0,)}
STUDY = {**SIMILAR, "seeds": (0, 1, 2, 3, 4), "rates": (0.1, 0.3, 1.0, 3.0)}
ON_PHOTOS = {"task": "pets", "train": 48, "seeds": (0, 1)}

frozen, scratch = value("test", strategy=HEAD_ONLY), value("test", strategy=SCRATCH)

C06 = Claim(
    tag="C06",
    lesson="02",
    statement="With little similar data the frozen backbone beats scratch by a wide margin.",
    primary=(Part("frozen minus scratch, test accuracy", frozen - scratch, above=0.20),),
    details=(
        Part("frozen minus pixels", frozen - value("test", strategy=PIXELS), above=0.0),
        Part("frozen minus a random net", frozen - value("test", strategy=RANDOM), above=0.0),
    ),
    trials=lambda size: grid(size, [size["train"]], (SCRATCH, HEAD_ONLY, *BASELINES)),
    measure=transfer,
    plot=Bars("strategy", {"test": "test accuracy"}, title="{train} labels"),
    live={**LIVE, "train": 100, "epochs": 7},
    quick={**QUICK, "train": 48, "epochs": 6},
    full={**STUDY, "train": 100, "epochs": (15, 40)},
    photos={**ON_PHOTOS, "epochs": 4, "rates": (1.0,)},
    note="Both strategies choose their rate on validation with the same budget.",
)  # fmt: skip

CLAIMS = (C06,)
