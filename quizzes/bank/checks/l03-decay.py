"""Inputs: names, a head rate, a decay. Output: the rates."""


def inputs(rng):
    parts = ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    return [
        {
            "names": parts[int(rng.integers(0, 4)) :],
            "head_rate": float(rng.uniform(0.01, 1)),
            "decay": float(rng.uniform(0.5, 0.95)),
        }
        for _ in range(4)
    ]


def run(answer, case):
    yield "rates", answer.decayed_rates(case["names"], case["head_rate"], case["decay"])
