"""Inputs: feature and class numbers, weights, x. Outputs: logits with given head weights; a bias or
none."""


def inputs(rng):
    cases = []
    for index in range(4):
        d, f, k = (int(rng.integers(3, 12)) for _ in range(3))
        cases.append(
            {
                "w": rng.normal(size=(f, d)),
                "head": rng.normal(size=(k, f)),
                "b": rng.normal(size=k),
                "x": rng.normal(size=(5, d)),
                "bias": bool(index % 2),
            }
        )
    return cases


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(case[k]).float() for k in ("w", "head", "b", "x")}
    f, d = t["w"].shape
    net = nn.Sequential()
    net.add_module("body", nn.Linear(d, f, bias=False))
    net.add_module("fc", nn.Linear(f, 9, bias=case["bias"]))
    with torch.no_grad():
        net.body.weight.copy_(t["w"])
    net = answer.replace_head(net, len(t["head"]))
    with torch.no_grad():
        net.fc.weight.copy_(t["head"])
        if net.fc.bias is not None:
            net.fc.bias.zero_()
        yield "output", net(t["x"])
        extra = t["b"] if net.fc.bias is not None else torch.zeros_like(t["b"])
        yield "bias", t["x"].mean() + extra
