"""Lesson 05: domain adaptation (C22 to C26).

digits.py holds the claims on handwritten digits, night.py those on the image world.
"""

from course_lib.experiments.domain_adaptation import digits, night
from course_lib.experiments.domain_adaptation.tables import (
    ADABN,
    BOTH,
    CONTINUED,
    CORAL,
    DANN,
    MMD,
    ORACLE,
    SELF,
    SOURCE,
    TENT,
    TRANSLATION,
)
from course_lib.experiments.study import Claim

_NIGHT = {"pictures": 300, "batch": 32, "lr": 1e-2, "ratio": 10.0}
_LR = 4e-3

CLAIMS = (
    Claim(
        tag="C22",
        lesson="05",
        statement="On digits over photographs adversarial training closes half of the gap between "
        "source-only and an oracle.",
        rule="three parts, each judged by the 95 % interval over draws of the share of the gap "
        "(method - source-only) / (oracle - source-only): every method lies above 0; DANN lies "
        "above 56 %, the published share; the best method lies above it. All: holds; some: holds "
        "in part. One recipe for all, no method is tuned, no target label is used.",
        trials=digits.c22_trials,
        measure=digits.c22_measure,
        judge=digits.c22_judge,
        draw=digits.c22_draw,
        live={
            "seeds": (0, 1),
            "methods": (SOURCE, ADABN, CORAL, DANN, ORACLE),
            "pictures": 1_000,
            "steps": 200,
            "lr": _LR,
        },
        quick={
            "seeds": (0, 1),
            "methods": (SOURCE, ADABN, DANN, ORACLE),
            "pictures": 500,
            "steps": 60,
            "lr": _LR,
        },
        full={
            "seeds": (0, 1, 2, 3, 4),
            "methods": (SOURCE, ADABN, TENT, CORAL, MMD, DANN, SELF, BOTH, ORACLE),
            "pictures": 10_000,
            "steps": 8_000,  # eighteen minutes a draw on one core
            "lr": _LR,
        },
    ),
    Claim(
        tag="C23",
        lesson="05",
        statement="From day to night, adapting without night labels closes most of the gap.",
        rule="two parts by the 95 % interval of paired differences over draws: the best method "
        "closes more than half of the gap between source-only and oracle; its lead over the "
        "second is above zero. Both: holds; one: holds in part.",
        trials=night.c23_trials,
        measure=night.c23_measure,
        judge=night.c23_judge,
        draw=night.c23_draw,
        live={
            **_NIGHT,
            "seeds": (0, 1),
            "methods": (night.HEAD_ONLY, SOURCE, ADABN, ORACLE),
            "steps": 24,
        },
        quick={
            **_NIGHT,
            "seeds": (0, 1),
            "pictures": 60,
            "methods": (SOURCE, ADABN, ORACLE),
            "steps": 6,
        },
        full={
            **_NIGHT,
            "seeds": (0, 1, 2, 3, 4),
            "methods": (
                night.HEAD_ONLY,
                SOURCE,
                ADABN,
                TENT,
                CORAL,
                MMD,
                DANN,
                SELF,
                TRANSLATION,
                CONTINUED,
                ORACLE,
            ),
            "steps": 50,
        },
    ),
    Claim(
        tag="C24",
        lesson="05",
        statement="After adaptation a domain classifier can no longer tell the features apart, "
        "while the task classifier still works.",
        rule="four parts by the 95 % interval over draws: a fresh classifier (support vector "
        "machine) on the features the head reads is over 10 points less right after DANN than "
        "after source-only; it is right on less than 60 %; DANN beats source-only on the target; "
        "it is right on over 90 % of the source.",
        trials=digits.c24_trials,
        measure=digits.c24_measure,
        judge=digits.c24_judge,
        draw=digits.c24_draw,
        live={"seeds": (0, 1), "pictures": 1_000, "steps": 150, "looks": 3, "lr": _LR},
        quick={"seeds": (0, 1), "pictures": 500, "steps": 40, "looks": 2, "lr": _LR},
        full={"seeds": (0, 1, 2), "pictures": 10_000, "steps": 4_000, "looks": 8, "lr": _LR},
    ),
    Claim(
        tag="C25",
        lesson="05",
        statement="A cycle-consistent translator is learnt without pairs, and training on "
        "translated pictures helps on the target.",
        rule="two parts by the 95 % interval over draws: a translated day picture is over twice "
        "as near to the true night picture of the same scene as the day picture is; a net trained "
        "on translated pictures beats source-only at night. Both: holds; one: holds in part.",
        trials=night.c25_trials,
        measure=night.c25_measure,
        judge=night.c25_judge,
        draw=night.c25_draw,
        live={**_NIGHT, "seeds": (0, 1), "translator_steps": 100, "steps": 20},
        quick={**_NIGHT, "seeds": (0, 1), "pictures": 60, "translator_steps": 20, "steps": 6},
        full={**_NIGHT, "seeds": (0, 1, 2), "translator_steps": 800, "steps": 50},
    ),
    Claim(
        tag="C26",
        lesson="05",
        statement="The best model can be chosen without a target label.",
        rule="a rule is useful when the target accuracy of its pick lies above the mean of all "
        "candidates (95 % interval over draws). All three rules: holds; some: holds in part.",
        trials=digits.c26_trials,
        measure=digits.c26_measure,
        judge=digits.c26_judge,
        draw=digits.c26_draw,
        live={
            "seeds": (0, 1),
            "candidates": (
                (SOURCE, "", 0.0, _LR),
                (CORAL, "", 10.0, _LR),
                (DANN, "conv2", 1.0, _LR),
                (DANN, "conv2", 0.1, _LR),
            ),
            "pictures": 1_000,
            "steps": 150,
        },
        quick={
            "seeds": (0, 1),
            "candidates": (
                (SOURCE, "", 0.0, _LR),
                (CORAL, "", 10.0, _LR),
                (DANN, "conv2", 1.0, _LR),
            ),
            "pictures": 500,
            "steps": 30,
        },
        full={
            "seeds": (0, 1, 2),
            "candidates": (
                (SOURCE, "", 0.0, _LR),
                (SOURCE, "", 0.0, 5e-4),
                (CORAL, "", 1.0, _LR),
                (CORAL, "", 10.0, _LR),
                (MMD, "", 1.0, _LR),
                (DANN, "", 1.0, _LR),
                (DANN, "conv2", 1.0, _LR),
                (DANN, "conv2", 0.1, _LR),
            ),
            "pictures": 3_000,
            "steps": 400,
        },
    ),
)
