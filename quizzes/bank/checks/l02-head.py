"""Inputs: a backbone's weights, a number of classes. Described: the backbone and what learns, and
the new head's kind and size. Tested: logits of a network rebuilt from that with given head weights,
and all weights after a training step; a bias or none."""


def inputs(rng):
    cases = []
    for index in range(4):
        d, f, k = int(rng.integers(3, 12)), int(rng.integers(3, 12)), int(rng.integers(3, 9))
        cases.append(
            {
                "w": rng.normal(size=(f, d)).astype("float32"),
                "classes": k,
                "bias": bool(index % 2),
                "test": {
                    "head": rng.normal(size=(k, f)).astype("float32"),
                    "b": rng.normal(size=k).astype("float32"),
                    "x": rng.normal(size=(5, d)).astype("float32"),
                },
            }
        )
    return cases


def run(answer, case):
    import torch
    from torch import nn

    f, d = case["w"].shape
    net = nn.Sequential()
    net.add_module("body", nn.Linear(d, f, bias=False))
    net.add_module("fc", nn.Linear(f, 9, bias=case["bias"]))
    with torch.no_grad():
        net.body.weight.copy_(torch.tensor(case["w"]))
    net = answer.replace_head(net, case["classes"])
    parameters = dict(net.named_parameters())
    yield "body", {n: p for n, p in parameters.items() if not n.startswith("fc.")}
    yield "learns", [p.requires_grad for n, p in sorted(parameters.items()) if n != "fc.bias"]
    fc = net.fc if isinstance(net, nn.Module) else None
    yield "head", [type(fc).__name__, fc.in_features, fc.out_features, fc.bias is not None]


def test(case, given):
    import torch
    from torch import nn

    kind, features, classes, bias = given["head"]
    if kind != "Linear":
        return
    t = {name: torch.tensor(value) for name, value in case["test"].items()}
    body = nn.Linear(*case["w"].shape[::-1], bias=False)
    fc = nn.Linear(features, classes, bool(bias))
    net = nn.Sequential(body, fc)
    with torch.no_grad():
        body.weight.copy_(torch.tensor(given["body"]["body.weight"]))
        fc.weight.copy_(t["head"])
        if bias:
            fc.bias.zero_()
    for layer, learns in zip(net, given["learns"], strict=True):
        layer.weight.requires_grad_(bool(learns))
    output = net(t["x"])
    output.pow(2).sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.01).step()
    yield "output", [output, body.weight, fc.weight]
    yield "bias", t["x"].mean() + (t["b"] if bias else torch.zeros_like(t["b"]))
