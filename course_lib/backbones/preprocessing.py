"""Preprocessing: what makes of pictures what a net was trained to see, also as plain data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib import checks
from course_lib.errors import CourseError

LARGEST = 4096  # pixels of a side


@dataclass(frozen=True)
class Normalise:
    """Pictures (n, 3, h, w) -> float (n, 3, size, size), (value - mean) / std per channel."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, pictures: Tensor) -> Tensor:
        x = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
        if x.shape[-2:] != (self.size, self.size):
            x = torch.nn.functional.interpolate(
                x, (self.size, self.size), mode="bilinear", antialias=True
            )
        mean, std = (x.new_tensor(v).view(3, 1, 1) for v in (self.mean, self.std))
        return (x - mean) / std


def given_normalisation(size, mean, std) -> Normalise:
    """Preprocessing from what a caller gave, or a CourseError that says what is allowed."""
    size = checks.whole_number(size, "size", 1, LARGEST)
    return Normalise(size, *_mean_and_std(mean, std))


def _mean_and_std(mean, std) -> list[tuple[float, float, float]]:
    triples = []
    for label, values, limits in (("mean", mean, {}), ("std", std, {"above": 0})):
        try:
            triple = checks.numbers_of(values, label, **limits)
        except CourseError:
            triple = ()
        if len(triple) != 3:
            raise CourseError(
                f"{label} must be three numbers, one for each colour"
                f"{', above 0' if limits else ''}; got {values!r}. Give size, mean and std "
                "together."
            )
        triples.append(triple)
    return triples


def describe(transform) -> dict:
    """A transform as plain data that JSON can hold. Raises CourseError for one it does not know."""
    from torchvision.transforms._presets import ImageClassification

    if isinstance(transform, Normalise):
        return {"kind": "normalise", **vars(transform)}
    if isinstance(transform, ImageClassification):
        return {
            "kind": "torchvision",
            "resize_size": transform.resize_size[0],
            "crop_size": transform.crop_size[0],
            "mean": list(transform.mean),
            "std": list(transform.std),
            "interpolation": transform.interpolation.value,
            "antialias": transform.antialias,
        }
    raise CourseError(
        f"The preprocessing {type(transform).__name__} cannot be saved. Use the one that "
        "load_backbone gives, or size=, mean= and std=."
    )


def restore(described: dict):
    """The transform that `describe` described: uint8 or float pictures -> what the net takes."""
    settings = dict(described)
    kind = settings.pop("kind", None)
    try:
        if kind == "normalise":
            return given_normalisation(settings["size"], settings["mean"], settings["std"])
        if kind == "torchvision":
            from torchvision.transforms import InterpolationMode
            from torchvision.transforms._presets import ImageClassification

            for side in ("resize_size", "crop_size"):
                settings[side] = checks.whole_number(settings[side], side, 1, LARGEST)
            settings["mean"], settings["std"] = _mean_and_std(settings["mean"], settings["std"])
            if settings["antialias"] is not None:
                settings["antialias"] = checks.true_or_false(settings["antialias"], "antialias")
            settings["interpolation"] = InterpolationMode(settings["interpolation"])
            return ImageClassification(**settings)
    except CourseError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CourseError(f"The preprocessing {described!r} is incomplete: {error!r}.") from error
    raise CourseError(
        f"Unknown preprocessing {kind!r}; this version knows 'normalise' and 'torchvision'."
    )
