"""Inputs: the head's rate, the ratio, the decay. Outputs: the rate at which the optimizer lets each
parameter learn, None for one that is in no group; which parameters are decayed."""

RTOL, ATOL = 1e-6, 0.0
UNSET = 123.0  # the optimizer's own rate, at which nothing should learn


def inputs(rng):
    return [
        {
            "head_rate": float(rng.uniform(0.005, 0.05)),
            "ratio": float(rng.uniform(3, 30)),
            "decay": float(rng.uniform(0.4, 0.9)),
        }
        for _ in range(2)
    ]


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
    import torch

    net = network()
    groups = answer.parameter_groups(net, case["head_rate"], case["ratio"], case["decay"])
    rate_of, decayed = {}, set()
    for group in torch.optim.SGD(groups, lr=UNSET, weight_decay=0.01).param_groups:
        for parameter in group["params"]:
            rate_of[id(parameter)] = group["lr"]
            if group["weight_decay"]:
                decayed.add(id(parameter))
    yield "rates", {name: rate_of.get(id(p)) for name, p in net.named_parameters()}
    yield "decay", [name for name, p in net.named_parameters() if id(p) in decayed]


def explain(case, want, have):
    for name, right in want["rates"].items():
        rate = have["rates"][name]
        if rate is None:
            return f"`{name}` is in no group: it would never learn."
        if rate == UNSET:
            return (
                f"The group of `{name}` has no entry `lr`, so it learns at the optimizer's own "
                "rate. Another key is kept and ignored."
            )
        if abs(rate - right) > RTOL * right:
            return f"`{name}` should learn at {right:.3g}; its group says {rate:.3g}."
    extra = [name for name in have["decay"] if name not in want["decay"]]
    if extra:
        return f"`{extra[0]}` has one dimension: its group should have `weight_decay` 0."
    return (
        "The matrices should keep the optimizer's own weight decay: set it to 0 for vectors only."
    )
