"""Inputs: weights, a, b, batches. Outputs: output at the start, with given a and b, weights after
training."""


def inputs(rng):
    cases = []
    for _ in range(3):
        i, o, r = (int(rng.integers(*s)) for s in ((4, 8), (3, 7), (1, 4)))
        cases.append(
            {
                k: rng.normal(size=s).astype("float32")
                for k, s in {
                    "w": (o, i),
                    "bias": (o,),
                    "a": (r, i),
                    "b": (o, r),
                    "x": (6, i),
                    "y": (6, o),
                }.items()
            }
            | {"alpha": float(rng.uniform(1, 9))}
        )
    return cases


def run(answer, case):
    import torch
    from torch import nn

    t = {k: torch.from_numpy(v) for k, v in case.items() if k != "alpha"}
    linear = nn.Linear(t["w"].shape[1], t["w"].shape[0])
    with torch.no_grad():
        linear.weight.copy_(t["w"])
        linear.bias.copy_(t["bias"])
    layer = answer.LoRA(linear, len(t["a"]), case["alpha"])
    yield "start", layer(t["x"]).detach()
    with torch.no_grad():
        layer.a.copy_(t["a"])
        layer.b.copy_(t["b"])
    yield "output", layer(t["x"]).detach()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.001)
    for _ in range(2):
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(t["x"]), t["y"]).backward()
        for p in layer.parameters():
            if p.grad is not None:
                p.grad.clamp_(-1, 1)
        optimizer.step()
    yield "trained", [linear.weight, linear.bias, layer.a, layer.b]
