"""Inputs: weights, starts, alpha, beta, a factor. Outputs: the penalty; the gradients of its
multiple, asked of autograd and not read from where an answer could have written them."""


def inputs(rng):
    f = "float32"
    return [
        {
            "body": rng.normal(size=(3, 4)).astype(f),
            "head": rng.normal(size=(2, 3)).astype(f),
            "start": rng.normal(size=(3, 4)).astype(f),
            "alpha": float(rng.uniform(0.1, 2)),
            "beta": float(rng.uniform(0.1, 2)),
            "factor": float(rng.uniform(2, 5)),
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
        net.body.weight.copy_(torch.tensor(case["body"]))
        net.fc.weight.copy_(torch.tensor(case["head"]))
    start = {"body.weight": torch.tensor(case["start"])}
    penalty = answer.l2sp(net, start, case["alpha"], case["beta"])
    yield "value", penalty
    yield "gradient", list(torch.autograd.grad(penalty * case["factor"], list(net.parameters())))
