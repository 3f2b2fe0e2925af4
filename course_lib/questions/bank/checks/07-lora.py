"""Inputs: weights of a linear layer and of its correction, vectors. Outputs: what the layer gives
at the start and with that correction, and which weights a training step changes."""

RTOL, ATOL = 1e-4, 1e-5


def inputs(rng):
    cases = []
    for _ in range(2):
        i, o, r = (int(rng.integers(*s)) for s in ((4, 8), (3, 7), (2, 4)))
        shapes = {"weight": (o, i), "bias": (o,), "down": (r, i), "up": (o, r), "x": (6, i)}
        case = {k: rng.normal(size=s).astype("float32") for k, s in shapes.items()}
        cases.append(case | {"alpha": float(rng.uniform(5, 9))})
    return cases


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.tensor(v) for k, v in case.items() if k != "alpha"}
    layer = nn.Linear(t["weight"].shape[1], t["weight"].shape[0])
    layer.load_state_dict({"weight": t["weight"], "bias": t["bias"]})
    lora = answer.LoRALinear(layer, len(t["down"]), case["alpha"])
    if not isinstance(lora, nn.Module):
        return
    yield "start", [lora(t["x"]), bool(lora.down.weight.abs().max() > 0)]
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
        return "`LoRALinear` must be an `nn.Module`, else no optimizer sees what is in it."

    def close(a, b):
        a, b = np.asarray(a), np.asarray(b)
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4)

    if not close(have["start"][0], want["start"][0]):
        return (
            "At the start your layer gives other numbers than the one it stands around. Both "
            "matrices are random: set `up` to zero with `nn.init.zeros_(self.up.weight)`."
        )
    if not have["start"][1]:
        return "`down` is zero, too: then neither of the two ever gets a gradient. Leave it random."
    base = np.asarray(case["x"]) @ np.asarray(case["weight"]).T + np.asarray(case["bias"])
    product = np.asarray(case["x"]) @ np.asarray(case["down"]).T @ np.asarray(case["up"]).T
    if close(have["output"], base + product):
        return "The scale is forgotten: the correction counts `alpha / rank` times."
    if close(have["output"], base + case["alpha"] * product):
        return "The scale is `alpha / rank`, not `alpha`."
    if not close(have["output"], want["output"]):
        return (
            "With given weights it should give `layer(x) + alpha / rank * up(down(x))`, without a "
            "bias in `down` and `up`: `bias=False`."
        )
    if extra := [name for name in have["changed"] if name.startswith("layer.")]:
        return (
            f"A training step has changed `{extra[0]}`: the pretrained layer learns too. Freeze it "
            "with `layer.requires_grad_(False)`."
        )
    return "`down` and `up` should both learn."
