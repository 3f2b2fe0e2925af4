"""Inputs: weights, starts, alpha, beta. Outputs: the penalty and the weights' gradients."""


def inputs(rng):
    f = "float32"
    return [
        {
            "body": rng.normal(size=(3, 4)).astype(f),
            "head": rng.normal(size=(2, 3)).astype(f),
            "start": rng.normal(size=(3, 4)).astype(f),
            "alpha": float(rng.uniform(0.1, 2)),
            "beta": float(rng.uniform(0.1, 2)),
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch
    from torch import nn

    net = nn.Sequential()
    net.add_module("body", nn.Linear(4, 3, bias=False))
    net.add_module("fc", nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        net.body.weight.copy_(torch.from_numpy(case["body"]))
        net.fc.weight.copy_(torch.from_numpy(case["head"]))
    start = {"body.weight": torch.from_numpy(case["start"])}
    penalty = answer.l2sp(net, start, case["alpha"], case["beta"])
    yield "value", penalty
    penalty.backward()
    yield "gradient", [net.body.weight.grad, net.fc.weight.grad]
