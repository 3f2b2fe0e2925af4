"""Preprocessing as data: what a saved model must know to see pictures as it did in training."""

from course_lib.backbones.loading import Normalise
from course_lib.errors import CourseError


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
        "load_backbone gives, or course_lib.backbones.loading.Normalise."
    )


def restore(described: dict):
    """The transform that `describe` described: uint8 or float pictures -> what the net takes."""
    settings = dict(described)
    kind = settings.pop("kind", None)
    try:
        if kind == "normalise":
            return Normalise(settings["size"], tuple(settings["mean"]), tuple(settings["std"]))
        if kind == "torchvision":
            from torchvision.transforms import InterpolationMode
            from torchvision.transforms._presets import ImageClassification

            settings["interpolation"] = InterpolationMode(settings["interpolation"])
            return ImageClassification(**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CourseError(f"The preprocessing {described!r} is incomplete: {error!r}.") from error
    raise CourseError(
        f"Unknown preprocessing {kind!r}; this version knows 'normalise' and 'torchvision'."
    )
