"""Inputs: conv weights, statistics, pictures. Described: features, modes, statistics, hooks left.
Tested: the features; what a network in the state that was left gives for other pictures."""


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
            "test": {"x": (rng.normal(size=(6, 3, 9, 9)) + 1).astype(f)},
        }
        for i in range(3)
    ]


def network(w1, w2, mean, var):
    import torch
    from torch import nn

    net = nn.Sequential()
    net.add_module("layer1", nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)))
    net.add_module("layer2", nn.Conv2d(4, 5, 3, bias=False))
    tensors = (net.layer1[0].weight, net.layer2.weight, *list(net.layer1[1].buffers())[:2])
    with torch.no_grad():
        for tensor, value in zip(tensors, (w1, w2, mean, var), strict=True):
            tensor.copy_(torch.tensor(value))
    return net


def run(answer, case):
    import torch

    net = network(case["w1"], case["w2"], case["mean"], case["var"])
    net.train(case["training"])
    yield "features", answer.stage_features(net, case["stage"], torch.tensor(case["x"]))
    yield "modes", [module.training for module in net.modules()]
    norm = net.layer1[1]
    yield "state", [net.layer1[0].weight, net.layer2.weight, norm.running_mean, norm.running_var]
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    yield "hooks", sum(len(getattr(m, kind)) for m in net.modules() for kind in kinds)


def test(case, given):
    import torch

    features = given["features"]
    yield "features", features
    net = network(*given["state"])
    for module, mode in zip(net.modules(), given["modes"], strict=True):
        module.training = bool(mode)
    norm = net.layer1[1]
    output = net(torch.tensor(case["test"]["x"]))
    yield "state", [features, output, norm.running_mean, norm.running_var]
    yield "hooks", features * (1 + given["hooks"])
