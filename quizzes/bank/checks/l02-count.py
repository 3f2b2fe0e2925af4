"""Inputs: layer sizes, which layers learn, whether two share. Output: the two counts."""


def inputs(rng):
    return [
        {
            "sizes": [int(n) for n in rng.integers(2, 40, 5)],
            "learns": [bool(b) for b in rng.integers(0, 2, 4)] + [True],
            "shared": bool(i % 2),
        }
        for i in range(4)
    ]


def run(answer, case):
    from torch import nn

    s = case["sizes"]
    layers = [nn.Linear(a, b) for a, b in zip(s, s[1:], strict=False)] + [nn.BatchNorm1d(s[0])]
    if case["shared"]:
        layers.append(layers[0])
    for layer, learns in zip(layers, case["learns"], strict=False):
        layer.requires_grad_(learns)
    yield "both", [int(n) for n in answer.count(nn.ModuleList(layers))]
