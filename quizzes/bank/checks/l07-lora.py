"""Inputs: weights, a, b, pictures. Described: outputs at the start and with given a and b, the
gradient there, and what learns. Tested: the outputs; all weights after training a layer in which
that learns."""


def inputs(rng):
    cases = []
    for _ in range(3):
        i, o, r = (int(rng.integers(*s)) for s in ((4, 8), (3, 7), (1, 4)))
        shapes = {"w": (o, i), "bias": (o,), "a": (r, i), "b": (o, r), "x": (6, i)}
        case = {k: rng.normal(size=s).astype("float32") for k, s in shapes.items()}
        fresh = {k: rng.normal(size=(6, n)).astype("float32") for k, n in (("x", i), ("y", o))}
        cases.append(case | {"alpha": float(rng.uniform(1, 9)), "test": fresh})
    return cases


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.tensor(v) for k, v in case.items() if k != "alpha"}
    linear = nn.Linear(t["w"].shape[1], t["w"].shape[0])
    with torch.no_grad():
        linear.weight.copy_(t["w"])
        linear.bias.copy_(t["bias"])
    layer = answer.LoRA(linear, len(t["a"]), case["alpha"])
    if not isinstance(layer, nn.Module):
        return
    yield "start", layer(t["x"])
    yield "first", [layer.b, bool(layer.a.abs().max() > 0)]
    with torch.no_grad():
        layer.a.copy_(t["a"])
        layer.b.copy_(t["b"])
    output = layer(t["x"])
    yield "output", output
    yield "slope", list(torch.autograd.grad(output.pow(2).sum(), [layer.a, layer.b]))
    learns = [p.requires_grad for p in (linear.weight, linear.bias, layer.a, layer.b)]
    yield "learns", [*learns, sum(p.numel() for p in layer.parameters() if p.requires_grad)]
    yield "linear", [linear.weight, linear.bias]


def test(case, given):
    import torch

    yield "start", [given["start"], *given["first"]]
    yield "output", given["output"]
    tensors = [torch.tensor(v) for v in (*given["linear"], case["a"], case["b"])]
    for tensor, learns in zip(tensors, given["learns"], strict=False):
        tensor.requires_grad_(bool(learns))
    w, bias, a, b = tensors
    x, y = (torch.tensor(case["test"][key]) for key in ("x", "y"))
    optimizer = torch.optim.SGD([tensor for tensor in tensors if tensor.requires_grad], lr=0.001)
    for _ in range(2):
        optimizer.zero_grad()
        scale = case["alpha"] / len(a)
        (x @ w.T + bias + scale * (x @ a.T @ b.T) - y).pow(2).mean().backward()
        optimizer.step()
    yield "trained", [*tensors, *given["slope"], given["learns"][4]]
