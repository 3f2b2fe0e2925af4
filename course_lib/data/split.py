"""Pictures with their labels, and how many of each class are taken."""

from typing import NamedTuple

import torch
from torch import Tensor

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


def check_draw(train: int | None, seed: int) -> None:
    """Raise CourseError unless so many labels can be drawn with this seed; None: the usual."""
    if not isinstance(seed, int) or not 0 <= seed < SEEDS:
        raise CourseError(f"seed must be a whole number from 0 to {SEEDS - 1}; got {seed!r}.")
    if train is not None and (not isinstance(train, int) or train < 1):
        raise CourseError(f"train must be a number of labels, 1 or more; got {train!r}.")


def check_split(split: Split, classes: int, what: str) -> None:
    """Raise CourseError unless pictures and labels fit each other and the number of classes."""
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
