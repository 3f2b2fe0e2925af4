"""Inputs: an old head, pictures and labels in batches of unequal size, two networks. Outputs: the
accuracy under the old head; which head the net has afterwards; what has changed; whether gradients
were recorded."""

RTOL, ATOL = 1e-6, 1e-6


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(23, 3, 8, 8)).astype("float32"),
            "labels": rng.integers(0, 4, 23).tolist(),
            "seed": int(rng.integers(1_000)),
        }
        for _ in range(3)
    ]


def network(seed):
    import torch
    from torch import nn

    torch.manual_seed(seed)
    net = nn.Sequential()
    for name, module in {
        "conv1": nn.Conv2d(3, 6, 3, 2),
        "bn1": nn.BatchNorm2d(6),
        "relu": nn.ReLU(),
        "flatten": nn.Flatten(),
        "dropout": nn.Dropout(0.6),
        "fc": nn.Linear(54, 3),
    }.items():
        net.add_module(name, module)
    return net, nn.Linear(54, 4)


def run(answer, case):
    import torch

    net, old_head = network(case["seed"])
    recorded = []
    old_head.register_forward_hook(lambda *_: recorded.append(torch.is_grad_enabled()))
    net.train()  # as an epoch of training leaves it
    new_head = net.fc
    body = net.state_dict().items()
    before = {name: value.clone() for name, value in body if not name.startswith("fc.")}
    pictures, labels = torch.tensor(case["pictures"]), torch.tensor(case["labels"])
    batches = list(zip(pictures.split(9), labels.split(9), strict=True))
    torch.manual_seed(case["seed"])  # dropout
    found = answer.old_accuracy(net, old_head, batches)
    yield "accuracy", float(found)
    yield "head", net.fc is new_head
    after = net.state_dict()
    yield "untouched", [name for name, value in before.items() if not value.equal(after[name])]
    yield "gradients", any(recorded)


def explain(case, want, have):
    if not have.get("head", True):
        return (
            "Afterwards the net should have its new head again: keep it under a name before you "
            "put the old one in, and put it back before you return."
        )
    if have.get("untouched"):
        return (
            f"Measuring has changed the network: `{have['untouched'][0]}`. In training mode batch "
            "norm learns from whatever passes through; `net.eval()` first."
        )
    if have.get("gradients"):
        return "Gradients were recorded all the while: `with torch.no_grad():` around the loop."
    return (
        "The share is not right. Is it the old head that answers, is the network in evaluation "
        "mode, and do you count pictures, not batches (the last one is smaller)?"
    )
