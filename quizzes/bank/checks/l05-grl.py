"""Inputs: x, a weight matrix, a strength. Outputs: the values, the gradient through a small
network."""


def inputs(rng):
    f = "float32"
    return [
        {
            "x": rng.normal(size=(4, 3)).astype(f),
            "w": rng.normal(size=(2, 3)).astype(f),
            "strength": float(rng.uniform(0.1, 2)),
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch

    x = torch.from_numpy(case["x"]).requires_grad_()
    w = torch.from_numpy(case["w"])
    out = answer.reverse(x, case["strength"])
    yield "forward", out.detach().clone()
    torch.tanh(out @ w.T).pow(2).sum().backward()
    yield "backward", x.grad
