"""Inputs: a network of stages with any names. Described: what learns and which modules train, after
freezing and a call of ``train()``. Tested: weights and statistics of a network rebuilt from that,
with a head that drops out, after three training steps."""

NAMES = ("stem", "conv1", "layer1", "layer2", "layer3", "body", "neck", "last")


def inputs(rng):
    cases = []
    for _ in range(2):
        count = int(rng.integers(2, 5))
        names = [str(n) for n in rng.permutation(NAMES)[:count]]
        cases.append(
            {
                "names": names,
                "norms": [bool(b) for b in rng.integers(0, 2, count - 1)] + [True],
                "weights": rng.normal(size=(count, 4, 4)).astype("float32"),
                "head": rng.normal(size=(2, 4)).astype("float32"),
                "means": rng.normal(size=(count, 4)).astype("float32"),
                "variances": rng.uniform(0.5, 2, (count, 4)).astype("float32"),
                "test": {
                    "x": (rng.normal(size=(3, 16, 4)) * 2 + 1).astype("float32"),
                    "y": rng.integers(0, 2, (3, 16)),
                },
            }
        )
    return cases


def network(case):
    import torch
    from torch import nn

    net = nn.Sequential()
    for index, name in enumerate(case["names"]):
        stage = nn.Sequential(nn.Linear(4, 4, bias=False))
        with torch.no_grad():
            stage[0].weight.copy_(torch.tensor(case["weights"][index]))
        if case["norms"][index]:
            stage.append(nn.BatchNorm1d(4))
            stage[1].running_mean.copy_(torch.tensor(case["means"][index]))
            stage[1].running_var.copy_(torch.tensor(case["variances"][index]))
        net.add_module(name, stage.append(nn.ReLU()))
    net.add_module("fc", nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        net.fc.weight.copy_(torch.tensor(case["head"]))
    return net


def run(answer, case):
    net = network(case)
    answer.freeze(net)
    net.train()
    yield "kinds", {name: type(module).__name__ for name, module in net.named_modules() if name}
    yield "learns", {name: p.requires_grad for name, p in net.named_parameters()}
    yield "hooks", [len(p._backward_hooks or ()) for p in net.parameters()]
    yield "trains", {name: module.training for name, module in net.named_modules() if name}
    yield "state", dict(net.state_dict())


def test(case, given):
    import torch
    from torch import nn

    net = network(case)
    kinds = {name: type(module).__name__ for name, module in net.named_modules() if name}
    if given["kinds"] != kinds or any(given["hooks"]):
        return
    net.load_state_dict({name: torch.tensor(value) for name, value in given["state"].items()})
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(bool(given["learns"][name]))
    for name, module in net.named_modules():
        module.training = bool(given["trains"][name]) if name else True
    drop = nn.Dropout(0.5).train(net.fc.training)
    net.fc.register_forward_pre_hook(lambda module, given: (drop(given[0]),))
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.2)
    for step, (x, y) in enumerate(zip(case["test"]["x"], case["test"]["y"], strict=True)):
        torch.manual_seed(step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    yield "weights", list(net.parameters())
    yield "statistics", [*net.buffers(), net.fc.weight]
