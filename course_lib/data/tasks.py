"""Tasks by name.

Validation and test pictures of a task are always the same ones. Training pictures depend on the
seed, are never among them, and are nested: the first 50 labels of a seed are part of its first
100.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from course_lib import checks
from course_lib.data.recipes import LARGEST_TRAIN, RECIPES, kept
from course_lib.data.split import check_draw
from course_lib.data.task import Task
from course_lib.errors import CourseError

Result = TypeVar("Result")
KEPT = 16  # tasks that stay in memory


@dataclass(frozen=True)
class TaskInfo:
    """What `available_tasks` tells of a task.

    most: largest number of training labels, None: any. download: bytes to fetch once, 0 for none.
    """

    name: str
    title: str
    metric: str
    similarity: str
    classes: int | None
    train: int
    most: int | None
    validation: int | None
    test: int | None
    provenance: str
    download: int = 0


def load_task(name: str, train: int | None = None, seed: int = 0, size: int = 64) -> Task:
    """A task by name.

    name: one of `available_tasks()`, or "folder:PATH" for your own pictures, one sub-folder per
    class.
    train: labelled training pictures in all, as equal in number per class as they can be. Default:
        the task's usual number (100 for most; everything for a folder).
    seed: which training pictures; 0 to 999,999. Validation and test pictures do not depend on it.
    size: side in pixels of the pictures of a folder; the image world's are 64, photographs 160.

    Photographs and other public sets are downloaded once; see course_lib.data.downloads.

    Raises CourseError for an unknown name, too many or too few labels, unusable folders and files
    that cannot be downloaded.
    """
    train, seed = check_draw(train, seed, LARGEST_TRAIN)
    if isinstance(name, str) and name.startswith("folder:"):
        return Task.from_folder(name.removeprefix("folder:"), train, seed, size)
    checks.one_of(name, "task", RECIPES, also="folder:PATH")
    if size != 64:
        raise CourseError(f"size={size} goes with folder:PATH only; {name!r} comes in one size.")
    return drain(_built_in(name, train or RECIPES[name].train, seed))


def task_in_pieces(name: str, train: int, seed: int = 0) -> Generator[None, None, Task]:
    """The built-in task that load_task gives, made piece by piece: yields after every few pictures.

    `task = yield from task_in_pieces(...)` lets a widget stay responsive meanwhile. Raises
    CourseError as load_task does.
    """
    if not isinstance(name, str) or name not in RECIPES:
        return load_task(name, train, seed)
    return (yield from _built_in(name, train, seed))


def drain(pieces: Generator[object, None, Result]) -> Result:
    """Run a generator to its end; gives what it returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def available_tasks() -> list[TaskInfo]:
    """Every task that load_task knows, without making a picture. The last is folder:PATH."""
    infos = [
        TaskInfo(
            name,
            r.title,
            r.metric,
            r.similarity,
            len(r.classes()),
            r.train,
            r.most,
            *r.sizes,
            r.provenance,
            r.download,
        )
        for name, r in RECIPES.items()
    ]
    own = TaskInfo(
        "folder:PATH",
        "Your own pictures, one sub-folder per class",
        "accuracy",
        "different",
        None,
        0,
        None,
        None,
        None,
        "a folder on this machine",
    )
    return [*infos, own]


@kept(KEPT)
def _built_in(name: str, train: int, seed: int) -> Generator[None, None, Task]:
    recipe = RECIPES[name]
    classes = len(recipe.classes())
    if train < classes:
        raise CourseError(
            f"{name} has {classes} classes, so train must be {classes} or more; got {train}."
        )
    if recipe.most is not None and train > recipe.most:
        raise CourseError(f"{name} has {recipe.most} training pictures; got train={train}.")
    draw = yield from recipe.draw(train, seed)
    return Task(
        name,
        recipe.title,
        draw.train,
        draw.validation,
        draw.test,
        draw.classes,
        recipe.metric,
        recipe.similarity,
        recipe.provenance,
    )
