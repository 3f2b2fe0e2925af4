"""Checks of the fill-in cells: not attempted, wrong with a hint, or right.

These run the learner's own code in the learner's own notebook, to help; grades are made elsewhere.
"""

from collections.abc import Callable

import torch
from torch import nn

from course_lib.errors import CourseError
from course_lib.prediction import Comparison


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


# name -> (hint, check). A check gives None when the answer is right, else what is wrong.
_EXERCISES: dict[str, tuple[str, Callable]] = {
    "02-freeze": (
        "`net.requires_grad_(False)` reaches every parameter; then switch the head back on. "
        "`requires_grad` says nothing about buffers: which mode must the batch-norm layers be in, "
        "and which call sets it?",
        _frozen_right,
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
