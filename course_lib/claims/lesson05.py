"""Lesson 05: domain adaptation (C22 to C26)."""

from course_lib.adaptation import RULES
from course_lib.claims.trials import digits, night
from course_lib.claims.trials.methods import (
    ADABN,
    BOTH,
    CONTINUED,
    CORAL,
    DANN,
    HEAD_ONLY,
    MMD,
    ORACLE,
    SELF,
    SOURCE,
    TENT,
    TRANSLATION,
    with_gap,
)
from course_lib.lab.claim import Claim
from course_lib.lab.plots import Bars, Dots, Lines
from course_lib.lab.quantities import Quantity, chosen, value
from course_lib.lab.verdicts import SHARE, Part
from course_lib.measure.figures import LOOKS, Look

PUBLISHED = 0.56  # share of the gap that DANN closes in Ganin et al. 2016, table 1
BY_DAY_AND_NIGHT = "the same scenes by day and by night"
RIVALS = (ADABN, TENT, CORAL, MMD, DANN, SELF, BOTH)
RATE = 4e-3
NIGHT = {"pictures": 300, "batch": 32, "lr": 1e-2, "ratio": 10.0}


def test(method: str) -> Quantity:
    return value("test", method=method)


C22 = Claim(
    tag="C22",
    lesson="05",
    statement="On digits over photographs adversarial training closes half of the gap between "
    "source-only and an oracle.",
    primary=(
        Part("DANN: share of the gap closed", value("closed", method=DANN), above=0.5, unit=SHARE),
    ),
    details=(
        Part("DANN: share of the gap closed, against the published one",
             value("closed", method=DANN), above=PUBLISHED, unit=SHARE),
        *(
            Part(f"{name}: share of the gap closed", value("closed", method=name), above=0.0,
                 unit=SHARE)
            for name in RIVALS
            if name != DANN
        ),
        Part(f"{BOTH} minus DANN, share of the gap closed",
             value("closed", method=BOTH, whole=True) - value("closed", method=DANN, whole=True),
             above=0.0, unit=SHARE),
    ),
    trials=digits.grid,
    measure=digits.adapted_digits,
    tidy=digits.by_gap_and_band,
    plot=Bars(
        "method",
        {
            "test": "test accuracy on the target",
            "dark": "where the patch is dark",
            "bright": "where the patch is bright",
        },
        title="{steps:,} steps",
    ),
    live={
        "seeds": (0, 1),
        "methods": (SOURCE, ADABN, CORAL, DANN, ORACLE),
        "pictures": 1_000,
        "steps": 200,
        "lr": RATE,
    },
    quick={
        "seeds": (0, 1),
        "methods": (SOURCE, ADABN, DANN, ORACLE),
        "pictures": 500,
        "steps": 60,
        "lr": RATE,
    },
    full={
        "seeds": (5, 6, 7, 8, 9),
        "methods": (SOURCE, *RIVALS, ORACLE),
        "more_seeds": (10, 11, 12, 13),
        "more_methods": (SOURCE, DANN, ORACLE),
        "pictures": 10_000,
        "steps": 8_000,  # eighteen minutes a draw on one core
        "lr": RATE,
    },
    note="The gap is the oracle less source-only, draw by draw. One recipe for all, no method is "
    "tuned, no target label is used in training. Network, step size, picture size and the number "
    "of steps (4,000, then 8,000) were settled with an eye on the target, for all methods at once. "
    "Nine fresh draws, five of them with every method: that many were planned from the first "
    "edition's five, where DANN closed 63 % (48 to 77 %, undecided). Those had been looked at, "
    "and do not count.",
)  # fmt: skip

middle_of_the_gap = (test(SOURCE) + test(ORACLE)) / 2

C23 = Claim(
    tag="C23",
    lesson="05",
    statement="From day to night, adapting without night labels closes most of the gap.",
    primary=(
        Part("AdaBN minus the middle between source-only and oracle",
             test(ADABN) - middle_of_the_gap, above=0.0),
    ),
    details=(
        *(
            Part(f"{name} minus the middle between source-only and oracle",
                 test(name) - middle_of_the_gap, above=0.0)
            for name in (TENT, CORAL, DANN, SELF, CONTINUED)
        ),
        Part("AdaBN minus a new head on the frozen backbone", test(ADABN) - test(HEAD_ONLY),
             above=0.0),
    ),
    trials=night.grid,
    measure=night.adapted_to_night,
    tidy=with_gap,
    plot=Bars(
        "method",
        {"test": "test accuracy at night", "source_validation": "validation accuracy by day"},
        title="{pictures} labelled day pictures",
    ),
    live={**NIGHT, "seeds": (0, 1), "methods": (HEAD_ONLY, SOURCE, ADABN, ORACLE), "steps": 24,
          "test_pictures": 300},
    quick={**NIGHT, "seeds": (0, 1), "pictures": 60, "methods": (SOURCE, ADABN, ORACLE),
           "steps": 6, "test_pictures": 60},
    full={
        **NIGHT,
        "seeds": (5, 6, 7, 8, 9),
        "methods": (HEAD_ONLY, SOURCE, ADABN, TENT, CORAL, DANN, SELF, CONTINUED, ORACLE),
        "steps": 50,
        "test_pictures": 1_000,
    },
    why_not=BY_DAY_AND_NIGHT,
    note="The protocol is that of the first edition, where it had been settled with an eye on the "
    "target; now it is frozen, and draws and night test pictures are fresh. AdaBN, the simplest "
    "method, stands for all: the first edition asked for the best by test accuracy and a lead over "
    "the second, and its rows (AdaBN 9 points above the middle, draws 5 apart, for which five tell "
    "9) were known. Left out to save time: MMD, which did as CORAL did, and translation, which "
    "is the subject of C25. The new head changes no statistics and is no adaptation. One "
    "pretraining seed.",
)  # fmt: skip


def at_the_end(column: str, method: str) -> Quantity:
    return value(column, method=method, batch_norm=digits.SEPARATE, step=max)


C24 = Claim(
    tag="C24",
    lesson="05",
    statement="After adaptation a domain classifier can no longer tell the features apart, while "
    "the task classifier still works.",
    primary=(
        Part("a domain classifier's accuracy, source-only minus DANN",
             at_the_end("told_apart", SOURCE) - at_the_end("told_apart", DANN), above=0.10),
        Part("a domain classifier's accuracy after DANN", at_the_end("told_apart", DANN),
             below=0.60, unit=SHARE),
        Part("DANN minus source-only, accuracy on the target",
             at_the_end("target", DANN) - at_the_end("target", SOURCE), above=0.0),
        Part("DANN, accuracy on the source", at_the_end("source", DANN), above=0.90, unit=SHARE),
    ),
    trials=digits.lanes,
    measure=digits.told_apart,
    tidy=digits.look_by_look,
    plot=Lines(
        "step",
        {"told_apart": "a domain classifier is right on",
         "target": "the task classifier, on the target"},
        by="lane",
        xlabel="training steps",
        looks={digits.MIXED: Look(LOOKS[DANN].color, ":", "x")},
    ),
    live={"seeds": (0, 1), "pictures": 1_000, "steps": 150, "looks": 3, "lr": RATE},
    quick={"seeds": (0, 1), "pictures": 500, "steps": 40, "looks": 2, "lr": RATE},
    full={"seeds": (0, 1, 2), "pictures": 10_000, "steps": 4_000, "looks": 8, "lr": RATE},
    note="The domain classifier is a fresh support vector machine on the features that the head "
    "reads; 50 % is guessing. The number of steps was raised after first rows.",
)  # fmt: skip


def seen(line: str) -> Quantity:
    return value("accuracy", line=night.NETS[line])


def far(line: str) -> Quantity:
    return value("distance", line=night.PICTURES[line])


C25 = Claim(
    tag="C25",
    lesson="05",
    statement="A cycle-consistent translator is learnt without pairs, and training on translated "
    "pictures helps on the target.",
    primary=(
        Part("distance of a translated picture to the true night, in that of the day picture",
             far("translated_to_night") / far("day_to_night"), below=0.5, unit=SHARE),
        Part("trained on translated pictures minus source-only, accuracy at night",
             seen("test") - seen("source_only"), above=0.0),
    ),
    trials=night.translators,
    measure=night.translated,
    tidy=night.line_by_line,
    plot=Bars(
        "line",
        {"accuracy": "test accuracy at night",
         "distance": "distance to the true picture, per channel"},
        title="{translator_steps:,} steps of the translator",
        looks={
            night.NETS["test"]: LOOKS[TRANSLATION],
            night.NETS["with_adabn"]: LOOKS[ADABN],
            night.PICTURES["day_to_night"]: LOOKS[SOURCE],
            night.PICTURES["translated_to_night"]: LOOKS[TRANSLATION],
            night.PICTURES["round_trip"]: LOOKS[ORACLE],
        },
    ),
    live={**NIGHT, "seeds": (0, 1), "translator_steps": 100, "steps": 20},
    quick={**NIGHT, "seeds": (0, 1), "pictures": 60, "translator_steps": 20, "steps": 6},
    full={**NIGHT, "seeds": (0, 1, 2), "translator_steps": 800, "steps": 50},
    why_not=BY_DAY_AND_NIGHT,
    note="The same scene is rendered by day and at night to measure how near a translation comes; "
    "the translator never sees a pair. Distances are mean absolute differences, colours from 0 to "
    "1.",
)  # fmt: skip

SMALL = ((SOURCE, "", 0.0, RATE), (CORAL, "", 10.0, RATE), (DANN, "conv2", 1.0, RATE))

C26 = Claim(
    tag="C26",
    lesson="05",
    statement="The best model can be chosen without a target label.",
    primary=tuple(
        Part(f"pick by {rule} minus the mean of all candidates, accuracy on the target",
             chosen("over", by="score", rule=rule), above=0.0)
        for rule in RULES
    ),
    trials=digits.candidates,
    measure=digits.candidate,
    tidy=digits.by_rule,
    plot=Dots(
        ("score", "what the rule says"),
        ("test", "test accuracy on the target"),
        by="choice",
        facet="rule",
        title="Each candidate, and the picks of each rule",
        looks={digits.PASSED: Look("#AAAAAA", "", ".")},
    ),
    live={
        "seeds": (0, 1),
        "candidates": (*SMALL, (DANN, "conv2", 0.1, RATE)),
        "pictures": 1_000,
        "steps": 150,
    },
    quick={"seeds": (0, 1), "candidates": SMALL, "pictures": 500, "steps": 30},
    full={
        "seeds": (0, 1, 2),
        "candidates": (
            (SOURCE, "", 0.0, RATE),
            (SOURCE, "", 0.0, 5e-4),
            (CORAL, "", 1.0, RATE),
            (CORAL, "", 10.0, RATE),
            (MMD, "", 1.0, RATE),
            (DANN, "", 1.0, RATE),
            (DANN, "conv2", 1.0, RATE),
            (DANN, "conv2", 0.1, RATE),
        ),
        "pictures": 3_000,
        "steps": 400,
    },
    note="A rule is useful when its pick is better than a candidate taken blindly. No rule sees a "
    "target label.",
)  # fmt: skip

CLAIMS = (C22, C23, C24, C25, C26)
