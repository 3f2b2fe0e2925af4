"""Inputs: pictures, and how often the net has been in which mode before. Outputs: what the answer
returns, and what a training step changes in a net with corrections beside its convolutions."""


def inputs(rng):
    return [
        {"pictures": rng.normal(size=(8, 3, 12, 12)).astype("float32"), "training": mode}
        for mode in (True, False)
    ]


def network():
    from torch import nn

    class LoRA(nn.Module):
        def __init__(self, layer, rank):
            super().__init__()
            self.layer = layer
            self.down = nn.Conv2d(layer.in_channels, rank, 3, padding=1, bias=False)
            self.up = nn.Conv2d(rank, layer.out_channels, 1, bias=False)

        def forward(self, x):
            return self.layer(x) + self.up(self.down(x))

    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 4, 3, padding=1, bias=False))
    net.add_module("bn1", nn.BatchNorm2d(4))
    net.add_module("layer4", LoRA(nn.Conv2d(4, 6, 3, padding=1), 2))
    net.add_module("bn2", nn.BatchNorm2d(6))
    net.add_module("pool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flatten", nn.Flatten())
    net.add_module("drop", nn.Dropout(0.1))
    net.add_module("fc", nn.Linear(6, 4))
    return net


def run(answer, case):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = network().train(case["training"])
    given = list(answer.only_adapters(net))
    names = {id(p): name for name, p in net.named_parameters()}
    yield "given", sorted(names.get(id(p), "something else") for p in given)
    yield "learns", sorted(name for name, p in net.named_parameters() if p.requires_grad)
    yield "dropout", net.drop.training
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learning = [p for p in net.parameters() if p.requires_grad]
    loss = nn.functional.cross_entropy(net(torch.tensor(case["pictures"])), torch.arange(8) % 4)
    if learning:
        loss.backward()
        torch.optim.SGD(learning, lr=0.1).step()
    after = net.state_dict()
    yield "changed", sorted(name for name in before if not before[name].equal(after[name]))


def explain(case, want, have):
    extra = [name for name in have["learns"] if name not in want["learns"]]
    if extra:
        return f"`{extra[0]}` still learns: only `down`, `up` and the head `fc` should."
    missing = [name for name in want["learns"] if name not in have["learns"]]
    if missing:
        return f"`{missing[0]}` should learn, too: `requires_grad_(True)`."
    moved = [name for name in have["changed"] if name not in want["changed"]]
    if moved:
        return (
            f"After a training step `{moved[0]}` has changed. Batch norm was left in train mode, "
            "its statistics drift, and they are not in the adapter. Put it into eval mode."
        )
    if not have["dropout"]:
        return "Everything but batch norm should be in train mode: `net.train()` comes first."
    return "Return the parameters that learn, as a list: the optimizer wants them."
