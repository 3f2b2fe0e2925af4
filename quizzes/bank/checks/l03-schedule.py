"""Inputs: stage names in random order, an epoch, a period. Outputs: what learns early and later."""


def inputs(rng):
    names = ["conv1", "layer1", "layer2", "layer3", "layer4"]
    return [
        {
            "stages": [str(n) for n in rng.permutation(names)],
            "every": int(rng.integers(2, 5)),
            "epochs": [int(e) for e in rng.integers(2, 30, 6)],
        }
        for _ in range(4)
    ]


def run(answer, case):
    stages, every = case["stages"], case["every"]
    # with the stages, so that an empty list alone earns nothing
    yield (
        "start",
        [answer.learning_stages(list(stages), e, every) for e in (0, every - 1)]
        + [answer.learning_stages(list(stages), 99, every)[-1:]],
    )
    yield "later", [answer.learning_stages(list(stages), every + e, every) for e in case["epochs"]]
