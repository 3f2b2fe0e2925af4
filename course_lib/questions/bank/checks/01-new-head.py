"""Inputs: how many features and classes there are. Outputs: what the new head reads and gives;
whether the backbone is as it was."""


def inputs(rng):
    return [{"features": int(rng.integers(5, 40)), "classes": classes} for classes in (3, 7)]


def backbone(features):
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, features, 3, bias=False),
            bn1=nn.BatchNorm2d(features),
            relu=nn.ReLU(),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(features, 10),
        )
    )


def run(answer, case):
    from torch import nn

    net = backbone(case["features"])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    old, changed = net.fc, answer.new_head(net, case["classes"])
    yield "net", isinstance(changed, nn.Module)
    if not isinstance(changed, nn.Module):
        return
    new = changed.fc is not old and isinstance(changed.fc, nn.Linear)
    yield "head", [changed.fc.in_features, changed.fc.out_features] if new else None
    after = changed.state_dict()
    kept = [name for name in before if not name.startswith("fc.")]
    yield "backbone", all(n in after and after[n].equal(before[n]) for n in kept)


def explain(case, want, have):
    if not have["net"]:
        return "Return the network with its new head."
    if have["head"] is None:
        return "`net.fc` should be a new `nn.Linear`; assign it."
    read, given = have["head"]
    if read != case["features"]:
        return f"The backbone gives {case['features']} features; the new head must read as many."
    if given != case["classes"]:
        return f"For {case['classes']} classes the head gives {given} logits."
    return "The backbone has changed: keep what it has learnt."
