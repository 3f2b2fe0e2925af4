"""Lesson 06: what goes wrong between a notebook and its users, and the X-ray case (C27 to C30)."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from course_lib.claims.trials import choosing, clinic, grey, mistakes
from course_lib.claims.trials.clinic import BY_PATIENT, BY_PICTURE, CLEAN, MARKED
from course_lib.claims.trials.grey import ALL, HEAD, MEAN, NEW, ONE, REPEAT, STEM, SUM
from course_lib.claims.trials.mistakes import BOTH, LIGHT, NONE, SERVING, SHAPES
from course_lib.claims.trials.transfer import FINE, FULL, HEAD_ONLY, SCRATCH
from course_lib.lab.claim import Claim
from course_lib.lab.looks import PIXELS, RANDOM
from course_lib.lab.plots import Bars, Lines
from course_lib.lab.quantities import Quantity, chosen, highest, value
from course_lib.lab.verdicts import Part, Unit
from course_lib.measure.figures import Look
from course_lib.measure.intervals import Estimate

FIRST = mistakes.FIRST_STAGES.name
LANES = ((SHAPES, HEAD_ONLY), (SHAPES, FULL), (LIGHT, FIRST))
RIGHT, WRONG = Look("#0072B2", "-", "s"), Look("#D55E00", "--", "o")
THOUSANDTHS, TIMES = Unit(1_000, 4, " thousandths"), Unit(1, 2, " times")
TEXT_MENTIONS = "Texts tell of AUC 0.70 from scratch and 0.92 fine-tuned, on about 5,000 pictures. "


def counted(values: pd.Series) -> Estimate:
    """For what is counted or holds exactly, not sampled: from the least to the greatest draw."""
    low, high = float(np.min(values)), float(np.max(values))

    def p(threshold: float) -> float:
        return float(low <= threshold <= high)

    return Estimate(float(np.mean(values)), low, high, len(values), p)


def lost(names: Sequence[str], lane: tuple[str, str], when: str = SERVING) -> Quantity:
    """Accuracy lost to mistakes, their mean, by one model on one task."""
    task, strategy = lane
    each = [value("lost", mistake=n, task=task, strategy=strategy, when=when) for n in names]
    return reduce(add, each) / len(each)


C27 = Claim(
    tag="C27",
    lesson="06",
    statement="Wrong normalisation, wrong channel order and wrong resizing each cost accuracy.",
    primary=tuple(
        Part(f"{group} on {lane[0]}, {lane[1]}: accuracy lost", lost(names, lane), above=0.02)
        for group, names in mistakes.GROUPS.items()
        for lane in LANES
    ),
    details=(
        Part(
            "all mistakes, new head: lost if only serving is wrong minus if training is, too",
            lost(list(mistakes.MISTAKES), LANES[0])
            - lost(list(mistakes.MISTAKES), LANES[0], BOTH),
            above=0.0,
        ),
    ),
    trials=mistakes.mistake_trials,
    measure=mistakes.serve_wrongly,
    tidy=mistakes.with_losses,
    plot=Bars(
        "mistake", {"points": "points of accuracy lost"}, facet="model", looks=mistakes.LOOKS
    ),
    live={"lanes": (LANES[0], LANES[2]), "seeds": (0, 1), "train": 100,
          "epochs": {HEAD_ONLY: 15, FIRST: 8}, "test": 120},
    quick={"lanes": (LANES[0], LANES[2]), "seeds": (0, 1), "train": 40,
           "epochs": {HEAD_ONLY: 4, FIRST: 2}, "test": 80},
    full={"lanes": LANES, "seeds": (0, 1, 2, 3, 4), "train": 200,
          "epochs": {HEAD_ONLY: 15, FULL: 8, FIRST: 8}, "test": 300},
    note="A part is the mean of the group's mistakes, made in serving by a model that was trained "
    "without them.",
)  # fmt: skip

C27b = Claim(
    tag="C27b",
    lesson="06",
    statement="A model in train mode, without its weights or with its classes in another order "
    "answers without an error, and wrongly.",
    primary=tuple(
        Part(
            f"{name}: accuracy lost",
            value("accuracy", mishap=NONE) - value("accuracy", mishap=name),
            above=0.05,
        )
        for name in mistakes.MISHAPS
        if name != NONE
    ),
    trials=mistakes.mishap_trials,
    measure=mistakes.mishap,
    tidy=mistakes.with_names,
    plot=Bars(
        "served",
        {"accuracy": "test accuracy"},
        title="The same weights, served badly: no error is raised",
        looks={mistakes.MISHAPS[NONE]: RIGHT, **dict.fromkeys(mistakes.MISHAPS, WRONG)},
    ),
    live={"task": SHAPES, "seeds": (0, 1, 2), "train": 100, "epochs": 15, "test": 180},
    quick={"task": SHAPES, "seeds": (0, 1), "train": 60, "epochs": 4, "test": 96},
    full={"task": SHAPES, "seeds": (0, 1, 2, 3, 4), "train": 100, "epochs": 15, "test": 480},
)


def grey_lane(way: str, learns: str) -> Quantity:
    """Test score of one way in, at the fewest labels."""
    return value("test", train=min, way=way, learns=learns)


summed = {"way": SUM, "learns": HEAD}
C28 = Claim(
    tag="C28",
    lesson="06",
    statement="For grey pictures, repeating the channel and summing the first filters are the "
    "same thing; a retrained stem is worse when labels are few.",
    primary=(
        Part(
            "features of summed filters less those of repeated channels, of the largest feature",
            highest(*(value("difference", summed, train=which) for which in (min, max))),
            below=1e-3,
            unit=THOUSANDTHS,
            interval=counted,
        ),
        *(
            Part(
                f"{learns} learn: pretrained stem minus a new one, AUC at the fewest labels",
                grey_lane(REPEAT, learns) - grey_lane(NEW, learns),
                above=0.0,
            )
            for learns in (STEM, ALL)
        ),
    ),
    details=tuple(
        Part(f"new head: sum minus {way} of the filters, AUC",
             grey_lane(REPEAT, HEAD) - grey_lane(way, HEAD), above=0.0)
        for way in (MEAN, ONE)
    ),
    trials=grey.grey_trials,
    measure=grey.grey_input,
    tidy=grey.with_names,
    plot=Bars("lane", {"test": "test AUC"}, facet="labels", looks=grey.LOOKS),
    live={"task": "radiographs", "lanes": grey.LANES, "trains": (100,), "seeds": (0, 1, 2),
          "epochs": 6, "test": 240},
    quick={"task": "radiographs", "lanes": grey.LANES, "trains": (40,), "seeds": (0, 1),
           "epochs": 2, "test": 60},
    full={"task": "radiographs", "lanes": (*grey.LANES, (REPEAT, ALL), (NEW, ALL)),
          "trains": (100, 300), "seeds": (0, 1, 2, 3, 4), "epochs": 8, "test": 600},
    note="That two ways are the same is mathematics, so it must hold in every draw; no interval is "
    "needed.",
)  # fmt: skip


def x_ray(strategy: str, which) -> Quantity:
    """Test AUC at the fewest (min) or the most (max) labels; FINE: the fine-tuning that validation
    prefers."""
    if strategy == FINE:
        return chosen("auc", tuned=True, train=which)
    return value("auc", strategy=strategy, train=which)


LABEL_CURVES = Lines(
    "train",
    {"auc": "test AUC", "width": "width of one AUC's interval, points"},
    by="strategy",
    log=True,
    xlabel="labelled training pictures",
    title="Phantom radiographs",
)

C29 = Claim(
    tag="C29",
    lesson="06",
    statement="On chest radiographs a fine-tuned net beats one from scratch, from 100 labels to "
    "5,000.",
    primary=(
        Part("fine-tuned minus scratch, AUC at the fewest labels",
             x_ray(FINE, min) - x_ray(SCRATCH, min), above=0.0),
        Part("fine-tuned minus scratch, AUC at the most labels",
             x_ray(FINE, max) - x_ray(SCRATCH, max), above=0.0),
        Part("fine-tuned minus frozen, AUC at the most labels",
             x_ray(FINE, max) - x_ray(HEAD_ONLY, max), above=0.0),
    ),
    details=tuple(
        Part(f"fine-tuned minus {name}, AUC at the fewest labels",
             x_ray(FINE, min) - x_ray(name, min), above=0.0)
        for name in (PIXELS, RANDOM)
    ),
    trials=clinic.label_trials,
    measure=clinic.labels_of_x_rays,
    tidy=clinic.with_widths,
    plot=LABEL_CURVES,
    live={"strategies": (SCRATCH, HEAD_ONLY, FINE), "trains": (100,), "seeds": (0, 1),
          "pictures": 700, "rates": (1.0,), "test": 200},
    quick={"strategies": (SCRATCH, HEAD_ONLY, FINE), "trains": (40,), "seeds": (0, 1),
           "pictures": 160, "rates": (1.0,), "test": 96},
    full={"strategies": (SCRATCH, HEAD_ONLY, FINE, FULL), "trains": (100, 500, 5000),
          "seeds": (0, 1, 2), "pictures": 4000, "rates": (1.0,), "test": 1000},
    why_not="more labelled pictures than these sets have",
    note=TEXT_MENTIONS + "“Fine-tuned” is the fine-tuning that validation prefers, in each draw; "
    "each strategy ran at one rate. All draws share one set of test patients. Their chance is "
    "in the interval of a single AUC, not in those above. Rows of the first edition have a "
    "percentile bootstrap for it, which is too narrow where few are ill; newer ones DeLong's.",
)  # fmt: skip


def flattery(split: str) -> Quantity:
    """AUC that a test half promised less the AUC on new patients."""
    return value("promised", split=split) - value("truth", split=split)


C29b = Claim(
    tag="C29b",
    lesson="06",
    statement="A split by picture flatters when patients have several pictures, and more than a "
    "split by patient.",
    primary=(
        Part("split by picture: promised minus true AUC", flattery(BY_PICTURE), above=0.0),
        Part("the same, minus a split by patient",
             flattery(BY_PICTURE) - flattery(BY_PATIENT), above=0.0),
    ),
    details=(Part("split by patient: promised minus true AUC", flattery(BY_PATIENT), above=0.0),),
    trials=clinic.split_trials,
    measure=clinic.promised_and_true,
    plot=Bars(
        "split",
        {
            "promised": "AUC that the test half promised",
            "truth": "AUC on new patients",
            "shared": "share of test pictures of a known patient",
        },
        looks={BY_PICTURE: WRONG, BY_PATIENT: RIGHT},
    ),
    live={"pool": 240, "epochs": 8, "strategy": FINE, "fresh": 200, "seeds": (0, 1, 2, 3)},
    quick={"pool": 96, "epochs": 3, "strategy": FINE, "fresh": 96, "seeds": (0, 1)},
    full={"pool": 240, "epochs": 10, "strategy": FINE, "fresh": 600, "seeds": tuple(range(12))},
)  # fmt: skip


def by_mark(column: str, mark: str = MARKED) -> Quantity:
    return value(column, mark=mark)


C29c = Claim(
    tag="C29c",
    lesson="06",
    statement="A net that learns from a scanner's mark looks better than it is, and shuffling "
    "places among the pictures finds it out.",
    primary=(
        Part("fall of the AUC where the mark says nothing", by_mark("home") - by_mark("away"),
             above=0.03),
        Part("AUC that the marked corner is worth, minus in a net whose marks said nothing",
             by_mark("corner") - by_mark("corner", CLEAN), above=0.0),
    ),
    details=(
        Part("AUC that the marked corner is worth, minus the costliest other place",
             by_mark("corner") - by_mark("elsewhere"), above=0.0),
    ),
    trials=clinic.mark_trials,
    measure=clinic.at_home_and_away,
    plot=clinic.PlaceMaps(),
    live={"train": 200, "epochs": 8, "strategy": FINE, "test": 240, "shuffled": 100,
          "seeds": (0, 1, 2)},
    quick={"train": 60, "epochs": 3, "strategy": FINE, "test": 96, "shuffled": 48,
           "seeds": (0, 1)},
    full={"train": 300, "epochs": 8, "strategy": FULL, "test": 1000, "shuffled": 200,
          "seeds": (0, 1, 2, 3, 4)},
    note=f"Where the mark tells the label it agrees with it in {clinic.TOLD:.0%} of the pictures.",
)  # fmt: skip

WAYS = ("parameters", "milliseconds", "training_megabytes")


def beside_resnet50(name: str, way: str) -> Quantity:
    return value(way, backbone=name) / value(way, backbone="resnet50")


C30 = Claim(
    tag="C30",
    lesson="06",
    statement="MobileNetV3 and EfficientNet-B0 ask less of a device than ResNet-50, ViT-B/16 asks "
    "for more time.",
    primary=(
        *(
            Part(
                f"{name} beside resnet50, the largest of parameters, milliseconds and memory",
                highest(*(beside_resnet50(name, way) for way in WAYS)),
                below=1.0,
                unit=TIMES,
                interval=counted,
            )
            for name in ("mobilenet_v3_small", "efficientnet_b0")
        ),
        Part(
            "vit_b_16 beside resnet50, milliseconds",
            beside_resnet50("vit_b_16", "milliseconds"),
            above=1.0,
            unit=TIMES,
            interval=counted,
        ),
    ),
    trials=choosing.choosing_trials,
    measure=choosing.cost_of_backbone,
    tidy=choosing.with_memory,
    plot=Bars(
        "backbone",
        {
            "milliseconds": "milliseconds for one picture",
            "million_parameters": "million parameters",
            "training_megabytes": "megabytes for a training step, 32 pictures",
        },
        logs=("milliseconds", "million_parameters", "training_megabytes"),
        looks={name: RIGHT for name in choosing.NAMES} | {"worldnet": WRONG},
    ),
    # VGG-19 alone would take half a gigabyte of a learner's memory.
    live={"backbones": choosing.NAMES[:-1], "pretrained": ("worldnet",), "repeats": 5, "batch": 4,
          "task": "new-shapes", "train": 100, "epochs": 10},
    quick={"backbones": choosing.NAMES[:2], "pretrained": ("worldnet",), "repeats": 2, "batch": 2,
           "task": "new-shapes", "train": 24, "epochs": 2},
    full={"backbones": choosing.NAMES, "pretrained": ("worldnet",), "repeats": 9, "batch": 4,
          "task": "new-shapes", "train": 100, "epochs": 10},
    note="Counted and timed once on one machine, medians of repeated passes, so there is no "
    "interval over draws. Texts add that ResNet-50 is the all-rounder. That is about accuracy, and "
    "is not judged here: accuracy was measured for WorldNet alone, the other nets have random "
    "weights.",
)  # fmt: skip

CLAIMS = (C27, C27b, C28, C29, C29b, C29c, C30)
