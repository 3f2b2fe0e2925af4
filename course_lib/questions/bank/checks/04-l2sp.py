"""Inputs: weights, starts, a strength, a factor. Outputs: the penalty; the gradients of its
multiple, asked of autograd and not read from where an answer could have written them."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    f = "float32"
    return [
        {
            "body": rng.normal(size=(3, 4)).astype(f),
            "bias": rng.normal(size=3).astype(f),
            "head": rng.normal(size=(2, 3)).astype(f),
            "start": rng.normal(size=(3, 4)).astype(f),
            "start_bias": rng.normal(size=3).astype(f),
            "strength": float(rng.uniform(0.1, 2)),
            "factor": float(rng.uniform(2, 5)),
        }
        for _ in range(2)
    ]


def run(answer, case):
    import torch
    from torch import nn

    net = nn.Sequential()
    net.add_module("body", nn.Linear(4, 3))
    net.add_module("fc", nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        net.body.weight.copy_(torch.tensor(case["body"]))
        net.body.bias.copy_(torch.tensor(case["bias"]))
        net.fc.weight.copy_(torch.tensor(case["head"]))
    start = {
        "body.weight": torch.tensor(case["start"]),
        "body.bias": torch.tensor(case["start_bias"]),
    }
    penalty = answer.l2sp(net, start, case["strength"])
    yield "value", penalty
    body = [net.body.weight, net.body.bias]
    yield "gradient", list(torch.autograd.grad(penalty * case["factor"], body))


def explain(case, want, have):
    import numpy as np

    if "value" not in have:
        return None
    value, right = float(np.asarray(have["value"])), float(np.asarray(want["value"]))
    away = case["body"] - case["start"], case["bias"] - case["start_bias"]
    squares = sum(float((part**2).sum()) for part in away)
    head = float((case["head"] ** 2).sum())
    body = float((case["body"] ** 2).sum() + (case["bias"] ** 2).sum())

    def near(guess):
        return abs(value - guess) < 1e-3 * abs(guess)

    half = case["strength"] / 2
    if near(2 * right):
        return "It is twice too large: half the strength times the squared distance."
    if near(right / case["strength"]):
        return "The strength is missing."
    if near(half * squares**0.5):
        return "That is the distance. Its square is asked for: no root."
    if near(half * body) or near(half * (body + head)):
        return "That pulls to zero, as weight decay does. Take `start[name]` off first."
    if near(half * (squares + head)):
        return "The head was counted too. It has no start: leave out names that are not in `start`."
    if near(right):
        return (
            "The value is right, but no gradient flows: without `.data`, `.item()`, `.detach()` or "
            "`torch.no_grad()` around the parameters."
        )
    return f"The penalty should be {right:.4f}; yours is {value:.4f}."
