"""Inputs: weights, rates, a batch. Outputs: weights after three steps; the number of grouped
values."""


def inputs(rng):
    f = "float32"
    return [
        {
            "a": rng.normal(size=(4, 3)).astype(f),
            "b": rng.normal(size=(4, 4)).astype(f),
            "c": rng.normal(size=(2, 4)).astype(f),
            "x": rng.normal(size=(8, 3)).astype(f),
            "y": rng.normal(size=(8, 2)).astype(f),
            "head": float(rng.uniform(0.05, 0.1)),
            "backbone": float(rng.uniform(0.001, 0.01)),
            "n": float(rng.normal()),
        }
        for _ in range(2)
    ]


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(case[k]) for k in "abcxy"}
    net = nn.Sequential()
    net.add_module("conv1", nn.Linear(3, 4, bias=False))
    net.add_module("fc2", nn.Linear(4, 4, bias=False))
    net.add_module("fc", nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        for layer, w in zip(net, (t["a"], t["b"], t["c"]), strict=True):
            layer.weight.copy_(w)
    net.conv1.requires_grad_(False)
    optimizer = torch.optim.SGD(answer.groups(net, case["head"], case["backbone"]), lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(t["x"]), t["y"]).backward()
        optimizer.step()
    yield "steps", [layer.weight for layer in net]
    count = sum(p.numel() for g in optimizer.param_groups for p in g["params"])
    yield "frozen", count * case["n"]
