"""Inputs: a batch of pictures. Described: what may learn, and which modules train. Tested, in a
network rebuilt from that: the names of what may learn, and of what a training step has changed."""


def inputs(rng):
    return [{"pictures": rng.normal(size=(8, 3, 16, 16)).astype("float32")}]


def network():
    from collections import OrderedDict

    from torch import nn

    def stage(channels_in, channels):
        return nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 4, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(4),
            relu=nn.ReLU(),
            layer1=stage(4, 4),
            layer2=stage(4, 6),
            layer3=stage(6, 8),
            layer4=stage(8, 8),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(8, 4),
        )
    )


def run(answer, case):
    net = network()
    net.train()
    answer.freeze(net)
    yield "learns", {name: p.requires_grad for name, p in net.named_parameters()}
    yield "hooked", {name: bool(p._backward_hooks) for name, p in net.named_parameters()}
    yield "trains", {name: module.training for name, module in net.named_modules() if name}


def test(case, given):
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = network()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(bool(given["learns"][name]))
        if given["hooked"][name] and parameter.requires_grad:
            parameter.register_hook(torch.zeros_like)  # a hook is there to stop it
    for name, module in net.named_modules():
        module.training = bool(given["trains"][name]) if name else True
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learning = {name: p for name, p in net.named_parameters() if p.requires_grad}
    yield "learning", sorted(learning)
    if not learning:
        return
    optimizer = torch.optim.SGD(learning.values(), lr=0.1)
    logits = net(torch.tensor(case["pictures"]))
    nn.functional.cross_entropy(logits, torch.arange(8) % 4).backward()
    optimizer.step()
    after = net.state_dict()
    yield "changed", [name for name in before if not before[name].equal(after[name])]


def explain(case, want, have):
    head = want["learning"]
    extra = [name for name in have["learning"] if name not in head]
    if extra:
        return f"{len(extra)} tensors outside the head still learn, such as `{extra[0]}`."
    if have["learning"] != head:
        return "The head must learn: leave `fc.weight` and `fc.bias` with requires_grad = True."
    moved = [name for name in have["changed"] if name not in head]
    if moved:
        return (
            f"After one training step `{moved[0]}` has changed, although no parameter of it "
            "learns. Batch-norm layers in train mode keep updating their running statistics."
        )
    return "The head did not move in a training step."
