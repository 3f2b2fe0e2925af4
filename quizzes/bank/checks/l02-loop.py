"""Inputs: training and validation pictures, a seed for the network and its dropout. Outputs: the
shares; weights, statistics and modes in the end. Labels are random and validation pictures few, so
that the best epoch is hardly ever the last one of all cases."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(3, 10, 6)),
            "labels": rng.integers(0, 3, (3, 10)),
            "validation": rng.normal(size=(25, 6)),
            "true": rng.integers(0, 3, 25),
            "epochs": int(rng.integers(6, 9)),
            "rate": float(rng.uniform(0.2, 0.4)),
            "seed": int(rng.integers(1_000)),
            "training": bool(i % 2),
        }
        for i in range(4)
    ]


def run(answer, case):
    import torch
    from torch import nn

    torch.manual_seed(case["seed"])
    net = nn.Sequential(
        nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3)
    ).double()  # so that no share hangs on a last digit
    net.train(case["training"])
    pictures, labels, validation, true = (
        torch.tensor(case[key]) for key in ("pictures", "labels", "validation", "true")
    )
    batches = list(zip(pictures, labels, strict=True))
    shares = answer.train(net, batches, (validation, true), case["epochs"], case["rate"])
    yield "shares", [float(share) for share in shares]
    modes = [module.training for module in net.modules()]
    yield "kept", [*net.state_dict().values(), modes]
