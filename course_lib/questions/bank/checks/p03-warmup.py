"""Inputs: the length of the warm-up and a rate. Output: rates over the steps."""


def inputs(rng):
    return [
        {"steps": int(rng.integers(2, 12)), "rate": float(rng.uniform(0.01, 1))} for _ in range(3)
    ]


def run(answer, case):
    yield "rates", [answer.warmup(s, case["steps"], case["rate"]) for s in range(20)]
