"""Inputs: x (n, p), y (n, q), float64. Outputs: CKA of centred features, CKA with an offset."""

import numpy as np


def inputs(rng):
    cases = []
    for _ in range(3):
        n, p, q = rng.integers(12, 30), rng.integers(2, 6), rng.integers(2, 6)
        x = rng.normal(size=(n, p))
        y = x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))
        cases.append({"x": x - x.mean(0), "y": y - y.mean(0), "offset": rng.normal(size=p) * 3})
    return cases


def run(answer, case):
    x, y = np.asarray(case["x"]), np.asarray(case["y"])
    yield "centred", answer.linear_cka(x, y)
    yield "offset", answer.linear_cka(x + case["offset"], y + 2.0)
