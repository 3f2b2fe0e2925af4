"""Inputs: scores, labels with -100 where nothing was hidden. Outputs: the loss; with scores around
900; with nothing hidden."""

import numpy as np


def inputs(rng):
    cases = []
    for _ in range(3):
        places, tokens = int(rng.integers(6, 12)), int(rng.integers(4, 9))
        labels = rng.integers(0, tokens, places)
        shown = rng.permutation(places)[: places // 2]
        labels[shown] = -100
        cases.append({"scores": 2 * rng.normal(size=(places, tokens)), "labels": labels})
    return cases


def run(answer, case):
    scores, labels = np.asarray(case["scores"]), np.asarray(case["labels"])
    yield "value", float(answer.masked_loss(scores, labels))
    yield "large", float(answer.masked_loss(scores + 900, labels))
    yield "none", float(answer.masked_loss(scores, np.full_like(labels, -100)))
