"""Inputs: pictures and labels, dealt out in batches of unequal size. Outputs: the accuracy; what of
the net has changed; whether gradients were recorded."""

RTOL, ATOL = 1e-6, 1e-6


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(11, 3, 8, 8)).astype("float32"),
            "labels": rng.integers(0, 3, 11).tolist(),
            "seed": int(rng.integers(1_000)),
        }
        for _ in range(3)
    ]


def run(answer, case):
    import torch
    from torch import nn

    recorded = []

    class Watch(nn.Module):
        def forward(self, x):
            recorded.append(torch.is_grad_enabled())
            return x

    torch.manual_seed(case["seed"])
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.7),
        nn.Linear(36, 3), Watch(),
    )  # fmt: skip
    net.train()  # as an epoch of training leaves it
    pictures, labels = torch.tensor(case["pictures"]), torch.tensor(case["labels"])
    batches = list(zip(pictures.split(8), labels.split(8), strict=True))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(case["seed"])
    yield "accuracy", float(answer.accuracy(net, batches))
    changed = [name for name, value in net.state_dict().items() if not before[name].equal(value)]
    yield "untouched", [] if not changed else changed
    yield "gradients", any(recorded)


def explain(case, want, have):
    if have.get("untouched"):
        return (
            f"Measuring has changed the network: `{have['untouched'][0]}`. In training mode batch "
            "norm learns from whatever passes through; `net.eval()` first."
        )
    if have.get("gradients"):
        return (
            "The number may be right, but gradients were recorded all the while, at a cost in "
            "memory: "
            "`with torch.no_grad():` around the loop."
        )
    return (
        "The share is not right. Count pictures, not batches: the last batch is smaller, so "
        "a mean of "
        "the batches' means is wrong. And is the network in evaluation mode (dropout)?"
    )
