"""Inputs: pictures (uint8), crop, mean, std. Outputs: the prepared pictures; two flat ones."""

import numpy as np


def inputs(rng):
    return [
        {
            "picture": rng.integers(
                0, 256, (int(rng.integers(9, 16)), int(rng.integers(9, 16)), 3)
            ).astype("uint8"),
            "crop": int(rng.integers(3, 7)),
            "mean": [float(v) for v in rng.uniform(0.3, 0.6, 3)],
            "std": [float(v) for v in rng.uniform(0.2, 0.4, 3)],
        }
        for _ in range(3)
    ]


def run(answer, case):
    p, rest = np.asarray(case["picture"]), (case["crop"], case["mean"], case["std"])
    flat = [np.full_like(p, v) for v in (3, 250)]
    yield "range", [answer.preprocess(f, *rest) for f in flat]
    yield "values", answer.preprocess(p, *rest)
