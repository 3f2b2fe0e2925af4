"""Pictures with their labels, and how many of each class are taken."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib import checks
from course_lib.errors import CourseError

SEEDS = 1_000_000  # of training draws


class Split(NamedTuple):
    """pictures: uint8 (n, 3, height, width). labels: int64 (n,), indices of the task's classes."""

    pictures: Tensor
    labels: Tensor


class Draw(NamedTuple):
    """The pictures of a task, read or made, before they have a name.

    notes: what was left out on reading, for the person to see.
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_draw(train, seed, most: int | None = None) -> tuple[int | None, int]:
    """(train, seed) as Python's own numbers; train: labels to draw, None for the usual number.

    Raises CourseError unless that many, at most `most`, can be drawn with this seed.
    """
    if train is not None:
        train = checks.whole_number(train, "train", 1, most)
    return train, checks.whole_number(seed, "seed", 0, SEEDS - 1)


def distinct(classes: Sequence[str], what: str) -> tuple[str, ...]:
    """The names of classes; those that read alike are refused.

    One letter can be written in several ways in Unicode, and file systems differ in which they
    keep.
    """
    names = checks.names(classes, f"{what}: classes")
    seen: dict[str, str] = {}
    for name in names:
        same = seen.setdefault(unicodedata.normalize("NFC", name), name)
        if same is not name:
            raise CourseError(
                f"{what}: the classes {ascii(same)} and {ascii(name)} read alike: they differ only "
                "in how Unicode writes a letter. Put them together, or rename one."
            )
    return names


def check_split(split: Split, classes: int, what: str) -> None:
    """Raise CourseError unless pictures and labels fit each other and the number of classes."""
    if not isinstance(split, tuple) or not all(isinstance(part, Tensor) for part in split):
        raise CourseError(f"{what}: give Split(pictures, labels), two tensors; got {split!r:.100}.")
    pictures, labels = split
    if pictures.ndim != 4 or pictures.shape[1] != 3 or pictures.dtype != torch.uint8:
        raise CourseError(
            f"{what}: pictures must be uint8 (n, 3, height, width); got {pictures.dtype} "
            f"{tuple(pictures.shape)}."
        )
    if labels.shape != (len(pictures),) or labels.dtype != torch.int64:
        raise CourseError(
            f"{what}: labels must be int64, one for each of the {len(pictures)} pictures; got "
            f"{labels.dtype} {tuple(labels.shape)}."
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise CourseError(
            f"{what}: labels must lie between 0 and {classes - 1}; got {int(labels.min())} to "
            f"{int(labels.max())}."
        )


def stratified(labels: Tensor, n: int, classes: int) -> Tensor | None:
    """Rows of n labels, classes as equal in number as can be, each class in the order it comes.

    Nested: the rows for a smaller n are among those for a larger one. A class that has too few
    gives all it has, and the others make up for it. None when there are not n labels at all.
    """
    if len(labels) < n:
        return None
    # The i-th picture of every class comes before the (i + 1)-th of any; ties go to the lower
    # class.
    turn = torch.empty_like(labels)
    for label in range(classes):
        rows = torch.nonzero(labels == label)[:, 0]
        turn[rows] = torch.arange(len(rows))
    order = torch.argsort(turn * classes + labels)
    return order[:n].sort().values
