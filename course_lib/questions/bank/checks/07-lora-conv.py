"""Inputs: weights of a convolution and of its correction, pictures. Outputs: what the layer gives
at the start and with that correction, and which weights a training step changes."""

RTOL, ATOL = 1e-4, 1e-4


def inputs(rng):
    cases = []
    for kernel, stride, padding in ((3, 2, 1), (3, 1, 1), (1, 2, 0)):
        i, o, r = (int(rng.integers(*s)) for s in ((3, 6), (4, 7), (2, 4)))
        shapes = {
            "weight": (o, i, kernel, kernel),
            "down": (r, i, kernel, kernel),
            "up": (o, r, 1, 1),
            "x": (3, i, 8, 8),
        }
        case = {k: rng.normal(size=s).astype("float32") for k, s in shapes.items()}
        case |= {"alpha": float(rng.uniform(5, 9)), "stride": stride, "padding": padding}
        cases.append(case)
    return cases


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.tensor(case[k]) for k in ("weight", "down", "up", "x")}
    o, i, kernel, _ = t["weight"].shape
    layer = nn.Conv2d(i, o, kernel, case["stride"], case["padding"], bias=False)
    layer.load_state_dict({"weight": t["weight"]})
    lora = answer.LoRAConv(layer, len(t["down"]), case["alpha"])
    if not isinstance(lora, nn.Module):
        return
    yield "start", [lora(t["x"]), bool(lora.down.weight.abs().max() > 0)]
    yield "shapes", [list(lora.down.weight.shape), list(lora.up.weight.shape)]
    if lora.down.weight.shape != t["down"].shape or lora.up.weight.shape != t["up"].shape:
        return
    with torch.no_grad():
        lora.down.weight.copy_(t["down"])
        lora.up.weight.copy_(t["up"])
    yield "output", lora(t["x"])
    learning = [p for p in lora.parameters() if p.requires_grad]
    before = {name: value.clone() for name, value in lora.state_dict().items()}
    optimizer = torch.optim.SGD(learning, lr=0.1)
    lora(t["x"]).pow(2).mean().backward()
    optimizer.step()
    after = lora.state_dict()
    yield "changed", sorted(name for name in before if not before[name].equal(after[name]))


def explain(case, want, have):
    import numpy as np

    if "start" not in have:
        return "`LoRAConv` must be an `nn.Module`, else no optimizer sees what is in it."

    def close(a, b):
        a, b = np.asarray(a), np.asarray(b)
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-3)

    if not close(have["start"][0], want["start"][0]):
        return (
            "At the start your layer gives other numbers than the convolution it stands around. "
            "Both kernels are random: set `up` to zero with `nn.init.zeros_(self.up.weight)`."
        )
    if not have["start"][1]:
        return "`down` is zero, too: then neither of the two ever gets a gradient. Leave it random."
    if have["shapes"] != want["shapes"]:
        (down, up), (asked, asked_up) = have["shapes"], want["shapes"]
        return (
            f"The kernels have the shapes {tuple(down)} and {tuple(up)}; they should have "
            f"{tuple(asked)} and {tuple(asked_up)}: `down` looks around like the layer, `up` "
            "mixes channels at one place."
        )
    ratio = np.asarray(have["output"]) - np.asarray(have["start"][0])
    right = np.asarray(want["output"]) - np.asarray(want["start"][0])
    scale = case["alpha"] / len(case["down"])
    if close(ratio, right / scale):
        return "The scale is forgotten: the correction counts `alpha / rank` times."
    if close(ratio, right / scale * case["alpha"]):
        return "The scale is `alpha / rank`, not `alpha`."
    if not close(have["output"], want["output"]):
        return (
            "With given weights it should give `layer(x) + alpha / rank * up(down(x))`, without a "
            "bias in `down` and `up`: `bias=False`."
        )
    if extra := [name for name in have["changed"] if name.startswith("layer.")]:
        return (
            f"A training step has changed `{extra[0]}`: the pretrained convolution learns too. "
            "Freeze it with `layer.requires_grad_(False)`."
        )
    return "`down` and `up` should both learn."
