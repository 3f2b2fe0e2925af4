"""Answers for a folder of pictures, file by file; a file that cannot be read costs only itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_lib import checks
from course_lib.backbones.inference import chunk_size, evaluating
from course_lib.data.reading import Unusable, files_below, read_picture
from course_lib.errors import CourseError
from course_lib.serving.drift import Drift, compare
from course_lib.serving.saving import SavedModel


@dataclass(frozen=True)
class Answer:
    """What a model says of one file.

    file: its path below the folder; one that ends in / is a folder that cannot be opened.
    answer: a class, "" when the file is not usable. probabilities: one per class, 0..1, () when
    not usable. problem: why it is not usable, or "".
    """

    file: str
    answer: str
    probabilities: tuple[float, ...]
    problem: str


def predict_folder(saved: SavedModel, folder: str | Path) -> tuple[list[Answer], Drift]:
    """An answer for every file below `folder`, in order, and whether the pictures have drifted.

    Pictures are read as `load_task("folder:...")` reads them. Hidden files are passed over.
    Raises CourseError when there is no such folder or no file in it.
    """
    root = checks.path(folder, "folder")
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise CourseError(f"{root} {what}. Give a folder of pictures.")
    files, closed = files_below(root)
    if not files and not closed:
        raise CourseError(f"There is no file in {root}. Give a folder of pictures.")
    answers = [Answer(_shown(p.relative_to(root)) + "/", "", (), reason) for p, reason in closed]
    features = [torch.empty(0, saved.model.feature_dim)]
    step = chunk_size(saved.model)
    for first in range(0, len(files), step):
        found, seen = _answers(saved, root, files[first : first + step])
        answers += found
        features.append(seen)
    return answers, compare(saved.reference, torch.cat(features))


def _answers(saved: SavedModel, root: Path, files: list[Path]) -> tuple[list[Answer], Tensor]:
    read = [(_shown(file.relative_to(root)), *_read(file, saved.picture_size)) for file in files]
    pictures = [picture for _, picture, _ in read if picture is not None]
    if not pictures:
        return [Answer(name, "", (), problem) for name, _, problem in read], torch.empty(
            0, saved.model.feature_dim
        )
    model = saved.model
    with torch.inference_mode(), evaluating(model):
        features = model.features(model.prepare(torch.stack(pictures)))
        chances = iter(model.head(features).softmax(1).tolist())
    return list(_named(saved, read, chances)), features.clone()


def _named(saved: SavedModel, read: list[tuple], chances: Iterator) -> Iterator[Answer]:
    for name, picture, problem in read:
        if picture is None:
            yield Answer(name, "", (), problem)
            continue
        row = next(chances)
        yield Answer(name, saved.classes[decide(row, saved.threshold)], tuple(row), "")


def decide(probabilities: list[float], threshold: float | None) -> int:
    """Index of the answer: the likeliest class, or for two classes by the threshold."""
    if threshold is None:
        return max(range(len(probabilities)), key=probabilities.__getitem__)
    return int(probabilities[1] >= threshold)


def _read(file: Path, size: int) -> tuple[Tensor | None, str]:
    try:
        return read_picture(file, size), ""
    except Unusable as reason:
        return None, str(reason)


def _shown(path: Path) -> str:
    """The path as text that any file can hold, whatever bytes its name is made of."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()
