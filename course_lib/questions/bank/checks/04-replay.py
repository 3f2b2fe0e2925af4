"""Inputs: old pictures and labels, a seed. Outputs: the loss; its gradients in the body, asked of
autograd; which head the net has afterwards; whether measuring has changed the net."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(7, 3, 8, 8)).astype("float32"),
            "labels": rng.integers(0, 4, 7).tolist(),
            "seed": int(rng.integers(1_000)),
        }
        for _ in range(2)
    ]


def network(seed):
    import torch
    from torch import nn

    torch.manual_seed(seed)
    net = nn.Sequential()
    for name, module in {
        "conv1": nn.Conv2d(3, 6, 3, 2),
        "relu": nn.ReLU(),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(54, 3),
    }.items():
        net.add_module(name, module)
    return net.train(), nn.Linear(54, 4)


def run(answer, case):
    import torch

    net, old_head = network(case["seed"])
    new_head = net.fc
    pictures, labels = torch.tensor(case["pictures"]), torch.tensor(case["labels"])
    loss = answer.replay(net, old_head, pictures, labels)
    yield "loss", loss
    yield "head", [net.fc is new_head, net.training]
    yield "gradient", list(torch.autograd.grad(loss, [net.conv1.weight, net.conv1.bias]))


def explain(case, want, have):
    if have.get("head") and not have["head"][0]:
        return (
            "Afterwards the net should have its new head again: keep it under a name, and put it "
            "back before you return the loss."
        )
    if have.get("head") and not have["head"][1]:
        return "The net was sent to evaluation mode. It is being trained: leave its mode alone."
    if "loss" in have and abs(float(have["loss"]) - float(want["loss"])) > 1e-3:
        return (
            "The loss is not that of the old head on these pictures: "
            "`F.cross_entropy(net(pictures), labels)` while the old head is in place."
        )
    return "The loss is right, but no gradient reaches the body: was it taken in `torch.no_grad()`?"
