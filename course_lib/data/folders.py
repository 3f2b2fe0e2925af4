"""A person's own pictures as a task: one sub-folder per class.

Every file is opened once. What cannot be used is left out and named in `Task.notes`; the rest is
used.
"""

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor

from course_lib.data.reading import SMALLEST, Unusable, read_picture
from course_lib.data.split import Draw, Split, check_draw, stratified
from course_lib.errors import CourseError

LEAST = 5  # pictures per class: 3 to train on, 1 to validate, 1 to test
SHARE = 0.2  # of each class to validate, and as many to test


def read_folder(path: str, train: int | None = None, seed: int = 0, size: int = 64) -> Draw:
    """The pictures below `path`, drawn for a task; the names of its sub-folders are the classes.

    Of each class one fifth is for validation and one fifth for test, always the same pictures;
    `train` labels are drawn from the rest (default: all of it). Pictures are turned as the camera
    noted, made RGB (transparent parts white) and scaled and cut to size x size pixels around the
    centre. Copies of the same file count once, so that none is in two splits.

    Raises CourseError when the folder, a class or the number of pictures makes a task impossible.
    """
    check_draw(train, seed)
    root = Path(path).expanduser()
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise CourseError(
            f"folder:{path}: {root} {what}. Give a folder with one sub-folder of pictures per "
            "class."
        )
    if not isinstance(size, int) or not SMALLEST <= size <= 1024:
        raise CourseError(f"size must be from {SMALLEST} to 1024 pixels; got {size!r}.")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        found = f"only {folders[0].name}" if folders else "none"
        raise CourseError(
            f"folder:{path}: at least two sub-folders are needed, one per class; there is "
            f"{found} in "
            f"{root}."
        )
    pictures, labels, problems = [], [], []
    seen: dict[str, Path] = {}
    for label, folder in enumerate(folders):
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            if file.name.startswith(".") or file.name == "Thumbs.db":
                continue
            shown = file.relative_to(root)
            try:
                picture = read_picture(file, size)
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
            except Unusable as reason:
                problems.append(f"{shown}: {reason}")
                continue
            if digest in seen:
                problems.append(f"{shown}: the same picture as {seen[digest]}")
                continue
            seen[digest] = shown
            pictures.append(picture)
            labels.append(label)
    classes = tuple(folder.name for folder in folders)
    _check_counts(path, classes, labels, problems)
    if problems:
        warnings.warn(
            f"folder:{path}: left out {len(problems)} files: {_some(problems)}", stacklevel=3
        )
    labels = torch.tensor(labels)
    parts = _split(torch.stack(pictures), labels, len(classes))
    pool = parts["train"]
    if train is not None:
        if not len(classes) <= train <= len(pool.labels):
            raise CourseError(
                f"folder:{path}: train must be from {len(classes)} (one per class) to "
                f"{len(pool.labels)} (all but validation and test); got {train}."
            )
        order = torch.randperm(len(pool.labels), generator=torch.Generator().manual_seed(seed))
        rows = order[stratified(pool.labels[order], train, len(classes))]
        pool = Split(pool.pictures[rows], pool.labels[rows])
    return Draw(pool, parts["validation"], parts["test"], classes, tuple(problems))


def _check_counts(path: str, classes, labels: list[int], problems: list[str]) -> None:
    counts = {name: labels.count(i) for i, name in enumerate(classes)}
    poor = [f"{name} has {count}" for name, count in counts.items() if count < LEAST]
    if poor:
        left_out = f" Left out: {_some(problems)}." if problems else ""
        raise CourseError(
            f"folder:{path}: every class needs {LEAST} usable pictures or more; {', '.join(poor)}."
            f"{left_out}"
        )


def _some(problems: list[str], shown: int = 5) -> str:
    more = f"; and {len(problems) - shown} more" if len(problems) > shown else ""
    return "; ".join(problems[:shown]) + more


def _split(pictures: Tensor, labels: Tensor, classes: int) -> dict[str, Split]:
    rows: dict[str, list[Tensor]] = {"train": [], "validation": [], "test": []}
    generator = torch.Generator().manual_seed(0)
    for label in range(classes):
        mine = torch.nonzero(labels == label)[:, 0]
        mine = mine[torch.randperm(len(mine), generator=generator)]
        k = max(1, int(len(mine) * SHARE))
        rows["validation"].append(mine[:k])
        rows["test"].append(mine[k : 2 * k])
        rows["train"].append(mine[2 * k :])
    together = {name: torch.cat(parts) for name, parts in rows.items()}
    return {name: Split(pictures[at], labels[at]) for name, at in together.items()}
