"""Inputs: weights, statistics, batches. Outputs: weights and statistics after three training
steps."""


def inputs(rng):
    f = "float32"
    return [
        {
            "w": rng.normal(size=(4, 3)).astype(f),
            "head": rng.normal(size=(2, 4)).astype(f),
            "mean": rng.normal(size=4).astype(f),
            "var": rng.uniform(0.5, 2, 4).astype(f),
            "x": (rng.normal(size=(3, 8, 3)) * 2 + 1).astype(f),
            "y": rng.integers(0, 2, (3, 8)),
        }
        for _ in range(2)
    ]


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(v) for k, v in case.items()}
    net = nn.Sequential()
    net.add_module("layer1", nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU()))
    net.add_module("fc", nn.Linear(4, 2, bias=False))
    linear, norm = net.layer1[0], net.layer1[1]
    with torch.no_grad():
        linear.weight.copy_(t["w"])
        linear.bias.zero_()
        net.fc.weight.copy_(t["head"])
        norm.running_mean.copy_(t["mean"])
        norm.running_var.copy_(t["var"])
    answer.freeze(net)
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.2)
    for x, y in zip(t["x"], t["y"], strict=True):
        net.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    yield "weights", [linear.weight, norm.weight, norm.bias, net.fc.weight]
    yield "statistics", [norm.running_mean, norm.running_var, t["x"].mean() * net.fc.weight]
