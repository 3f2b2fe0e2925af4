"""Inputs: features, labels, weights, bias. Output: the accuracy."""

import numpy as np


def inputs(rng):
    return [
        {
            "features": rng.normal(size=(50, 4)),
            "labels": rng.integers(0, 3, 50),
            "weights": rng.normal(size=(3, 4)),
            "bias": rng.normal(size=3) * 3,
        }
        for _ in range(3)
    ]


def run(answer, case):
    yield (
        "accuracy",
        answer.probe_accuracy(
            *(np.asarray(case[k]) for k in ("features", "labels", "weights", "bias"))
        ),
    )
