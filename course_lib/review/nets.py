"""Is a picture prepared as the weights expect, and did what should rest rest?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_lib.backbones.preprocessing import Normalise, given_normalisation
from course_lib.errors import CourseError
from course_lib.review.finding import Finding

OFF = 0.02  # of the whole range of values, by which mean and std may differ
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
SHOWN = 3  # tensors that a sentence names


@dataclass(frozen=True)
class Prepared:
    """What a transform makes of pictures of one colour.

    size: (height, width) of what comes out. mean, std: of each channel, on the scale 0..1, as they
    follow from black and white; std is 1 / (white - black). order: which channel red, green and
    blue end in.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: tuple[int, ...]


def prepared(transform, size: tuple[int, int] = (300, 300)) -> Prepared:
    """Find out what a transform does by giving it black, white, red, green and blue pictures.

    transform: takes a PIL image, or a uint8 tensor (3, h, w), or a batch of them; without random
    parts, such as torchvision's `weights.transforms()`; or a mapping with size, mean and std. size:
    (width, height) of the pictures given to it. Raises CourseError where it fails.
    """
    if isinstance(transform, Mapping):
        lacking = {"size", "mean", "std"} - set(transform)
        if lacking:
            raise CourseError(f"Preprocessing needs size, mean and std; lacks {sorted(lacking)}.")
        transform = given_normalisation(*(transform[name] for name in ("size", "mean", "std")))
    if not callable(transform):
        raise CourseError(
            "Preprocessing is a transform, or {'size': ..., 'mean': ..., 'std': ...}; got "
            f"{type(transform).__name__}."
        )
    colours = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255))
    out = [_applied(transform, Image.new("RGB", size, colour)) for colour in colours]
    black, white = out[0].mean((1, 2)), out[1].mean((1, 2))
    span = np.where(white == black, np.nan, white - black)
    lifts = np.stack([(found.mean((1, 2)) - black) / span for found in out[2:]])
    order = tuple(int(np.argmax(row)) if np.isfinite(row).all() else -1 for row in lifts)
    height, width = out[0].shape[1:]
    return Prepared((height, width), _plain(-black / span), _plain(1 / span), order)


def _applied(transform, image: Image.Image) -> np.ndarray:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    ways = (pixels[None],) if isinstance(transform, Normalise) else (image, pixels, pixels[None])
    problem: Exception | None = None
    for given in ways:
        try:
            found = transform(given)
        except Exception as error:  # the next way in may suit it
            problem = problem or error
            continue
        if isinstance(found, (Tensor, np.ndarray)):
            values = np.asarray(found, float)
            values = values[0] if values.ndim == 4 and len(values) == 1 else values
            if values.ndim == 3:
                return values
        problem = problem or TypeError(f"it gives {type(found).__name__}, not a tensor (c, h, w)")
    raise CourseError(f"The transform cannot be tried on a picture: {problem!r}.")


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def preprocessing(used, expected) -> tuple[Finding, ...]:
    """Where the preprocessing that is used differs from what belongs to the weights.

    used, expected: as `prepared` takes them; expected is `weights.transforms()`, timm's, or size,
    mean and std.
    """
    mine, theirs = prepared(used), prepared(expected)
    found = []

    def note(what: str, why: str) -> None:
        found.append(Finding("preprocessing", what, why, "06"))

    if len(mine.mean) != len(theirs.mean):
        note(
            f"Pictures come out with {len(mine.mean)} channels, the weights expect "
            f"{len(theirs.mean)}.",
            "Repeat a grey channel three times, or sum the filters of the first layer.",
        )
        return tuple(found)
    if mine.size != theirs.size:
        note(
            f"Pictures come out {_sides(mine)}, the weights were trained on {_sides(theirs)}.",
            "Things then have another size than the filters learnt.",
        )
    if mine.order != theirs.order and -1 not in theirs.order:
        if -1 in mine.order:
            what = "A channel does not tell black from white."
        elif len(set(mine.order)) < len(mine.order):
            what = "The channels do not hold red, green and blue apart."
        else:
            what = f"Red, green and blue stand in channels {mine.order}, not {theirs.order}."
        note(what, "All shapes fit and no error is raised; the colours mean something else.")
        return tuple(found)
    if _apart(mine, theirs):
        wrong = f"Black to white becomes {_range(mine)}; the weights expect {_range(theirs)}."
        why = "Each value is off by the same amount in every picture: nothing fails, all is worse."
        if min(mine.std) < min(theirs.std) / 50:
            why = "It looks as if pixels were not divided by 255."
        elif max(abs(m) for m in mine.mean) < OFF and _near(mine.std, [1.0] * len(mine.std)):
            why = "It looks as if Normalize were missing."
        note(wrong, why)
    return tuple(found)


def _apart(mine: Prepared, theirs: Prepared) -> bool:
    """Whether black or white of a channel lands elsewhere, by more than OFF of the range."""
    for m, s, wanted_m, wanted_s in zip(mine.mean, mine.std, theirs.mean, theirs.std, strict=True):
        if not all(map(np.isfinite, (m, s))):
            return True
        for pixel in (0.0, 1.0):
            # in units of the expected range, black to white being 1
            gap = ((pixel - m) / s - (pixel - wanted_m) / wanted_s) * wanted_s
            if abs(gap) > OFF:
                return True
    return False


def _near(values, others) -> bool:
    return bool(np.allclose(values, others, atol=OFF))


def _range(found: Prepared) -> str:
    """What black and white become in the first channel, in words."""
    mean, std = found.mean[0], found.std[0]
    return f"{-mean / std:.2f} to {(1 - mean) / std:.2f}"


def _sides(found: Prepared) -> str:
    return f"{found.size[0]} x {found.size[1]}"


def frozen(before, after, learns: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What changed in a net although it should not have.

    before, after: nn.Modules or their state dicts, of the same net. learns: beginnings of the names
    that may change, such as ("fc.", "layer4."): the new head is among them. A tensor that only one
    of them has must be named there. Raises CourseError when the two do not belong together.
    """
    old, new = _state(before, "before"), _state(after, "after")
    if isinstance(learns, str):
        learns = (learns,)
    starts = tuple(one if one.endswith(".") else f"{one}." for one in learns)
    rests = sorted(name for name in old.keys() | new.keys() if not name.startswith(starts))
    alone = [name for name in rests if (name in old) != (name in new)]
    shapes = [n for n in rests if n not in alone and old[n].shape != new[n].shape]
    if alone or shapes:
        raise CourseError(
            f"Before and after are not the same net: {', '.join((alone or shapes)[:SHOWN])} "
            f"{'is in one only' if alone else 'has another shape'}. Name what was replaced in "
            "learns, such as ('fc',)."
        )
    if not rests:
        raise CourseError("Nothing is left that should rest: learns covers every tensor.")
    moved = [name for name in rests if not torch.equal(old[name], new[name].to(old[name]))]
    statistics = [name for name in moved if name.rsplit(".", 1)[-1] in STATISTICS]
    weights = [name for name in moved if name not in statistics]
    found = []
    if weights:
        found.append(Finding(
            "frozen", f"{len(weights)} of {len(rests)} frozen tensors changed ({_few(weights)}).",
            "requires_grad_(False) came too late or not at all, or the optimizer holds them.",
            "02",
        ))  # fmt: skip
    if statistics:
        found.append(Finding(
            "frozen", f"Batch norm's statistics moved in {len({_layer(n) for n in statistics})} "
            f"frozen layers ({_few(statistics)}).",
            "net.train() lets them follow every batch, gradients or not: the features drift. Put "
            "batch norm into eval() after it.",
            "02",
        ))  # fmt: skip
    return tuple(found)


def _state(net, what: str) -> Mapping[str, Tensor]:
    state = net.state_dict() if isinstance(net, nn.Module) else net
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(value, Tensor) for value in state.values())
    ):
        raise CourseError(
            f"{what} must be a net or its state_dict(); got {type(net).__name__}. A copy taken "
            "before training is needed: copy.deepcopy(net.state_dict())."
        )
    return {str(name): value.detach().cpu() for name, value in state.items()}


def _layer(name: str) -> str:
    return name.rsplit(".", 1)[0]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
