"""Inputs: filters, biases, stride, padding. Described: the new layer's kind, settings and weights,
and the old layer afterwards. Tested: what layers rebuilt from that give for grey pictures."""

SETTINGS = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")


def inputs(rng):
    f = "float32"
    return [
        {
            "w": rng.normal(size=(4, 3, 3, 3)).astype(f),
            "b": rng.normal(size=4).astype(f),
            "stride": int(rng.integers(1, 3)),
            "padding": int(rng.integers(0, 3)),
            "test": {"x": rng.normal(size=(2, 1, 9, 9)).astype(f)},
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch
    from torch import nn

    for name, bias in (("plain", False), ("bias", True)):
        conv = nn.Conv2d(3, 4, 3, case["stride"], case["padding"], bias=bias)
        with torch.no_grad():
            conv.weight.copy_(torch.tensor(case["w"]))
            if bias:
                conv.bias.copy_(torch.tensor(case["b"]))
        grey = answer.to_grey(conv)
        yield f"{name}_kind", [type(grey).__name__, grey.padding_mode]
        yield f"{name}_settings", [getattr(grey, key) for key in SETTINGS]
        yield f"{name}_grey", [grey.weight, grey.bias]
        yield f"{name}_conv", [conv.weight, conv.bias]


def test(case, given):
    import torch
    from torch import nn

    def layer(settings, mode, tensors):
        weight, bias = tensors
        settings = dict(zip(SETTINGS, settings, strict=True))
        settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        made = nn.Conv2d(**settings, bias=bias is not None, padding_mode=mode)
        with torch.no_grad():
            made.weight.copy_(torch.tensor(weight))
            if bias is not None:
                made.bias.copy_(torch.tensor(bias))
        return made

    x = torch.tensor(case["test"]["x"])
    old = [3, 4, 3, case["stride"], case["padding"], 1, 1]
    for name in ("plain", "bias"):
        kind, mode = given[f"{name}_kind"]
        if kind != "Conv2d":
            continue
        grey = layer(given[f"{name}_settings"], mode, given[f"{name}_grey"])
        conv = layer(old, "zeros", given[f"{name}_conv"])
        with torch.no_grad():
            yield name, [grey(x), conv(x.repeat(1, 3, 1, 1))]
