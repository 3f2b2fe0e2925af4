"""Inputs: head, features before and after, labels. Outputs: accuracy before, accuracy lost."""

import numpy as np


def inputs(rng):
    cases = []
    for _ in range(3):
        n, f, k = int(rng.integers(40, 80)), 6, int(rng.integers(3, 6))
        head, before = rng.normal(size=(k, f)), rng.normal(size=(n, f))
        after = before + rng.normal(size=(n, f))
        labels = (before @ head.T + rng.normal(size=(n, k)) * 1.5).argmax(1)
        cases.append({"head": head, "before": before, "after": after, "labels": labels})
    return cases


def run(answer, case):
    first, lost = answer.forgetting(
        *(np.asarray(case[k]) for k in ("head", "before", "after", "labels"))
    )
    yield "before", first
    yield "lost", lost
