"""A person's own pictures as a task: one sub-folder per class.

Every file is opened once. What cannot be used is left out and named in `Task.notes`; the rest is
used.
"""

import hashlib
import warnings
from pathlib import Path

import torch
from torch import Tensor

from course_lib import checks
from course_lib.data.reading import SMALLEST, Unusable, files_below, read_picture
from course_lib.data.split import Draw, Split, check_draw, distinct, stratified
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
    train, seed = check_draw(train, seed)
    root = checks.path(path, "folder:PATH")
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise CourseError(
            f"folder:{path}: {root} {what}. Give a folder with one sub-folder of pictures per "
            "class."
        )
    size = checks.whole_number(size, "size", SMALLEST, 1024)
    try:
        folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise CourseError(
            f"folder:{path}: {root} cannot be opened ({error.strerror or error}). Give yourself "
            "the right to read it."
        ) from error
    if len(folders) < 2:
        found = f"only {folders[0].name}" if folders else "none"
        raise CourseError(
            f"folder:{path}: at least two sub-folders are needed, one per class; there is "
            f"{found} in "
            f"{root}."
        )
    classes = distinct([folder.name for folder in folders], f"folder:{path}")
    pictures, labels, problems = [], [], []
    seen: dict[str, tuple[Path, int]] = {}
    for label, folder in enumerate(folders):
        files, closed = files_below(folder)
        problems += [f"{inner.relative_to(root)}: {reason}" for inner, reason in closed]
        for file in files:
            shown = file.relative_to(root)
            try:
                picture = read_picture(file, size)
            except Unusable as reason:
                problems.append(f"{shown}: {reason}")
                continue
            digest = hashlib.sha256(picture.numpy()).hexdigest()
            if digest in seen:
                first, other = seen[digest]
                under = "" if other == label else ", under another class"
                problems.append(f"{shown}: the same picture as {first}{under}")
                continue
            seen[digest] = (shown, label)
            pictures.append(picture)
            labels.append(label)
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
