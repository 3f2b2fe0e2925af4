"""Inputs: filters, biases, stride, padding, grey pictures. Outputs: the shape of the new layer's
filters, its answers for the pictures, and whether the old layer is as it was."""

RTOL, ATOL = 1e-4, 1e-5


def inputs(rng):
    f = "float32"
    return [
        {
            "w": rng.normal(size=(4, 3, 3, 3)).astype(f),
            "b": rng.normal(size=4).astype(f),
            "stride": int(rng.integers(1, 3)),
            "padding": int(rng.integers(1, 3)),
            "bias": bias,
            "x": rng.normal(size=(2, 1, 9, 9)).astype(f),
        }
        for bias in (False, True)
    ]


def run(answer, case):
    import torch
    from torch import nn

    conv = nn.Conv2d(3, 4, 3, case["stride"], case["padding"], bias=case["bias"])
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(case["w"]))
        if case["bias"]:
            conv.bias.copy_(torch.tensor(case["b"]))
    grey = answer.one_channel(conv)
    yield "filters", list(grey.weight.shape)
    with torch.no_grad():
        yield "values", grey(torch.tensor(case["x"])).numpy()
    yield "untouched", torch.equal(conv.weight, torch.tensor(case["w"])) and conv.in_channels == 3


def explain(case, want, have):
    if have["filters"] != want["filters"]:
        return f"The new filters should have the shape {want['filters']}; yours {have['filters']}."
    if not have["untouched"]:
        return "The old layer must stay as it was: make a new one."
    bias = "its bias" if case["bias"] else "no bias"
    return (
        "For a grey picture the new layer should give what the old one gives for the picture three "
        f"times (here: stride {case['stride']}, padding {case['padding']}, {bias})."
    )
