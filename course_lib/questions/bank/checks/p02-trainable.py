"""Inputs: weights, a batch. Output: the gradients after one backward pass (zeros where there is
none)."""


def inputs(rng):
    f = "float32"
    return [
        {
            "a": rng.normal(size=(4, 3)).astype(f),
            "b": rng.normal(size=(2, 4)).astype(f),
            "x": rng.normal(size=(5, 3)).astype(f),
        }
        for _ in range(2)
    ]


def run(answer, case):
    import torch
    from torch import nn

    net = nn.Sequential()
    net.add_module("layer1", nn.Linear(3, 4, bias=False))
    net.add_module("fc", nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        net.layer1.weight.copy_(torch.from_numpy(case["a"]))
        net.fc.weight.copy_(torch.from_numpy(case["b"]))
    net.layer1.requires_grad_(False)
    net.layer1.weight.requires_grad_(True)
    net = answer.only_head(net)
    net(torch.from_numpy(case["x"])).pow(2).sum().backward()
    yield "gradients", [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]
