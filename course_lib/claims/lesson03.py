"""Lesson 03: differential learning rates (C14 to C17)."""

from course_lib.claims.trials.rates import (
    AT_ONCE,
    CHOSEN,
    DECAY,
    DIFFERENTIAL,
    GRADUAL,
    HARDER,
    HEAD_FIRST,
    HEAD_TRAINED,
    LARGE,
    LEARNING,
    OVERWRITING,
    RATIO,
    RATIO_CHOICE,
    RATIOS,
    SCHEDULE_CHOICE,
    SCHEDULE_EPOCHS,
    SCHEDULES,
    SMALL,
    by_step,
    decay_trials,
    overwriting,
    overwriting_trials,
    ratio_trials,
    schedule_trials,
    swept,
    tuned,
)
from course_lib.claims.trials.transfer import with_pictures
from course_lib.lab.claim import Claim
from course_lib.lab.looks import PIXELS
from course_lib.lab.plots import Bars, Lines
from course_lib.lab.quantities import Quantity, value
from course_lib.lab.verdicts import SHARE, Part
from course_lib.measure.figures import Look

LIVE = {"task": "digits", "train": 60, "seeds": (0, 1), "epochs": 5, "batch": 16}
QUICK = {"task": "digits", "train": 40, "seeds": (0, 1), "epochs": 2, "batch": 16}
STUDY = {"task": "digits", "train": 100, "seeds": (0, 1, 2, 3, 4), "epochs": 8, "batch": 16}
FIRST = 8  # batches that count as "the first"
BOTH = {"test": "new task: test accuracy", "source": "source accuracy that is left"}
RATE_LOOKS = {
    LARGE: Look("#D55E00", "--", "o"),
    SMALL: Look("#0072B2", "-", "s"),
    DIFFERENTIAL: Look("#009E73", "-.", "^"),
    LEARNING: Look("#CC79A7", ":", "D"),
    HEAD_TRAINED: Look("#E69F00", "-", "v"),
}
# Rates from light to dark, and the line that counts in black.
SWEEP_LOOKS = {
    "head rate 0.001": Look("#56B4E9", ":", "o"),
    "head rate 0.003": Look("#0072B2", "-.", "s"),
    "head rate 0.01": Look("#CC79A7", "--", "D"),
    CHOSEN: Look("#000000", "-", "X"),
}
SCHEDULE_LOOKS = {
    AT_ONCE: Look("#CC79A7", "-", "D"),
    GRADUAL: Look("#E69F00", "-.", "P"),
    HEAD_FIRST: Look("#56B4E9", ":", "v"),
}


# ---- C14: overwritten at once -------------------------------------------------------------------


def early(steps) -> float:
    return steps[steps <= FIRST].max()


def left(name: str) -> Quantity:
    return value("left", name=name, step=early)


def end(name: str) -> Quantity:
    return value("test", name=name, step=max)


# ---- C15, C16: sweeps, each value at the head rate that validation chose ------------------------


def chosen(number: float) -> Quantity:
    return value("test", line=CHOSEN, value=number)


def right(number: float) -> Quantity:
    """Which test pictures are right; the test digits are the same for all draws."""
    return value("right", line=CHOSEN, value=number)


def largest_rate(number: float) -> Quantity:
    return value("test", value=number, rate=1e-2)


def of(name: str, **where) -> Quantity:
    return value("test", name=name, **where)


def ahead_of_at_once(name: str, task: str) -> Quantity:
    """In test pictures that are right; they are the same for all draws."""
    one, other = (value("right", name=each, task=task) for each in (name, AT_ONCE))
    return one - other


C14 = Claim(
    tag="C14",
    lesson="03",
    statement="One large rate for all layers overwrites the pretrained features within the first "
    "batches.",
    primary=(
        Part(f"source accuracy left after {FIRST} batches, {LARGE}", left(LARGE), below=0.5,
             unit=SHARE),
        Part(f"source accuracy left after {FIRST} batches, {DIFFERENTIAL}", left(DIFFERENTIAL),
             above=0.9, unit=SHARE),
        Part(f"{DIFFERENTIAL} minus {LARGE}, test accuracy on the new task",
             end(DIFFERENTIAL) - end(LARGE), above=0.0),
    ),
    details=(
        Part(f"{DIFFERENTIAL} minus pixels, test accuracy", end(DIFFERENTIAL) - of(PIXELS),
             above=0.0),
        Part(f"{LEARNING} minus {LARGE}, test accuracy on the new task",
             end(LEARNING) - end(LARGE), above=0.2),
        Part(f"{HEAD_TRAINED} minus {LARGE}, test accuracy on the new task",
             end(HEAD_TRAINED) - end(LARGE), within=0.1),
    ),
    trials=overwriting_trials,
    measure=overwriting,
    tidy=by_step,
    plot=Lines("step", {"source": "source accuracy, old head", "drift.stem": "drift of the stem",
                        "drift.layer4": "drift of the last stage"},
               by="name", logs=("drift.stem", "drift.layer4"), xlabel="training step",
               looks=RATE_LOOKS, title="{train} labels of the new task"),
    live={**LIVE, "names": (LARGE, LEARNING, SMALL, DIFFERENTIAL), "steps": (1, 2, 4, 8, 14, 20),
          "source_pictures": 60},
    quick={**QUICK, "names": (LARGE, DIFFERENTIAL), "epochs": 4, "steps": (1, 4, 8, 12),
           "source_pictures": 50},
    full={**STUDY, "names": tuple(OVERWRITING), "steps": (1, 2, 3, 4, 6, 8, 12, 20, 35, 56),
          "source_pictures": 200},
    note="Drift is the distance of a stage's weights from the pretrained ones, in lengths of the "
    "pretrained weights. There is no warm-up, which would hide the first steps. Batch norm's "
    "statistics are held still but for the line where batch norm learns. Where the head is trained "
    f"first, it has {OVERWRITING[HEAD_TRAINED]['head_epochs']} epochs alone. Both lines came after "
    "the others; two draws of each had been seen when their details were written down, and what "
    "decides the claim was left as it was.",
)  # fmt: skip

C15 = Claim(
    tag="C15",
    lesson="03",
    statement="On WorldNet the ratio of head rate to backbone rate hardly matters once the rate is "
    "tuned.",
    primary=(
        Part("ratio 100 minus ratio 1, each at its chosen head rate, test accuracy",
             right(100) - right(1), within=0.03),
    ),
    details=(
        *(Part(f"ratio {ratio} minus ratio 1, each at its chosen head rate, test accuracy",
               right(ratio) - right(1), within=0.03) for ratio in (10, 1000)),
        Part("ratio 100 minus one rate for all, at the largest head rate",
             largest_rate(100) - largest_rate(1), above=0.01),
        Part("ratio 100 at its chosen head rate minus pixels", chosen(100) - of(PIXELS),
             above=0.0),
    ),
    trials=ratio_trials,
    measure=tuned,
    tuning=RATIO_CHOICE,
    labels=("chosen",),
    tidy=swept(RATIO),
    plot=Lines("value", BOTH, by="line", log=True, xlabel="head rate / backbone rate",
               looks=SWEEP_LOOKS, title="{train} labels"),
    live={**LIVE, "ratios": (1.0, 10.0, 100.0), "rates": (1e-2,), "chosen": {}},
    quick={**QUICK, "ratios": (1.0, 100.0), "rates": (1e-2,), "chosen": {}},
    full={**STUDY, "seeds": tuple(range(8)), "ratios": RATIOS, "rates": (1e-2,),
          "chosen": {}},
    note="Every ratio has the head rate that did best on the validation pictures of three other "
    "draws, among three rates and further ones where the best lay on an edge, as it did in the "
    "first edition for ratio 1 and for ratio 100. Its rows were known: ratio 1 stood 3 points "
    "above ratio 100, each at its best rate of three. Eight draws tell 3 points if they lie 3 "
    "apart. "
    "The test digits are the same for all draws, and the interval allows for it. One pretraining "
    "seed. On photographs see the table of ratios.",
)  # fmt: skip

C16 = Claim(
    tag="C16",
    lesson="03",
    statement="Layer-wise decay helps, and 0.9 is the value to take.",
    primary=(
        Part("decay 0.9 minus no decay, test accuracy", chosen(0.9) - chosen(1), above=0.0),
        *(Part(f"decay 0.9 minus {decay:g}, test accuracy", chosen(0.9) - chosen(decay),
               above=-0.01) for decay in (0.5, 0.65, 0.8)),
    ),
    details=(Part("decay 0.9 minus pixels", chosen(0.9) - of(PIXELS), above=0.0),),
    trials=decay_trials,
    measure=tuned,
    tidy=swept(DECAY),
    plot=Lines("value", BOTH, by="line", xlabel="rate of a stage / rate of the stage after it",
               looks=SWEEP_LOOKS, title="{train} labels"),
    live={**LIVE, "decays": (0.5, 0.9, 1.0), "rates": (1e-2,)},
    quick={**QUICK, "decays": (0.9, 1.0), "rates": (1e-2,)},
    full={**STUDY, "decays": (0.5, 0.65, 0.8, 0.9, 1.0), "rates": (3e-3, 1e-2)},
    note="Every decay chooses its head rate on validation pictures. Five stages are not the twelve "
    "or more layers for which 0.9 is quoted: the first stage here still learns at 66 % of the last "
    "one's rate.",
)  # fmt: skip

C17 = Claim(
    tag="C17",
    lesson="03",
    statement="Unfreezing gradually, the last stage first, beats unfreezing at once.",
    primary=tuple(
        Part(f"gradually minus at once on {task}, test accuracy",
             ahead_of_at_once(GRADUAL, task), above=0.0, matters=0.02)
        for task in HARDER
    ),
    details=(
        *(Part(f"head first minus at once on {task}, test accuracy",
               ahead_of_at_once(HEAD_FIRST, task), above=0.0) for task in HARDER),
        Part("gradually minus pixels on digits", of(GRADUAL, task="digits")
             - of(PIXELS, task="digits"), above=0.0),
    ),
    trials=schedule_trials,
    measure=tuned,
    tuning=SCHEDULE_CHOICE,
    tidy=with_pictures,
    plot=Bars("name", BOTH, facet="task", looks=SCHEDULE_LOOKS, title="{train} labels"),
    live={**LIVE, "tasks": ("digits",), "schedules": (AT_ONCE, GRADUAL), "rates": (1e-2,),
          "epochs": 8},
    quick={**QUICK, "tasks": ("digits",), "schedules": (AT_ONCE, GRADUAL), "rates": (1e-2,),
           "epochs": 6},
    full={**STUDY, "seeds": tuple(range(16)), "tasks": HARDER, "schedules": tuple(SCHEDULES),
          "epochs": SCHEDULE_EPOCHS, "rates": ()},
    note="The published schedules: each time something unlocks, all that is unlocked learns with a "
    "schedule anew. Gradually is one stage more after each pass, the head alone in the first. "
    "Twelve passes for all; every schedule has the head rate that did best on the validation "
    "pictures of three other draws, among three rates and further ones where the best lay on an "
    "edge. The first edition (one schedule for the whole run, eight passes, five draws: +0.2 and "
    "-0.4 points, for which 20 and 55 draws tell 2 points) was known. The test digits are the same "
    "for all draws, and the interval allows for it. One pretraining seed.",
)  # fmt: skip

CLAIMS = (C14, C15, C16, C17)
