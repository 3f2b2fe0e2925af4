"""A target task: pictures with labels to train on, to choose by and to report."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib import checks
from course_lib.data import copies
from course_lib.data.datasets import read_datasets
from course_lib.data.folders import read_folder
from course_lib.data.split import Split, check_split, distinct, stratified
from course_lib.measure.metrics import METRICS


@dataclass(frozen=True, eq=False)
class Task:
    """A target task. Its tensors are shared between calls: don't write into them.

    metric: "accuracy" or "auc".
    similarity: "similar" or "different", how the pictures compare with the image world's day
    pictures.
    provenance: where the pictures come from.
    notes: what was left out or changed on loading, for the person to read. Training pictures that
        are measured on too, and pictures under two labels, are counted there with a warning.

    Raises CourseError for an unknown metric, classes that are not told apart by name, and pictures
    and labels that do not fit each other.
    """

    name: str
    title: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    metric: str
    similarity: str
    provenance: str
    notes: tuple[str, ...] = ()

    @classmethod
    def from_folder(
        cls, path: str, train: int | None = None, seed: int = 0, size: int = 160
    ) -> "Task":
        """Your own pictures, one sub-folder per class; a fifth of each is for validation, a fifth
        for test.

        train, seed, size: as for load_task. Files that cannot be used are left out and named in
        `notes`. Raises CourseError for a folder that makes no task.
        """
        draw = read_folder(path, train, seed, size)
        return cls(
            name=f"folder:{path}",
            title=f"Your pictures: {', '.join(draw.classes)}",
            metric="accuracy",
            similarity="different",
            provenance=str(Path(path).expanduser()),
            **draw._asdict(),
        )

    @classmethod
    def from_datasets(
        cls,
        train,
        validation=None,
        test=None,
        *,
        classes: Sequence[str] | None = None,
        size: int | None = None,
        name: str = "own data",
        metric: str = "accuracy",
    ) -> "Task":
        """PyTorch data sets as a task: ImageFolder, TensorDataset, any map-style Dataset.

        train, validation, test: items (picture, label); the picture a PIL image, a uint8 array
            (h, w, 3) or tensor (3, h, w), or a float tensor 0..1, grey ones too; the label a whole
            number from 0. Each picture is read once, so a random transform is drawn once. A data
            set that is missing is a fifth of every class of train.
        classes: their names; default: what the data sets say (ImageFolder), else numbers.
        size: side to which pictures are scaled and cut around the centre; default: as they are,
            all alike.

        Training pictures that are measured on too are left out and counted in `notes`. Raises
        CourseError for other items, classes that differ, and more than 4 GB of pictures.
        """
        draw = read_datasets(train, validation, test, classes=classes, size=size, name=name)
        names = draw.classes
        return cls(
            name=name,
            title=f"{name}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}",
            metric=metric,
            similarity="different",
            provenance=type(train).__name__,
            **draw._asdict(),
        )

    def first(self, n: int) -> "Task":
        """The same task with n training pictures, or all when there are fewer.

        Classes are as equal in number as can be; a smaller n is part of a larger one.
        """
        n = checks.whole_number(n, "n", least=1)
        rows = stratified(self.train.labels, min(n, len(self.train.labels)), len(self.classes))
        return replace(self, train=Split(*(part[rows] for part in self.train)))

    def __repr__(self) -> str:
        sizes = (len(s.labels) for s in (self.train, self.validation, self.test))
        return "<Task {}: {} classes; {} train, {} validation, {} test; {}>".format(
            self.name, len(self.classes), *sizes, self.metric
        )

    def __post_init__(self):
        checks.one_of(self.metric, "metric", METRICS)
        object.__setattr__(self, "classes", distinct(self.classes, self.name))
        for name in ("train", "validation", "test"):
            check_split(getattr(self, name), len(self.classes), f"{self.name}, {name}")
        found = [note for note in _doubtful(self) if note not in self.notes]
        if found:
            object.__setattr__(self, "notes", (*self.notes, *found))
            warnings.warn(f"{self.name}: {'; '.join(found)}", stacklevel=3)


def _doubtful(task: Task) -> Iterator[str]:
    """What makes scores of a task doubtful, in words."""
    train = task.train
    for name in ("validation", "test"):
        known = int(copies.among(train.pictures, getattr(task, name).pictures).sum())
        if known:
            yield f"{known} of {len(train.labels)} training pictures are {name} pictures too"
    double = copies.under_two_labels(*train)
    if double:
        yield f"{double} training pictures are there under two labels"


def quickly_validated(task: Task, pictures: int = 200) -> Task:
    """The task with the first of its validation pictures only.

    They draw a curve with a point per epoch: enough to see, few enough not to wait for.
    """
    few = Split(*(part[:pictures] for part in task.validation))
    return replace(task, validation=few)
