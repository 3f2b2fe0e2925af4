"""Inputs: x, a gradient, the strength. Outputs: what the layer gives forwards; the gradients that
arrive below and above it."""


def inputs(rng):
    return [
        {
            "x": rng.normal(size=3).astype("float32"),
            "weight": rng.uniform(1, 4, 3).round(2).astype("float32"),
            "strength": round(float(rng.uniform(0.15, 0.6)), 2),
        }
        for _ in range(2)
    ]


def run(answer, case):
    import torch

    x = torch.tensor(case["x"], requires_grad=True)
    weight = torch.tensor(case["weight"], requires_grad=True)
    y = answer.reverse(x, case["strength"])
    fits = isinstance(y, torch.Tensor) and y.shape == x.shape
    yield "forward", y if fits else None
    if not fits:
        return
    gradient, above = torch.autograd.grad((y * weight).sum(), [x, weight], allow_unused=True)
    yield "gradient", gradient
    # Another use of the same x keeps its ordinary gradient, too.
    yield "above", [above, torch.autograd.grad((x * weight).sum(), x)[0]]


def explain(case, want, have):
    import numpy as np

    def near(gradient, other):
        return np.allclose(gradient, other, 1e-3, 1e-5)

    if have["forward"] is None or not near(have["forward"], case["x"]):
        return "Forwards nothing may change: `reverse(x, strength)` must equal `x`."
    gradient, weight, strength = have["gradient"], case["weight"], case["strength"]
    if gradient is None:
        return "No gradient arrives at `x`. `detach()` cuts it off; it should be turned around."
    if near(gradient, weight):
        return "The gradient comes through unchanged. Backwards, multiply it by `-strength`."
    if near(gradient, strength * weight):
        return "The gradient has the right size and the wrong sign."
    if near(gradient, -weight):
        return "The sign is right; the strength is missing."
    if not near(gradient, -strength * weight):
        came = [round(float(g), 4) for g in gradient]
        sent = [round(float(w), 4) for w in weight]
        return f"For a gradient of {sent} and strength {strength}, {came} came out."
    return "What lies above the layer must get its ordinary gradient."
