"""Inputs: filters, biases, grey pictures, stride, padding. Outputs: responses without and with
bias."""


def inputs(rng):
    f = "float32"
    return [
        {
            "w": rng.normal(size=(4, 3, 3, 3)).astype(f),
            "b": rng.normal(size=4).astype(f),
            "x": rng.normal(size=(2, 1, 9, 9)).astype(f),
            "stride": int(rng.integers(1, 3)),
            "padding": int(rng.integers(0, 3)),
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(case[k]) for k in "wbx"}
    for name, bias in (("plain", False), ("bias", True)):
        conv = nn.Conv2d(3, 4, 3, case["stride"], case["padding"], bias=bias)
        with torch.no_grad():
            conv.weight.copy_(t["w"])
            if bias:
                conv.bias.copy_(t["b"])
            out = answer.to_grey(conv)(t["x"])
            yield name, [out, conv(t["x"].repeat(1, 3, 1, 1))]
