"""Choose the settings of claims C31 to C34 on draws of their own.

    python benchmarks/captions.py towers      epochs and rate of every tower and rival
    python benchmarks/captions.py baselines   the same of a random net and of pixels, on one draw
    python benchmarks/captions.py scratch     the same of the scratch tower, on one draw; it was
                                              still rising, so the claim gives it 16 epochs
    python benchmarks/captions.py colours     epochs and rate for C31b, by the colours named
    python benchmarks/captions.py heads       rate and steps of every head, by number of labels

Prints means over the draws 900 to 902, which no claim measures, and the best setting of each. What
was chosen stands in `SETTINGS` (claims/trials/captions.py) and `HEADS` (claims/trials/prompts.py).
Among settings within half a point of the best the shortest is taken.
"""

import sys
from itertools import product
from statistics import mean

from course_lib.claims.trials import captions, prompts
from course_lib.lab.looks import PIXELS, RANDOM

DRAWS = (900, 901, 902)
RATES, EPOCHS = (1e-3, 3e-3, 1e-2), (8, 15)
SCRATCH_RATES = (1e-3, 3e-3, 1e-2)  # an epoch takes 14 s
HEAD_RATES, STEPS = (1e-3, 3e-3, 1e-2), (10, 30, 100, 300)
TOWERS = (captions.CAPTIONS, captions.STEM, captions.LABELS)
CLOSE = 0.005


def main(what: str) -> None:
    if what == "heads":
        choose_heads()
    elif what == "colours":
        choose_towers(TOWERS[:2], DRAWS, (15, 30, 60), RATES[1:], by="colour")
    elif what == "baselines":
        choose_towers((RANDOM, PIXELS), DRAWS[:1], (15, 30), RATES)
    elif what == "scratch":
        choose_towers((captions.SCRATCH,), DRAWS[:1], (4, 8), SCRATCH_RATES)
    else:
        choose_towers(TOWERS, DRAWS, EPOCHS, RATES)


def choose_towers(towers, draws, epochs, rates, by="unseen") -> None:
    scores: dict = {}
    for seed, name, (passes, rate) in product(draws, towers, product(epochs, rates)):
        trial = {"tower": name, "without": "", "seed": seed, "pictures": 4_000, "each": 10,
                 "epochs": passes, "rate": rate}  # fmt: skip
        found = captions.joint_space(trial)
        scores.setdefault(name, {}).setdefault((passes, rate), []).append(found[by])
        print(name, seed, passes, rate, {k: v for k, v in found.items() if k != "instead"})
    for name, table in scores.items():
        tell(name, table)


def choose_heads() -> None:
    scores: dict = {}
    heads = product(DRAWS, prompts.METHODS, (1, 2, 4, 8, 16, 32), product(STEPS, HEAD_RATES))
    for seed, name, labels, (steps, rate) in heads:
        trial = {"method": name, "labels": labels, "seed": seed, "pictures": 4_000, "each": 20,
                 "pool": 32, "rate": rate, "steps": steps}  # fmt: skip
        table = scores.setdefault(f"{name}, {labels} labels", {})
        table.setdefault((steps, rate), []).append(prompts.few_shot(trial)["test"])
    for name, table in scores.items():
        tell(name, table)


def tell(name: str, table: dict) -> None:
    means = {setting: mean(scores) for setting, scores in table.items()}
    best = max(means.values())
    chosen = next(setting for setting, score in means.items() if score >= best - CLOSE)
    print(name, {setting: round(score, 3) for setting, score in means.items()}, "->", chosen)


if __name__ == "__main__":
    main(*sys.argv[1:])
