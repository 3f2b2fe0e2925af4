"""Lesson 01: what each stage of a pretrained net knows (C01 to C05, C37, C38)."""

from collections.abc import Sequence
from itertools import product

from course_lib.claims.trials.checkpoints import KEPT, SHORT, checkpoint, ranked
from course_lib.claims.trials.filters import FilterDots, filters, set_against_random
from course_lib.claims.trials.halves import (
    BASE,
    FULL_SIZE,
    KINDS,
    OTHER,
    PAIRS,
    RANDOM_STAGES,
    RATE_CHOICE,
    SAME,
    by_stage,
    compared,
    over_depths,
    transplant_trials,
    transplanted,
)
from course_lib.claims.trials.stages import (
    LAST,
    LOW_LEVEL,
    NETS,
    OF_OTHER,
    OF_PRETRAINED,
    PIXELS,
    PRETRAINED,
    STAGES,
    TUNED,
    UNTRAINED,
    alike,
    probed,
    skills,
    stage_by_stage,
    stage_scores,
    staged,
)
from course_lib.lab.claim import Claim
from course_lib.lab.plots import Grid, Lines
from course_lib.lab.quantities import Quantity, value
from course_lib.lab.verdicts import PLAIN, SHARE, Part, exact
from course_lib.measure.figures import Look

TASKS = ("new-shapes", "new-textures", "digits", "radiographs")
SIMILAR, DIFFERENT = TASKS[:2], TASKS[2:]
PARTS_OF_SOURCE = "pretraining on parts of the source"
FACTORS = "known factors of every picture"
GREY = Look("#777777", ":", "x")
LOOKS = {
    PRETRAINED: Look("#0072B2", "-", "s"),
    UNTRAINED: GREY,
    PIXELS: Look("#E69F00", "--", "*"),
}
HALVES = {"epochs": 5, "side": 32, "pictures": 1_200, "seeds": (0, 1)}
FEW_OF_HALVES = {**HALVES, "epochs": 2, "pictures": 120}
MORE_OF_HALVES = {**FULL_SIZE, "seeds": (0, 1, 2)}


def crossed(shared: dict, **settings: Sequence) -> list[dict]:
    """Every combination of the settings, each with what all trials share."""
    return [
        {**shared, **dict(zip(settings, one, strict=True))} for one in product(*settings.values())
    ]


def some(size: dict, *names: str) -> dict:
    return {name: size[name] for name in names}


# ---------------------------------------------------------------- the first filters

C01 = Claim(
    tag="C01",
    lesson="01",
    statement="First-layer filters of a pretrained net are oriented edges and colour blobs; those "
    "of a random net are not.",
    primary=(
        Part("share of the pretrained filters that are more oriented, or smoother, than 99 of 100 "
             "random ones", value("structured", net=PRETRAINED), above=0.70, unit=SHARE,
             interval=exact),
    ),
    trials=lambda size: [
        {"net": PRETRAINED, "seed": 0},
        *crossed({}, net=[UNTRAINED], seed=size["seeds"]),
    ],
    measure=filters,
    tidy=set_against_random,
    plot=FilterDots(
        ("selectivity", "orientation selectivity (0: none, 1: one orientation only)"),
        ("smoothness", "smoothness (1: a flat colour)"),
        by="net",
        order=(UNTRAINED, PRETRAINED),
        title="First-layer filters: 99 of 100 random ones stay within the lines",
        looks=LOOKS,
    ),
    live={"seeds": tuple(range(10))},
    quick={"seeds": (0, 1)},
    full={"seeds": tuple(range(50))},
    note="There is one pretrained net: the interval is that over its filters.",
)  # fmt: skip

# ---------------------------------------------------------------- what can be read where


def skill(factor: str, net: str = PRETRAINED, **where) -> Quantity:
    return value("skill", factor=factor, net=net, **where)


C02 = Claim(
    tag="C02",
    lesson="01",
    statement="Early stages hold low-level factors, late ones hold the class.",
    primary=(
        *(
            Part(f"{factor}, skill at the better of the first two stages minus the last",
                 skill(factor, rival=True) - skill(factor, stage=LAST), above=0.0, unit=PLAIN)
            for factor in LOW_LEVEL
        ),
        Part("class, skill at the last stage minus the best earlier one",
             skill("class", stage=LAST) - skill("class", rival=True), above=0.0, unit=PLAIN),
        Part("class, skill at the last stage minus an untrained net's",
             skill("class", stage=LAST) - skill("class", UNTRAINED, stage=LAST), above=0.0,
             unit=PLAIN),
    ),
    trials=lambda size: crossed(
        some(size, "train", "validation", "test", "dimension"), seed=size["seeds"], net=NETS
    ),
    measure=probed,
    tidy=skills,
    plot=Lines("stage", {"skill": "skill of the probe"}, by="net", facet="factor", across=3,
               looks=LOOKS),
    live={"seeds": (0, 1, 2), "train": 900, "validation": 250, "test": 500, "dimension": 96},
    quick={"seeds": (0, 1), "train": 250, "validation": 80, "test": 150, "dimension": 96},
    full={"seeds": (0, 1, 2, 3, 4), "train": 5_000, "validation": 500, "test": 1_500,
          "dimension": 96},
    why_not=FACTORS,
    note="Skill is 0 at chance and 1 when perfect; all stages give their probe equally many "
    "numbers. The stage that the last one is set against is chosen by its mean test skill.",
)  # fmt: skip

# ---------------------------------------------------------------- little data of another kind


def score(task: str, net: str = PRETRAINED, **where) -> Quantity:
    return value("test", task=task, net=net, **where)


C37 = Claim(
    tag="C37",
    lesson="01",
    statement="With little data of a very different kind, earlier stages serve better than the "
    "last; with similar data the last serves best.",
    primary=(
        *(
            Part(f"{task}, the last stage minus the best earlier one",
                 score(task, stage=LAST) - score(task, picked=True), above=0.0)
            for task in SIMILAR
        ),
        *(
            Part(f"{task}, the best earlier stage minus the last",
                 score(task, picked=True) - score(task, stage=LAST), above=0.0)
            for task in DIFFERENT
        ),
    ),
    details=tuple(
        Part(f"{task}, the last stage minus {name}", score(task, stage=LAST) - rival, above=0.0)
        for task in TASKS
        for name, rival in (
            ("the best stage of an untrained net", score(task, UNTRAINED, picked=True)),
            ("pixels", score(task, PIXELS)),
        )
    ),
    trials=lambda size: crossed(
        some(size, "train", "test"), task=size["tasks"], net=NETS, seed=size["seeds"]
    ),
    measure=staged,
    tidy=stage_scores,
    plot=Lines("stage", {"test": "test accuracy or AUC"}, by="net", facet="task", across=2,
               title="Linear probes on {train} labels", looks=LOOKS),
    live={"tasks": ("new-shapes", "digits", "radiographs"), "train": 60, "test": 400,
          "seeds": (0, 1, 2)},
    quick={"tasks": ("new-shapes", "digits"), "train": 40, "test": 160, "seeds": (0, 1)},
    full={"tasks": TASKS, "train": 100, "test": 800, "seeds": tuple(range(8))},
    why_not=FACTORS,
    note="Validation pictures choose the earlier stage, over all draws. The untrained net's best "
    "stage is chosen by its mean test score, in its favour. Radiographs are scored by AUC.",
)  # fmt: skip

# ---------------------------------------------------------------- general or specific

frozen_a, frozen_b = (
    {depth: value("test", kind=kind, stages=depth) for depth in (min, max)}
    for kind in ("AnB", "BnB")
)


def tuned(kind: str) -> Quantity:
    return value("over depths", kind=kind, stages=max)


C03 = Claim(
    tag="C03",
    lesson="01",
    statement="Early stages serve another task as well as its own early stages do, late ones "
    "don't; what was specific is learnt anew when all may learn.",
    primary=(
        Part("first stage frozen, B's own minus A's", frozen_b[min] - frozen_a[min], below=0.05),
        Part("all stages frozen, B's own minus A's", frozen_b[max] - frozen_a[max], above=0.05),
        Part("fine-tuned, A's minus B's own, mean over depths", tuned("AnB+") - tuned("BnB+"),
             above=-0.02),
    ),
    details=(
        Part("fine-tuned, A's minus the base net, mean over depths",
             tuned("AnB+") - value("test", kind=BASE), above=0.0),
        Part("fine-tuned, B's own minus the base net, mean over depths",
             tuned("BnB+") - value("test", kind=BASE), above=0.0),
    ),
    trials=transplant_trials,
    measure=transplanted,
    tuning=RATE_CHOICE,
    tidy=over_depths,
    plot=Lines(
        "stages",
        {"test": "test accuracy on half B"},
        by="kind",
        title="Transplants: which stages serve another task?",
        xlabel="transplanted stages",
        looks={
            BASE: GREY,
            RANDOM_STAGES: Look("#009E73", "-.", "D"),
            "AnB": Look("#D55E00", "-", "o"),
            "BnB": Look("#0072B2", "-", "s"),
            "AnB+": Look("#CC79A7", "--", "^"),
            "BnB+": Look("#56B4E9", "--", "v"),
        },
    ),
    live={**HALVES, "stages": (1, 3, 5), "kinds": ("AnB", "BnB", RANDOM_STAGES)},
    quick={**FEW_OF_HALVES, "stages": (1, 5), "kinds": ("AnB", "BnB", RANDOM_STAGES)},
    full={**FULL_SIZE, "seeds": tuple(range(8)), "stages": (1, 2, 3, 4, 5), "kinds": KINDS,
          "fresh": 1_000, "tuned": True},
    why_not=PARTS_OF_SOURCE,
    note="AnB: the first n stages from a net of half A, frozen, the others fresh, trained on "
    "half B; BnB: from a net of B; RnB, in small runs only: from a random one; "
    "+: all of them fine-tuned, with the same training; base:"
    " from random weights. Each draw trains nets of its own, so that draws are pretraining "
    "seeds. Every kind has, at every depth, the rate that did best on 400 validation pictures in "
    "three other draws, among three rates and further ones where the best lay on an edge; the nets "
    "that stages are taken from have the usual one. As A's stages have seen 2,000 pictures that "
    "the transplant does not, so have B's: published transplants of B learn from the pictures of "
    "their donor. The first edition's rows (as published; three draws, one rate for all, shared "
    "test pictures) were known when this rule was written: -3, +23 and +1.5 points, for which "
    "eight draws tell 3. Fresh test pictures per draw. One stage of B's own, fine-tuned, was given "
    "a rate at which some measured draws fail, which favours A's in the mean over depths; at the "
    "other depths the two are level.",
)  # fmt: skip


def same_minus_other(stage: str) -> Quantity:
    return value("cka", pair=SAME, stage=stage) - value("cka", pair=OTHER, stage=stage)


def oriented(pair: str) -> Quantity:
    """Mean selectivity of the first filters of the pair's second net."""
    return value("selectivity", pair=pair, stage=STAGES[0])


C38 = Claim(
    tag="C38",
    lesson="01",
    statement="Unrelated sources give the same early layers.",
    primary=(
        Part("CKA of the stems, two seeds of one source minus two sources",
             same_minus_other(STAGES[0]), below=0.10, unit=PLAIN),
        Part("CKA of the last stages, two seeds of one source minus two sources",
             same_minus_other(LAST), above=0.05, unit=PLAIN),
        Part("orientation selectivity of the first filters, half B minus untrained",
             oriented(OTHER) - oriented(UNTRAINED), above=0.0, unit=PLAIN),
    ),
    details=(
        Part("orientation selectivity of the first filters, half A minus untrained",
             oriented(SAME) - oriented(UNTRAINED), above=0.0, unit=PLAIN),
    ),
    trials=lambda size: crossed(
        some(size, "pictures", "epochs", "side"), pair=PAIRS, seed=size["seeds"]
    ),
    measure=compared,
    tidy=by_stage,
    plot=Lines(
        "stage",
        {"cka": "linear CKA (1: alike)"},
        by="pair",
        title="Do unrelated sources give the same features?",
        looks={
            SAME: Look("#0072B2", "-", "s"),
            OTHER: Look("#D55E00", "-", "o"),
            UNTRAINED: GREY,
        },
    ),
    live=HALVES,
    quick=FEW_OF_HALVES,
    full=MORE_OF_HALVES,
    why_not=PARTS_OF_SOURCE,
    note="Two untrained stems are alike too (the dotted line): a high CKA there says little by "
    "itself.",
)  # fmt: skip

# ---------------------------------------------------------------- better source, better transfer

C04 = Claim(
    tag="C04",
    lesson="01",
    statement="The better a net is at its source task, the better it transfers.",
    primary=tuple(
        Part(f"{task}, rank correlation of source accuracy and probe score",
             value("order", task=task, share=max), above=0.5, unit=PLAIN)
        for task in TASKS
    ),
    trials=lambda size: crossed(
        some(size, "train", "source", "pictures", "epochs", "side"),
        share=size["shares"],
        task=size["tasks"],
        seed=size["seeds"],
    ),
    measure=checkpoint,
    tidy=ranked,
    plot=Lines("accuracy", {"test": "probe on the target: accuracy or AUC"}, by="task",
               title="Better source, better transfer? {train} labels",
               xlabel="source accuracy of the checkpoint"),
    live={"source": SHORT, "shares": (0, 0.2, 0.4, 0.6, 0.8, 1.0), "pictures": 1_200, "epochs": 5,
          "side": 32, "tasks": ("new-shapes", "digits"), "train": 100, "seeds": (0, 1, 2)},
    quick={"source": SHORT, "shares": (0, 0.5, 1.0), "pictures": 120, "epochs": 2, "side": 32,
           "tasks": ("digits",), "train": 60, "seeds": (0, 1)},
    full={"source": KEPT, "shares": (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0), "pictures": 0,
          "epochs": 0, "side": 64, "tasks": TASKS, "train": 100, "seeds": (0, 1, 2, 3, 4)},
    why_not=PARTS_OF_SOURCE,
    note="Ranked are the checkpoints of one pretraining. Radiographs are scored by AUC.",
)  # fmt: skip

# ---------------------------------------------------------------- alike or not


def cka(net: str, stage: str) -> Quantity:
    """Of a stage of the pretrained net with the same stage of another net."""
    return value("cka", {OF_PRETRAINED: stage, OF_OTHER: stage}, net=net)


def kept(stage: str) -> Quantity:
    """What fine-tuning left of a stage's alikeness beyond an untrained net's: 1 all, 0 nothing."""
    untrained = cka(UNTRAINED, stage)
    return (cka(TUNED, stage) - untrained) / -(untrained - 1)


C05 = Claim(
    tag="C05",
    lesson="01",
    statement="Fine-tuning changes late representations most, and leaves all of them closer to the "
    "pretrained net than an untrained net is.",
    primary=(
        Part("kept of the CKA beyond an untrained net's, stem minus last stage",
             kept(STAGES[0]) - kept(LAST), above=0.05, unit=SHARE),
        *(
            Part(f"{stage}, CKA with the pretrained net, fine-tuned minus untrained",
                 cka(TUNED, stage) - cka(UNTRAINED, stage), above=0.0, unit=PLAIN)
            for stage in STAGES
        ),
    ),
    details=(
        Part("CKA with the pretrained net after fine-tuning, stem minus last stage",
             cka(TUNED, STAGES[0]) - cka(TUNED, LAST), above=0.05, unit=PLAIN),
        Part("the same, minus that of an untrained net",
             cka(TUNED, STAGES[0]) - cka(TUNED, LAST) - cka(UNTRAINED, STAGES[0])
             + cka(UNTRAINED, LAST), above=0.0, unit=PLAIN),
    ),
    trials=lambda size: crossed(
        some(size, "task", "train", "epochs", "pictures"), seed=size["seeds"]
    ),
    measure=alike,
    tidy=stage_by_stage,
    plot=Grid(OF_PRETRAINED, OF_OTHER, ("cka", "Linear CKA (1: alike)"), facet="net", top=1.0),
    live={"task": "digits", "train": 100, "epochs": 6, "pictures": 200, "seeds": (0, 1, 2)},
    quick={"task": "digits", "train": 30, "epochs": 2, "pictures": 60, "seeds": (0, 1)},
    full={"task": "digits", "train": 300, "epochs": 10, "pictures": 400,
          "seeds": (0, 1, 2, 3, 4)},
    note="Stems are alike whatever the net, so that CKA falls with depth for an untrained net too, "
    "even further: what decides is set against that. The rule asked for the plain fall before; "
    "this control was added with the rows in view.",
)  # fmt: skip

CLAIMS = (C01, C02, C03, C04, C05, C37, C38)
