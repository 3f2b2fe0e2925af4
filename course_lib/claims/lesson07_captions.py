"""Lesson 07, pictures and words (C31, C31b, C31c, C34)."""

from collections.abc import Mapping

from course_lib.claims.trials.captions import (
    AS_USUAL,
    CAPTIONS,
    LABELS,
    NEVER,
    SCRATCH,
    STEM,
    by_caption,
    joint_space,
    trials_of,
    with_rivals,
)
from course_lib.claims.trials.prompts import (
    FEATURES,
    LABELLED,
    METHODS,
    PROBE,
    PROMPT,
    STARTED,
    TOWER_TOO,
    few_shot,
    few_shot_trials,
    with_level,
)
from course_lib.lab.claim import Claim
from course_lib.lab.looks import PIXELS, RANDOM
from course_lib.lab.plots import Bars, Lines
from course_lib.lab.quantities import Quantity, lowest, value
from course_lib.lab.verdicts import SHARE, Part
from course_lib.measure.figures import Look

# ---- C31, C34: pictures and words ----

DRAWS, FRESH = tuple(range(10)), tuple(range(10, 20))
FOR_COLOUR = {"epochs": 60, "rate": 3e-3}  # benchmarks/captions.py colours
CLIP_LIVE = {"seeds": (0, 1), "pictures": 1_200, "each": 5, "scratch_draws": 0, "random_draws": 0}
CLIP_QUICK = {
    "seeds": (0,),
    "pictures": 300,
    "each": 2,
    "scratch_draws": 0,
    "random_draws": 0,
    "settings": {"epochs": 5},
}
CLIP_STUDY = {"seeds": DRAWS, "pictures": 4_000, "each": 10, "scratch_draws": 3, "random_draws": 4}
WORDS_NEED = "captions with known words"
TOWER_LOOKS = {
    CAPTIONS: Look("#0072B2", "-", "s"),
    STEM: Look("#56B4E9", ":", "v"),
    LABELS: Look("#009E73", "-.", "^"),
    SCRATCH: Look("#D55E00", "--", "o"),
}
SHOT_LOOKS = {
    PROMPT: Look("#000000", "--", "X"),
    PROBE: Look("#0072B2", "-", "s"),
    STARTED: Look("#009E73", "-.", "^"),
    TOWER_TOO: Look("#CC79A7", "-", "D"),
    FEATURES: Look("#E69F00", ":", "P"),
}


def unseen(tower: str, draws: Mapping[str, object] | None = None) -> Quantity:
    return value("unseen", draws, tower=tower)


def new(tower: str) -> Quantity:
    return value("new", tower=tower)


def colour(tower: str, draws: Mapping[str, object] | None = None) -> Quantity:
    return value("colour", draws, tower=tower)


def shots(method: str, labels: int) -> Quantity:
    return value("test", method=method, labels=labels)


SCRATCH_DRAWS, RANDOM_DRAWS = {"beside scratch": True}, {"beside random": True}

C31 = Claim(
    tag="C31",
    lesson="07",
    statement="Captions and a frozen backbone are enough to name pairs of words that no caption "
    "had, also pairs that are new to the backbone.",
    primary=(
        Part("pairs never captioned, accuracy among 72 (chance 1 %)", unseen(CAPTIONS), above=0.5,
             unit=SHARE),
        Part("those new to WorldNet too, accuracy among 36 (chance 3 %)", new(CAPTIONS), above=0.5,
             unit=SHARE),
    ),
    details=(
        Part("captions minus factor labels, pairs never captioned",
             unseen(CAPTIONS) - unseen(LABELS), above=-0.05),
        Part("captions minus factor labels, pairs new to WorldNet too",
             new(CAPTIONS) - new(LABELS), above=-0.05),
        Part("frozen WorldNet minus the whole net from scratch, pairs never captioned",
             unseen(CAPTIONS, SCRATCH_DRAWS) - unseen(SCRATCH, SCRATCH_DRAWS), above=0.2),
        Part("frozen WorldNet minus a random frozen net, pairs never captioned",
             unseen(CAPTIONS, RANDOM_DRAWS) - unseen(RANDOM, RANDOM_DRAWS), above=0.2),
        Part("captions minus pixels, pairs never captioned", unseen(CAPTIONS) - unseen(PIXELS),
             above=0.2),
    ),
    trials=lambda size: trials_of(size, [(tower, "") for tower in size["towers"]]),
    measure=joint_space,
    tidy=with_rivals,
    plot=Bars("tower", {"unseen": "pairs never captioned", "new": "new to WorldNet too"},
              looks=TOWER_LOOKS, title="{pictures} captioned pictures"),
    live={**CLIP_LIVE, "towers": (CAPTIONS, LABELS, PIXELS)},
    quick={**CLIP_QUICK, "towers": (CAPTIONS, LABELS, PIXELS)},
    full={**CLIP_STUDY, "towers": (CAPTIONS, STEM, LABELS, RANDOM, PIXELS, SCRATCH)},
    why_not=WORDS_NEED,
    note="Every draw has pictures, captions and 72 never captioned pairs of its own, three "
    "textures of each of the 24 shapes; 36 of the pairs have a shape or a texture that WorldNet "
    "never saw. Factor labels: the same features and layers, but shape and texture are given as "
    "labels and named by two outputs. Pixels: the same with one layer on 16 x 16 pixels. The "
    "scratch tower is WorldNet's architecture from random weights, learning from the same "
    "captions; an epoch takes it 14 seconds on one core, so it has 16 epochs and the first three "
    "draws only, and was still rising. The random frozen net has the first four. Epochs and rate "
    "were chosen on three other draws, where they hardly mattered; those of pixels, random net "
    "and scratch tower on one. A prototype gave, in one draw with other pairs held back, .84 "
    "among 72 pairs with 4,000 pictures (.88 with 16,000), .92 among 29 new ones, .884 for factor "
    "heads, .31 for a scratch tower after 110 s. The thresholds were set after it and after the "
    "tuning draws, and before these rows.",
)  # fmt: skip

C31b = Claim(
    tag="C31b",
    lesson="07",
    statement="A caption cannot bring back what the tower threw away.",
    primary=(
        Part("colour named by prompt, late stages (chance 12 %)", colour(CAPTIONS), below=0.2,
             unit=SHARE),
        Part("the same captions with the stem's features minus without, colour named",
             colour(STEM) - colour(CAPTIONS), above=0.05),
    ),
    details=(
        Part("colour labels minus captions, the same late features", colour(LABELS)
             - colour(CAPTIONS), below=0.1),
        Part("a random frozen net minus WorldNet, colour named", colour(RANDOM, RANDOM_DRAWS)
             - colour(CAPTIONS, RANDOM_DRAWS), above=0.0),
        Part("pixels minus captions, colour named", colour(PIXELS) - colour(CAPTIONS), above=0.1),
    ),
    trials=lambda size: trials_of(size, [(tower, "") for tower in size["towers"]]),
    measure=joint_space,
    tidy=with_rivals,
    plot=Bars("tower", {"colour": "colour named, of eight"}, looks=TOWER_LOOKS,
              title="{pictures} captioned pictures, colour in half of the captions"),
    live={**CLIP_LIVE, "settings": FOR_COLOUR, "towers": (CAPTIONS, STEM, PIXELS)},
    quick={**CLIP_QUICK, "towers": (CAPTIONS, STEM, PIXELS)},
    full={**CLIP_STUDY, "seeds": FRESH, "settings": FOR_COLOUR,
          "towers": (CAPTIONS, STEM, LABELS, RANDOM, PIXELS)},
    why_not=WORDS_NEED,
    note="Asked for the colour of the object, which half of the captions name. A first run, with "
    "the towers of C31 and their 8 epochs, chosen for naming pairs, had .13 without the stem's "
    "features and .17 with them on draws 0 to 9, where that refuted the rule's second half: 8 "
    "epochs had not taught the colour yet. So epochs and rate were chosen again, by the colours "
    "named on the tuning draws 900 to 902 (.13 and .33 there), for every way alike, and the rule, "
    "unchanged, asks fresh draws. The stem gives 4 x 4 fields, chosen on a tuning draw, where 8 x "
    "8 gave 3 points more and 1 x 1 nearly nothing. Labels and pixels are a classifier of the "
    "colour itself: they learn from every picture's colour, captions from half of them. The "
    "random net has four draws. A prototype gave .14 by prompt and .36 with the stem's features.",
)  # fmt: skip

C31c = Claim(
    tag="C31c",
    lesson="07",
    statement="A word that was never captioned cannot be named.",
    primary=(
        Part("pictures of the word that get its name, never captioned (chance 4 %)",
             value("named", captions=NEVER), below=0.1, unit=SHARE),
        Part("the same, captioned", value("named", captions=AS_USUAL), above=0.5, unit=SHARE),
    ),
    trials=lambda size: trials_of(size, [(CAPTIONS, ""), (CAPTIONS, "without")]),
    measure=joint_space,
    tidy=by_caption,
    plot=Bars("captions", {"named": "pictures that get the word's name, of 24"},
              looks={NEVER: Look("#D55E00", "--", "o"), AS_USUAL: Look("#0072B2", "-", "s")},
              title="{pictures} captioned pictures, another word in each draw"),
    live=CLIP_LIVE,
    quick=CLIP_QUICK,
    full=CLIP_STUDY,
    why_not=WORDS_NEED,
    note="Each draw has a word of its own: in turn a shape new to WorldNet, the crown first, and "
    "one that WorldNet was pretrained on. The pictures are in all 16 textures. A prototype named "
    "2 to 3 % of crowns.",
)  # fmt: skip

C34 = Claim(
    tag="C34",
    lesson="07",
    statement="A prompt beats a probe that has one label per class, with 16 the probe is ahead, "
    "and a head that starts from the prompt never falls behind it.",
    primary=(
        Part("prompt minus probe with 1 label per class", value("test", method=PROMPT)
             - shots(PROBE, 1), above=0.0),
        Part("probe with 16 labels per class minus prompt", shots(PROBE, 16)
             - value("test", method=PROMPT), above=0.0),
        Part("head started from the prompt minus prompt, where it does worst",
             lowest(*(shots(STARTED, k) - value("test", method=PROMPT) for k in LABELLED)),
             above=-0.01),
    ),
    details=(
        Part("the tower learns too minus the head alone, 32 labels per class",
             shots(TOWER_TOO, 32) - shots(STARTED, 32), above=0.0),
        Part("probe on the joint space minus probe on WorldNet's features, 1 label per class",
             shots(PROBE, 1) - shots(FEATURES, 1), above=0.0),
        Part("prompt minus a random frozen net with 32 labels per class",
             value("test", RANDOM_DRAWS, method=PROMPT)
             - value("test", RANDOM_DRAWS, method=RANDOM, labels=32), above=0.0),
        Part("prompt minus pixels with 32 labels per class",
             value("test", method=PROMPT) - shots(PIXELS, 32), above=0.0),
    ),
    trials=few_shot_trials,
    measure=few_shot,
    tidy=with_level,
    plot=Lines("labels", {"wrong": "test pictures named wrong"}, by="method", log=True,
               logs=("wrong",), xlabel="labelled pictures per class", looks=SHOT_LOOKS,
               title="36 pairs that neither captions nor WorldNet know"),
    live={"seeds": (0, 1), "pictures": 1_200, "each": 5, "pool": 16, "random_draws": 0,
          "labels": (1, 4, 16), "methods": (PROBE, STARTED, PIXELS)},
    quick={"seeds": (0,), "pictures": 300, "each": 2, "pool": 4, "random_draws": 0,
           "labels": (1, 4), "methods": (PROBE, STARTED, PIXELS)},
    full={"seeds": DRAWS, "pictures": 4_000, "each": 20, "pool": 32, "random_draws": 4,
          "labels": LABELLED, "methods": METHODS},
    why_not=WORDS_NEED,
    note="Towers of C31. Rate and steps of every head were chosen for each number of labels on "
    "three other draws, so that no labels are spent on validation here; few steps were enough for "
    "all. WorldNet itself stays frozen everywhere: the tower is the small net on its features. "
    "Only the first four draws have the random net. A prototype, with 29 pairs, gave .917 for the "
    "prompt and saw the probe overtake at 8 to 16 labels per class.",
)  # fmt: skip

CLAIMS = (C31, C31b, C31c, C34)
