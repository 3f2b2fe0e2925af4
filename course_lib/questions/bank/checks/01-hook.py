"""Inputs: pictures and a small net. Outputs: the features of two stages; hooks that are still
there; whether gradients were recorded."""

RTOL, ATOL = 1e-4, 1e-6
STAGES = ("layer1", "layer2")


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(5, 3, 16, 12)).astype("float32"),
            "seed": int(rng.integers(1_000)),
        }
    ]


def network(seed):
    from collections import OrderedDict

    import torch
    from torch import nn

    torch.manual_seed(seed)
    net = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 4, 3, padding=1),
            layer1=nn.Sequential(nn.Conv2d(4, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU()),
            layer2=nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(8, 3),
        )
    )
    return net.eval()


def run(answer, case):
    import torch

    net = network(case["seed"])
    pictures = torch.tensor(case["pictures"])
    found = {stage: answer.collect(net, stage, pictures) for stage in STAGES}
    yield "features", found
    yield "removed", sum(len(module._forward_hooks) for module in net.modules())
    yield "gradients", any(features.requires_grad for features in found.values())


def explain(case, want, have):
    import numpy as np
    import torch

    if have.get("removed"):
        return (
            "The features may be right, but the clip is still on the wire: `handle.remove()`. It "
            "would go on collecting, at every pass and in all that follows."
        )
    wanted, given = want["features"]["layer1"], have["features"]["layer1"]
    if np.ndim(given) == 4:
        return (
            f"You return maps, {np.shape(given)}: the mean over their places is missing, "
            "`.mean((2, 3))`."
        )
    if have.get("gradients"):
        return (
            "The numbers are right, but gradients were recorded with them: `with torch.no_grad():` "
            "around the pass."
        )
    with torch.no_grad():
        net = network(case["seed"])
        before = net.conv1(torch.tensor(case["pictures"]))
        logits = net(torch.tensor(case["pictures"]))
    for other, text in (
        (before.mean((2, 3)), "That is what the stage was *given*. A hook gets (module, given, "
         "answer); keep the answer."),
        (logits, "Those are the logits, what the net gives at its end. The hook has what the "
         "stage gives."),
    ):  # fmt: skip
        if np.shape(given) == tuple(other.shape) and np.allclose(given, other, 1e-4, 1e-6):
            return text
    if np.array_equal(given, have["features"]["layer2"]):
        return "Every stage gives the same: use the name that was asked for, `getattr(net, stage)`."
    if np.shape(given) != np.shape(wanted):
        return (
            f"For {np.shape(wanted)[0]} pictures and {np.shape(wanted)[1]} channels the features "
            f"have the shape {np.shape(wanted)}; yours have {np.shape(given)}."
        )
    return "The shape is right, the numbers are not: the mean over all places of every channel."
