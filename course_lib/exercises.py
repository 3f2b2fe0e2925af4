"""Checks of the fill-in cells: not attempted, wrong with a hint, or right.

These run the learner's own code in the learner's own notebook, to help; grades are made elsewhere.
"""

from collections.abc import Callable

import torch
from torch import nn

from course_lib.errors import CourseError
from course_lib.questions.predicting import Comparison


def _frozen_right(freeze: Callable) -> str | None:
    from course_lib.backbones.worldnet import WorldNet

    net = WorldNet(4)
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    freeze(net)
    learning = {name for name, p in net.named_parameters() if p.requires_grad}
    if learning != {"fc.weight", "fc.bias"}:
        extra = sorted(learning - {"fc.weight", "fc.bias"})
        if extra:
            return f"{len(extra)} tensors outside the head still learn, such as `{extra[0]}`."
        return "The head must learn: leave `fc.weight` and `fc.bias` with requires_grad = True."
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    logits = net(torch.randn(8, 3, 64, 64))
    nn.functional.cross_entropy(logits, torch.arange(8) % 4).backward()
    optimizer.step()
    after = net.state_dict()
    moved = [n for n in before if not n.startswith("fc.") and not before[n].equal(after[n])]
    if moved:
        return (
            f"After one training step `{moved[0]}` has changed, although no parameter of it "
            "learns. Batch-norm layers in train mode keep updating their running statistics."
        )
    if before["fc.weight"].equal(after["fc.weight"]):
        return "The head did not move in a training step."
    return None


def _reversal_right(reverse: Callable) -> str | None:
    x = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    weight = torch.tensor([3.0, 1.0, -4.0], requires_grad=True)
    y = reverse(x, 0.25)
    if not isinstance(y, torch.Tensor) or not torch.equal(y, x):
        return "Forwards nothing may change: `reverse(x, strength)` must equal `x`."
    (y * weight).sum().backward()
    if x.grad is None:
        return "No gradient arrives at `x`. `detach()` cuts it off; it should be turned around."
    if torch.allclose(x.grad, weight.detach()):
        return "The gradient comes through unchanged. Backwards, multiply it by `-strength`."
    if torch.allclose(x.grad, 0.25 * weight.detach()):
        return "The gradient has the right size and the wrong sign."
    if torch.allclose(x.grad, -weight.detach()):
        return "The sign is right; the strength is missing."
    if not torch.allclose(x.grad, -0.25 * weight.detach()):
        return f"For a gradient of {weight.tolist()} and strength 0.25, {x.grad.tolist()} came out."
    if not torch.allclose(weight.grad, x.detach()):
        return "What lies above the layer must get its ordinary gradient."
    return None


def _new_head_right(new_head: Callable) -> str | None:
    from course_lib.backbones.worldnet import WorldNet

    for classes in (3, 7):
        net = WorldNet(10)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        old, changed = net.fc, new_head(net, classes)
        if not isinstance(changed, nn.Module):
            return "Return the network with its new head."
        if changed.fc is old or not isinstance(changed.fc, nn.Linear):
            return "`net.fc` should be a new `nn.Linear`; assign it."
        if changed.fc.in_features != old.in_features:
            return f"The backbone gives {old.in_features} features; the new head must read as many."
        if changed.fc.out_features != classes:
            return f"For {classes} classes the head gives {changed.fc.out_features} logits."
        after = changed.state_dict()
        if any(not after[n].equal(v) for n, v in before.items() if not n.startswith("fc.")):
            return "The backbone has changed: keep what it has learnt."
    return None


STAGES = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",))


def _groups_right(parameter_groups: Callable) -> str | None:
    from course_lib.backbones.worldnet import WorldNet

    net, head_rate, ratio, decay = WorldNet(4), 0.02, 10.0, 0.5
    groups = parameter_groups(net, head_rate, ratio, decay)
    wanted = {"fc": head_rate}
    for below, parts in enumerate(reversed(STAGES)):
        wanted |= {part: head_rate / ratio * decay**below for part in parts}
    rate_of: dict[int, float] = {}
    for group in torch.optim.SGD(groups, lr=123.0).param_groups:
        for parameter in group["params"]:
            rate_of[id(parameter)] = group["lr"]
    for name, parameter in net.named_parameters():
        if id(parameter) not in rate_of:
            return f"`{name}` is in no group: it would never learn."
        rate = rate_of[id(parameter)]
        if rate == 123.0:
            return (
                f"The group of `{name}` has no entry `lr`, so it learns at the optimizer's own "
                "rate. Another key is kept and ignored."
            )
        right = wanted[name.split(".")[0]]
        if abs(rate - right) > 1e-6 * right:
            return f"`{name}` should learn at {right:.3g}; its group says {rate:.3g}."
    return None


def _interpolated_right(interpolate: Callable) -> str | None:
    from course_lib.backbones.worldnet import WorldNet

    start, end = WorldNet(4).state_dict(), WorldNet(4).state_dict()
    for value in end.values():
        if not value.is_floating_point():
            value.fill_(7)
    before = {name: value.clone() for name, value in start.items()}
    mixed = interpolate(start, end, 0.25)
    if set(mixed) != set(start):
        return "The result must have the same names as the two state dicts."
    for name, value in mixed.items():
        if not end[name].is_floating_point():
            if value.dtype != end[name].dtype or not torch.equal(value, end[name]):
                return (
                    f"`{name}` counts batches in whole numbers ({end[name].dtype}): there is no "
                    "quarter of the way. Take it from `end`."
                )
        elif not torch.allclose(value, 0.75 * before[name] + 0.25 * end[name]):
            return f"`{name}` is not a quarter of the way from start to end."
    if any(not torch.equal(value, before[name]) for name, value in start.items()):
        return "`start` was changed. Make new tensors instead of writing into the given ones."
    WorldNet(4).load_state_dict(mixed)
    return None


def _split_right(hold_out: Callable) -> str | None:
    import numpy as np

    patients = np.repeat(np.random.default_rng(5).permutation(60), np.arange(60) % 3 + 2)
    held_out = [np.asarray(hold_out(patients, 0.25, seed)) for seed in (0, 0, 1)]
    for mask in held_out:
        if mask.shape != patients.shape or mask.dtype != bool:
            return (
                f"For {len(patients)} pictures the answer must be as many bools; got "
                f"{mask.dtype} {mask.shape}."
            )
        both = set(patients[mask]) & set(patients[~mask])
        if both:
            return f"{len(both)} patients are on both sides of the split."
        share = len(set(patients[mask])) / 60
        if not 0.2 <= share <= 0.3:
            return f"Asked for a quarter of the patients, you held out {share:.0%}."
    if not (held_out[0] == held_out[1]).all():
        return "The same seed must give the same split, or no result can be repeated."
    if (held_out[0] == held_out[2]).all():
        return "Another seed must give another split."
    return None


# name -> (hint, check). A check gives None when the answer is right, else what is wrong.
_EXERCISES: dict[str, tuple[str, Callable]] = {
    "01-new-head": (
        "The old head knows how many features come in: `net.fc.in_features`. A new one is "
        "`torch.nn.Linear(features, classes)`; put it where the old one was and return the net.",
        _new_head_right,
    ),
    "02-freeze": (
        "`net.requires_grad_(False)` reaches every parameter; then switch the head back on. "
        "`requires_grad` says nothing about buffers: which mode must the batch-norm layers be in, "
        "and which call sets it?",
        _frozen_right,
    ),
    "03-groups": (
        'A group is a dictionary: `{"params": list(net.layer4.parameters()), "lr": 0.001}`. '
        "`layer4` has `head_rate / ratio`, `layer3` has `decay` times that, and so on; `conv1` and "
        "`bn1` together are the first stage. `getattr(net, name)` finds a layer by its name.",
        _groups_right,
    ),
    "04-interpolate": (
        "A dictionary comprehension over the names does it: `(1 - share) * start[name] + share * "
        "end[name]`. Which entries of a state dict are whole numbers, and what should become of "
        "those? `value.is_floating_point()` tells.",
        _interpolated_right,
    ),
    "05-reversal": (
        "`torch.autograd.Function` has two static methods. `forward(context, x, strength)` keeps "
        "the strength in `context` and returns `x.view_as(x)`. `backward(context, gradient)` "
        "returns one value for each argument of forward; `strength` needs none, so `None`.",
        _reversal_right,
    ),
    "06-split": (
        "`np.unique(patients)` lists each patient once. Shuffle that list with "
        "`np.random.default_rng(seed).permutation(...)`, take the first quarter of it, and ask "
        "with `np.isin` which pictures belong to them.",
        _split_right,
    ),
}


def check(name: str, answer: Callable) -> Comparison:
    """Try a learner's answer. Raises CourseError for an unknown exercise."""
    _, judge = _find(name)
    try:
        wrong = judge(answer)
    except NotImplementedError:
        return Comparison("**Not attempted yet.** Replace the `raise` line; `hint()` helps.")
    except Exception as error:  # the learner's own code: any error is theirs to read
        return Comparison(f"**Not yet:** your code raised {type(error).__name__}: {error}")
    return Comparison(f"**Not yet.** {wrong}" if wrong else "**Right.** Every part was checked.")


def hint(name: str) -> Comparison:
    """A hint for an exercise."""
    return Comparison(_find(name)[0])


def _find(name: str):
    if name not in _EXERCISES:
        raise CourseError(f"No exercise {name!r}. There are: {', '.join(_EXERCISES)}.")
    return _EXERCISES[name]
