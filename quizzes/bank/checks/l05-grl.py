"""Inputs: x, a strength. Described: the values; how each of them depends on x; the gradient of
another use of the same x, which must stay ordinary. Tested: a layer rebuilt from that, below a
small network with weights of its own."""


def inputs(rng):
    f = "float32"
    return [
        {
            "x": rng.normal(size=(2, 3)).astype(f),
            "strength": float(rng.uniform(0.1, 2)),
            "other": rng.normal(size=(2, 3)).astype(f),
            "test": {"w": rng.normal(size=(2, 3)).astype(f)},
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch

    start = torch.tensor(case["x"], requires_grad=True)
    x = start * 1.0
    out = answer.reverse(x, case["strength"])
    yield "values", out
    rows = [torch.autograd.grad(v, start, retain_graph=True)[0] for v in out.flatten()]
    yield "rows", torch.stack(rows)
    yield "other", torch.autograd.grad((x * torch.tensor(case["other"])).sum(), start)[0]


def test(case, given):
    import torch

    out = torch.tensor(given["values"], requires_grad=True)
    yield "forward", out
    torch.tanh(out @ torch.tensor(case["test"]["w"]).T).pow(2).sum().backward()
    below = (out.grad.flatten()[:, None, None] * torch.tensor(given["rows"])).sum(0)
    yield "backward", [below, given["other"]]
