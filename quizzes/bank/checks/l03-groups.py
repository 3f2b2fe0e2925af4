"""Inputs: a network of layers with any names, some frozen, and two rates. Described: the group,
rate, decay and momentum of every parameter. Tested: the weights after three steps of an optimiser
rebuilt from that; the number of grouped values; which parameters stand together."""

import numpy as np

NAMES = ("conv1", "fc2", "fc_old", "layer1", "layer2", "stem", "body")
UNSET = 1.0  # the optimiser's own rate, for a group that names none


def inputs(rng):
    cases = []
    for _ in range(3):
        count = int(rng.integers(3, 6))
        frozen = rng.permutation(count - 1) < rng.integers(1, count - 1)
        cases.append(
            {
                "names": ["fc2", *(str(n) for n in rng.permutation(NAMES) if n != "fc2")][:count],
                "frozen": [False, *(bool(b) for b in frozen)],
                "weights": rng.normal(size=(count + 1, 3, 3)).astype("float32"),
                "head": float(rng.uniform(0.05, 0.1)),
                "backbone": float(rng.uniform(0.001, 0.01)),
                "test": {
                    "x": rng.normal(size=(8, 3)).astype("float32"),
                    "y": rng.normal(size=(8, 3)).astype("float32"),
                    "n": float(rng.normal()),
                },
            }
        )
    return cases


def network(case):
    import torch
    from torch import nn

    net = nn.Sequential()
    for name, weight in zip([*case["names"], "fc"], case["weights"], strict=True):
        layer = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
        net.add_module(name, layer)
    for layer, frozen in zip(net, [*case["frozen"], False], strict=True):
        layer.requires_grad_(not frozen)
    return net


def run(answer, case):
    net = network(case)
    groups = list(answer.groups(net, case["head"], case["backbone"]))
    place = {id(parameter): index for index, parameter in enumerate(net.parameters())}
    member = np.full(len(place), -1)
    settings = np.zeros((len(place), 3))
    for number, group in enumerate(groups):
        params = group["params"]
        for parameter in [params] if hasattr(params, "grad_fn") else list(params):
            index = place[id(parameter)]
            member[index] = number if member[index] == -1 else -2  # in two groups
            for column, (key, unset) in enumerate(
                (("lr", UNSET), ("weight_decay", 0.0), ("momentum", 0.0))
            ):
                settings[index, column] = float(group.get(key, unset))
    yield "member", member
    yield "settings", settings
    yield "groups", len(groups)


def test(case, given):
    import torch

    net, t = network(case), {k: torch.tensor(v) for k, v in case["test"].items()}
    member = np.asarray(given["member"])
    if (member < -1).any():
        return
    groups = []
    for number in sorted(set(member.tolist()) - {-1}):
        own = [index for index, group in enumerate(member) if group == number]
        lr, decay, momentum = (float(v) for v in np.asarray(given["settings"])[own[0]])
        params = [p for index, p in enumerate(net.parameters()) if index in own]
        groups.append({"params": params, "lr": lr, "weight_decay": decay, "momentum": momentum})
    optimizer = torch.optim.SGD(groups, lr=UNSET)
    for _ in range(3):
        optimizer.zero_grad()
        (net(t["x"]) - t["y"]).pow(2).mean().backward()
        optimizer.step()
    yield "steps", [layer.weight for layer in net]
    count = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    yield "frozen", count * t["n"]
    learns = np.array([p.requires_grad for p in net.parameters()])
    together = member[learns][:, None] == member[learns][None, :]
    yield "two", [given["groups"], together * case["test"]["n"]]
