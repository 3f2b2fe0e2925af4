"""Inputs: conv weights, statistics, pictures. Outputs: features; later batch-norm state; later
calls.

The hidden state is read through numbers that depend on it: what the network gives in a later
training step, and how often a module that is reached only through a leftover hook was used.
"""


def inputs(rng):
    f = "float32"
    return [
        {
            "w1": rng.normal(size=(4, 3, 3, 3)).astype(f),
            "w2": rng.normal(size=(5, 4, 3, 3)).astype(f),
            "mean": rng.normal(size=4).astype(f),
            "var": rng.uniform(0.5, 2, 4).astype(f),
            "x": rng.normal(size=(6, 3, 9, 9)).astype(f),
            "stage": ["layer1", "layer2"][i % 2],
            "training": bool(i < 2),
        }
        for i in range(3)
    ]


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(case[k]) for k in ("w1", "w2", "mean", "var", "x")}
    net = nn.Sequential()
    net.add_module("layer1", nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)))
    net.add_module("layer2", nn.Conv2d(4, 5, 3, bias=False))
    with torch.no_grad():
        net.layer1[0].weight.copy_(t["w1"])
        net.layer2.weight.copy_(t["w2"])
        net.layer1[1].running_mean.copy_(t["mean"])
        net.layer1[1].running_var.copy_(t["var"])
    net.train(case["training"])
    features = answer.stage_features(net, case["stage"], t["x"]).detach().clone()
    yield "features", features
    with torch.no_grad():
        net(t["x"] + 1)
    yield "state", [features, net.layer1[1].running_mean, net.layer1[1].running_var]
    left = sum(len(m._forward_hooks) for m in net.modules())
    yield "hooks", features * (1 + left)
