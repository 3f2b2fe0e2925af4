"""Inputs: float arrays x (n,), a float factor. Outputs: the scaled array, its sum."""


def inputs(rng):
    return [
        {"x": rng.normal(size=rng.integers(3, 9)), "factor": float(rng.normal())} for _ in range(3)
    ]


def run(answer, case):
    yield "scale", answer.scale(case["x"], case["factor"])
    yield "total", answer.total(case["x"])
