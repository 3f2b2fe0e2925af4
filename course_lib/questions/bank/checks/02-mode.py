"""Input: a seed. Outputs: which layers are in training mode; what a batch has changed."""


def inputs(rng):
    return [{"seed": int(rng.integers(1_000))}]


def run(answer, case):
    import torch
    from torch import nn

    torch.manual_seed(case["seed"])
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)), nn.Dropout(0.5),
    )  # fmt: skip
    net.eval()
    answer.learning_mode(net)
    yield "modes", {name: module.training for name, module in net.named_modules()}
    before = {name: value.clone() for name, value in net.named_buffers()}
    net(torch.randn(4, 3, 9, 9))
    yield "changed", [n for n, value in net.named_buffers() if not before[n].equal(value)]


def explain(case, want, have):
    if have.get("changed"):
        return (
            f"`{have['changed'][0]}` has changed when a batch passed: that batch norm is still in "
            "training mode. Those inside other layers count too: `net.modules()` finds all."
        )
    if not have["modes"]["4"]:
        return "Dropout is off: begin with `net.train()`, then send back only the batch norms."
    return "Only batch norm should be in evaluation mode, everything else in training mode."
