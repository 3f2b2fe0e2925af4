"""PyTorch data sets as a task: ImageFolder, TensorDataset, anything with a length and items."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from course_lib import checks
from course_lib.data import copies
from course_lib.data.split import Draw, Split
from course_lib.errors import CourseError

LARGEST = 4 << 30  # bytes of pictures that a task may keep
SHARE = 0.2  # of each class that is held out where no data set is given
LEAST = 5  # pictures of a class from which some are held out
RULE = (
    "An item is (picture, label): the picture a PIL image, a uint8 array or tensor, or a float "
    "tensor from 0 to 1, grey or RGB; the label a whole number from 0."
)


def read_datasets(
    train: Dataset,
    validation: Dataset | None = None,
    test: Dataset | None = None,
    *,
    classes: Sequence[str] | None = None,
    size: int | None = None,
    name: str = "own data",
) -> Draw:
    """See Task.from_datasets."""
    if size is not None:
        size = checks.whole_number(size, "size", 8, 4096)
    given = {"train": train, "validation": validation, "test": test}
    given = {split: data for split, data in given.items() if data is not None}
    names = _class_names(given, classes)
    parts = {split: _read(split, data, size) for split, data in given.items()}
    _check_sides(parts)
    if names is None:
        most = max(int(part.labels.max()) for part in parts.values())
        names = tuple(f"class {i}" for i in range(most + 1))
    for split in ("test", "validation"):
        if split not in parts:
            parts["train"], parts[split] = _held_out(parts["train"], names, split)
    notes = _without_copies(parts)
    if notes:
        warnings.warn(f"{name}: {'; '.join(notes)}", stacklevel=3)
    return Draw(parts["train"], parts["validation"], parts["test"], names, notes)


def _class_names(given: dict[str, Dataset], classes) -> tuple[str, ...] | None:
    """What was asked for, or what the data sets say, which must agree."""
    if classes is not None:
        several = hasattr(classes, "__iter__") and not isinstance(classes, str)
        return checks.names([str(name) for name in classes] if several else classes, "classes")
    said = {split: names for split, data in given.items() if (names := _said(data))}
    if len(set(said.values())) > 1:
        lists = "; ".join(f"{split}: {', '.join(names)}" for split, names in said.items())
        raise CourseError(
            f"The data sets name other classes, so that a label means another thing in each: "
            f"{lists}. Give all the same folders, or classes=[...] when only the names differ."
        )
    return next(iter(said.values()), None)


def _said(data) -> tuple[str, ...] | None:
    while hasattr(data, "dataset") and not hasattr(data, "classes"):  # Subset and its like
        data = data.dataset
    names = getattr(data, "classes", None)
    return tuple(str(n) for n in names) if isinstance(names, (list, tuple)) else None


def _read(split: str, data: Dataset, size: int | None) -> Split:
    if isinstance(data, IterableDataset) or not all(
        hasattr(data, method) for method in ("__len__", "__getitem__")
    ):
        raise CourseError(
            f"{split} must be a map-style data set, with a length and items; got "
            f"{type(data).__name__}. list(...) makes one of a stream; pass the data set, not a "
            "DataLoader."
        )
    if not len(data):
        raise CourseError(f"{split} has no pictures.")
    pictures, labels = [], []
    for row in range(len(data)):
        try:
            picture, label = data[row][:2]
        except Exception as error:  # whatever a data set of someone else raises
            raise CourseError(f"{split}[{row}] cannot be read: {error!r}. {RULE}") from error
        pictures.append(_picture(picture, size, f"{split}[{row}]"))
        labels.append(_label(label, f"{split}[{row}]"))
        if pictures[0].nbytes * len(data) > LARGEST:
            raise CourseError(
                f"{split} would take {pictures[0].nbytes * len(data) / 2**30:.0f} GB in memory; "
                f"{LARGEST / 2**30:.0f} GB are allowed. Give a smaller size=..., or a part: "
                "torch.utils.data.Subset(data, range(5000))."
            )
        if pictures[0].shape != pictures[-1].shape:
            raise CourseError(
                f"{split}[{row}] is {_sides(pictures[-1])} pixels and {split}[0] "
                f"{_sides(pictures[0])}: give size=..., the side to which all are scaled and cut."
            )
    return Split(torch.stack(pictures), torch.tensor(labels))


def _picture(picture, size: int | None, what: str) -> Tensor:
    """uint8 (3, height, width), scaled and cut to a square around the centre when asked for."""
    if isinstance(picture, Image.Image):
        image = picture.convert("RGB")
    else:
        image = Image.fromarray(_array(picture, what))
    if size is not None:
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _array(picture, what: str) -> np.ndarray:
    """uint8 (height, width, 3) of an array or tensor, channels first or last."""
    try:
        values = np.asarray(picture)
    except Exception as error:
        raise CourseError(f"{what} holds a {type(picture).__name__}. {RULE}") from error
    if isinstance(picture, Tensor) and values.ndim == 3:
        values = values.transpose(1, 2, 0)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in (1, 3):
        raise CourseError(f"{what} has the shape {np.shape(picture)}. {RULE}")
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all():
            raise CourseError(f"{what} holds NaN or infinite values.")
        if values.min() < -1e-3 or values.max() > 1 + 1e-3:
            raise CourseError(
                f"{what} holds values from {values.min():.3g} to {values.max():.3g}; 0 to 1 are "
                "allowed. Take Normalize out of the transform: the backbone normalises."
            )
        values = (values * 255).round().clip(0, 255).astype(np.uint8)
    if values.dtype != np.uint8:
        raise CourseError(f"{what} has values of the type {values.dtype}. {RULE}")
    return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)))


def _label(label, what: str) -> int:
    values = np.asarray(label)
    if values.size != 1 or not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
        raise CourseError(f"{what} has the label {label!r}. {RULE}")
    return int(values.reshape(()))


def _check_sides(parts: dict[str, Split]) -> None:
    shapes = {_sides(part.pictures) for part in parts.values()}
    if len(shapes) > 1:
        raise CourseError(f"The data sets have pictures of {' and '.join(shapes)}: give size=...")


def _sides(pictures: Tensor) -> str:
    return f"{pictures.shape[-1]}x{pictures.shape[-2]}"


def _held_out(part: Split, classes: tuple[str, ...], split: str) -> tuple[Split, Split]:
    """What is left, and a fifth of every class, the same pictures each time."""
    generator = torch.Generator().manual_seed(0 if split == "test" else 1)
    taken = torch.zeros(len(part.labels), dtype=torch.bool)
    for label, name in enumerate(classes):
        rows = torch.nonzero(part.labels == label)[:, 0]
        if len(rows) < LEAST:
            raise CourseError(
                f"Class {name} has {len(rows)} training pictures; {LEAST} are needed to hold some "
                f"out for {split}. Give more, or a data set {split}=..."
            )
        rows = rows[torch.randperm(len(rows), generator=generator)]
        taken[rows[: max(1, int(len(rows) * SHARE))]] = True
    return Split(*(t[~taken] for t in part)), Split(*(t[taken] for t in part))


def _without_copies(parts: dict[str, Split]) -> tuple[str, ...]:
    """Take training pictures out that are measured on; gives what is to be said of it."""
    pictures = parts["train"].pictures
    measured = [parts[split].pictures for split in ("validation", "test")]
    known = copies.among(pictures, measured[0]) | copies.among(pictures, measured[1])
    count = int(known.sum())
    if 2 * count > len(known):
        raise CourseError(
            f"{count} of {len(known)} training pictures are also validation or test pictures: a "
            "score would tell what was learnt by heart. Give data sets that share no picture."
        )
    if not count:
        return ()
    parts["train"] = Split(*(t[~known] for t in parts["train"]))
    return (f"{count} training pictures left out that are also validation or test pictures",)
