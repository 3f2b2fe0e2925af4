"""Inputs: features with a direction that tells the classes apart, and features with labels drawn by
lot. Outputs: whether the probe gives a share, finds the one, and finds nothing in the other."""

FINDS, CHANCE = 0.8, 0.7  # a right probe gives over 0.95, and 0.5 ± 0.05


def inputs(rng):
    return [{"seed": int(rng.integers(1_000_000))}]


# Both give (train, labels, test, labels).


def planted(generator):  # three classes along one direction, weak beside the others
    import numpy as np

    sides, parts = generator.normal(size=(3, 12)), []
    for n in (240, 300):
        labels = generator.integers(0, 3, n)
        rows = sides[labels] * 3 + generator.normal(size=(n, 12))
        parts += [(rows * np.logspace(-2, 2, 12) + 50).astype("float32"), labels]
    return parts


# More numbers than rows: a linear layer can learn any labels of the training rows by heart.
def by_lot(generator):
    parts = []
    for n in (60, 500):
        parts += [generator.normal(size=(n, 120)).astype("float32"), generator.integers(0, 2, n)]
    return parts


def scores(probe, seed):
    import numpy as np
    import torch

    generator = np.random.Generator(np.random.PCG64(seed))
    torch.manual_seed(seed)
    return [float(probe(*map(torch.tensor, make(generator)))) for make in (planted, by_lot)]


def run(answer, case):
    found, lot = scores(answer.probe, case["seed"])
    yield "share", bool(0 <= found <= 1 and 0 <= lot <= 1)
    yield "finds", bool(found > FINDS)
    yield "honest", bool(lot < CHANCE)


def explain(case, want, have):
    if not have.get("share"):
        return "Give a share from 0 to 1: `.float().mean().item()` of the right answers."
    if not have.get("honest"):
        return (
            "The labels of one trial were drawn by lot, and your probe was right on far more than "
            "half of them. It was measured on rows that it had learnt by heart: train on `train`, "
            "measure on `test`."
        )
    return (
        "The classes lie apart here, and the probe did not find them. Does every one of the steps "
        "have loss, `zero_grad`, `backward` and `step`, inside the loop? Is the loss that of the "
        "training rows?"
    )
