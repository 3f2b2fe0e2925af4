"""Target tasks: pictures and labels to train on, to choose by (validation) and to report (test).

Validation and test pictures of a task are always the same ones. Training pictures depend on the
seed, are never among them, and are nested: the first 50 labels of a seed are part of its first
100.
"""

import unicodedata
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib import checks, copies, photos
from course_lib.errors import CourseError
from course_lib.metrics import METRICS

# Seeds of the image world that no training draw can reach: those use TRAIN_SEED + seed, seed <
# SEEDS.
VALIDATION_SEED, TEST_SEED, TRAIN_SEED = 770_001, 770_002, 1_000_000
SEEDS = 1_000_000
VALIDATION_SIZE, TEST_SIZE = 400, 1_000
PIECE = 32  # pictures made at a time by task_in_pieces: about 30 ms
KEPT = 16  # tasks that stay in memory
LARGEST_TRAIN = 200_000  # pictures of a task of the image world, which has no end: 2.5 GB


class Split(NamedTuple):
    """pictures: uint8 (n, 3, height, width). labels: int64 (n,), indices of the task's classes."""

    pictures: Tensor
    labels: Tensor


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
        return load_task(f"folder:{path}", train, seed, size)

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
        from course_lib.datasets import task_from_datasets

        return task_from_datasets(
            train, validation, test, classes=classes, size=size, name=name, metric=metric
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


def distinct(classes: Sequence[str], what: str) -> tuple[str, ...]:
    """The names of classes; those that read alike are refused.

    One letter can be written in several ways in Unicode, and file systems differ in which they
    keep.
    """
    names, seen = checks.names(classes, f"{what}: classes"), {}
    for name in names:
        same = seen.setdefault(unicodedata.normalize("NFC", name), name)
        if same is not name:
            raise CourseError(
                f"{what}: the classes {ascii(same)} and {ascii(name)} read alike: they differ only "
                "in how Unicode writes a letter. Put them together, or rename one."
            )
    return names


def _doubtful(task: "Task") -> Iterator[str]:
    """What makes scores of a task doubtful, in words."""
    train = task.train
    for name in ("validation", "test"):
        known = int(copies.among(train.pictures, getattr(task, name).pictures).sum())
        if known:
            yield f"{known} of {len(train.labels)} training pictures are {name} pictures too"
    double = copies.under_two_labels(*train)
    if double:
        yield f"{double} training pictures are there under two labels"


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


def quickly_validated(task: Task, pictures: int = 200) -> Task:
    """The task with the first of its validation pictures only.

    They draw a curve with a point per epoch: enough to see, few enough not to wait for.
    """
    few = Split(*(part[:pictures] for part in task.validation))
    return replace(task, validation=few)


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


class Draw(NamedTuple):
    """The pictures of one task before they are put together: see `_TASKS`."""

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Recipe:
    """How a built-in task is made.

    draw(train, seed): a generator that yields after every piece and returns a Draw. train: its
    usual number of labels. download: bytes that come from the internet the first time.
    """

    title: str
    metric: str
    similarity: str
    provenance: str
    classes: Callable[[], tuple[str, ...]]
    draw: Callable[[int, int], Generator[None, None, Draw]]
    train: int = 100
    most: int | None = None
    sizes: tuple[int, int] = (VALIDATION_SIZE, TEST_SIZE)
    download: int = 0


def load_task(name: str, train: int | None = None, seed: int = 0, size: int = 64) -> Task:
    """A task by name.

    name: one of `available_tasks()`, or "folder:PATH" for your own pictures, one sub-folder per
    class.
    train: labelled training pictures in all, as equal in number per class as they can be. Default:
        the task's usual number (100 for most; everything for a folder).
    seed: which training pictures; 0 to 999,999. Validation and test pictures do not depend on it.
    size: side in pixels of the pictures of a folder; the image world's are 64, photographs 160.

    Photographs and other public sets are downloaded once; see course_lib.downloads.

    Raises CourseError for an unknown name, too many or too few labels, unusable folders and files
    that cannot be downloaded.
    """
    seed = checks.whole_number(seed, "seed", 0, SEEDS - 1)
    if train is not None:
        train = checks.whole_number(train, "train", 1, LARGEST_TRAIN)
    if isinstance(name, str) and name.startswith("folder:"):
        from course_lib.folders import load_folder

        return load_folder(name.removeprefix("folder:"), train, seed, size)
    checks.one_of(name, "task", _TASKS, also="folder:PATH")
    if size != 64:
        raise CourseError(f"size={size} goes with folder:PATH only; {name!r} comes in one size.")
    return drain(_built_in(name, train or _TASKS[name].train, seed))


def task_in_pieces(name: str, train: int, seed: int = 0) -> Generator[None, None, Task]:
    """The built-in task that load_task gives, made piece by piece: yields after every few pictures.

    `task = yield from task_in_pieces(...)` lets a widget stay responsive meanwhile. Raises
    CourseError as load_task does.
    """
    if not isinstance(name, str) or name not in _TASKS:
        return load_task(name, train, seed)
    return (yield from _built_in(name, train, seed))


def drain(pieces: Generator):
    """Run a generator to its end; gives what it returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def _kept(most: int):
    """Decorator of a generator function: what it returned for some arguments is not made again."""

    def keep(make):
        results = {}

        def made(*key):
            if key in results:
                results[key] = results.pop(key)  # the one used last is dropped last
            else:
                results[key] = yield from make(*key)
                while len(results) > most:
                    del results[next(iter(results))]
            return results[key]

        made.cache_clear = results.clear
        return made

    return keep


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
        for name, r in _TASKS.items()
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


@_kept(KEPT)
def _built_in(name: str, train: int, seed: int) -> Generator[None, None, Task]:
    recipe = _TASKS[name]
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


def _stratified_by_need(n: int, classes: int, draw: Callable[[int, int], Tensor]) -> Tensor:
    """Indices of the pictures to make out of an endless supply; draw(count.

    Start) gives their labels.
    """
    labels = draw(0, 0)
    while True:
        labels = torch.cat([labels, draw(max(64, n), len(labels))])
        counts = torch.bincount(labels, minlength=classes)
        if int(counts.min()) >= -(-n // classes):
            return stratified(labels, n, classes)


def _world_task(shapes: str, textures: str, target: str, domain: str = "day"):
    """Recipe parts of a task of the image world.

    What to draw, and whether shape, texture or both is the class.
    """

    def classes() -> tuple[str, ...]:
        from course_lib import world

        kinds, looks = getattr(world, shapes), getattr(world, textures)
        both = tuple(f"{look} {kind}" for kind in kinds for look in looks)
        return {"shape": kinds, "texture": looks, "both": both}[target]

    def label(scenes) -> Tensor:
        from course_lib import world

        kind = _places(scenes.shape, world.SHAPES, getattr(world, shapes))
        look = _places(scenes.texture, world.TEXTURES, getattr(world, textures))
        return {
            "shape": kind,
            "texture": look,
            "both": kind * len(getattr(world, textures)) + look,
        }[target]

    def sample(n: int, seed: int, start: int = 0):
        from course_lib import world

        kinds, looks = getattr(world, shapes), getattr(world, textures)
        return world.sample(n, seed, start, shapes=kinds, textures=looks, domain=domain)

    def make(n: int, seed: int) -> Generator[None, None, Split]:
        from course_lib import world

        rows = _stratified_by_need(n, len(classes()), lambda k, at: label(sample(k, seed, at)))
        scenes, parts = sample(int(rows.max()) + 1, seed)[rows], []
        for first in range(0, n, PIECE):
            parts.append(world.render(scenes[first : first + PIECE]))
            yield
        return Split(torch.cat(parts), label(scenes))

    fixed = _kept(2)(make)

    def draw(train: int, seed: int) -> Generator[None, None, Draw]:
        return Draw(
            (yield from make(train, TRAIN_SEED + seed)),
            (yield from fixed(VALIDATION_SIZE, VALIDATION_SEED)),
            (yield from fixed(TEST_SIZE, TEST_SEED)),
            classes(),
        )

    return {"classes": classes, "draw": draw}


def _places(values: Tensor, known: tuple[str, ...], chosen: tuple[str, ...]) -> Tensor:
    """Indices in `known` -> indices in `chosen`."""
    table = torch.full((len(known),), -1)
    for place, name in enumerate(chosen):
        table[known.index(name)] = place
    return table[values]


DIGITS, DIGITS_TRAIN = 10, 1_000


def _digits_task(variant: str):
    def draw(train: int, seed: int) -> Generator[None, None, Draw]:
        from course_lib.world import digits

        # The plain ones are always the same 1,000; composites never run out.
        n, need = (DIGITS_TRAIN, 0) if variant == "plain" else (PIECE, -(-train // DIGITS))
        pictures, labels = digits.pictures(variant, "train", n=n, seed=TRAIN_SEED + seed)
        while int(torch.bincount(labels, minlength=DIGITS).min()) < need:
            yield
            more = digits.pictures(variant, "train", n=n, seed=TRAIN_SEED + seed, start=len(labels))
            pictures, labels = torch.cat([pictures, more[0]]), torch.cat([labels, more[1]])
        order = torch.arange(len(labels))
        if variant == "plain":  # the seed decides their order
            order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        rows = order[stratified(labels[order], train, DIGITS)]
        yield
        return Draw(
            Split(pictures[rows], labels[rows]), fixed("validation"), fixed("test"), classes()
        )

    @lru_cache(maxsize=2)
    def fixed(split: str) -> Split:
        from course_lib.world import digits

        return Split(*digits.pictures(variant, split))

    def classes() -> tuple[str, ...]:
        return tuple("0123456789")

    most = DIGITS_TRAIN if variant == "plain" else None
    return {"classes": classes, "draw": draw, "most": most, "sizes": (300, 497)}


def _radiographs_task():
    def classes() -> tuple[str, ...]:
        return ("clear", "opacity")

    def make(n: int, seed: int) -> Generator[None, None, Split]:
        from course_lib.world import phantoms

        # Other seeds are other patients, so no patient is in two splits.
        parts, labels = [], torch.empty(0, dtype=torch.int64)
        while int(torch.bincount(labels, minlength=2).min()) < -(-n // 2):
            pool = phantoms.radiographs(PIECE, seed=seed, start=len(labels))
            parts.append(pool.pictures)
            labels = torch.cat([labels, pool.labels])
            yield
        rows = stratified(labels, n, 2)
        return Split(torch.cat(parts)[rows], labels[rows])

    fixed = _kept(2)(make)

    def draw(train: int, seed: int) -> Generator[None, None, Draw]:
        return Draw(
            (yield from make(train, TRAIN_SEED + seed)),
            (yield from fixed(VALIDATION_SIZE, VALIDATION_SEED)),
            (yield from fixed(TEST_SIZE, TEST_SEED)),
            classes(),
        )

    return {"classes": classes, "draw": draw}


def _photo_task(name: str) -> _Recipe:
    """A public set of course_lib.photos as a task."""
    one = photos.SETS[name]

    def draw(train: int, seed: int) -> Generator[None, None, Draw]:
        pools = photos.pools(name)
        order = torch.randperm(
            len(pools["train"].labels), generator=torch.Generator().manual_seed(seed)
        )
        rows = stratified(pools["train"].labels[order], train, len(one.classes))
        if rows is None:
            raise CourseError(f"{name} has {len(order)} training pictures; got train={train}.")
        yield
        fixed = {}
        for split in ("validation", "test"):
            fixed[split] = yield from held_out(split)
        chosen = yield from read(pools["train"], order[rows])
        return Draw(chosen, fixed["validation"], fixed["test"], one.classes)

    def read(pool: photos.Pool, rows: Tensor) -> Generator[None, None, Split]:
        parts = []
        for some in rows.split(PIECE):
            parts.append(pool.read(some))
            yield
        return Split(torch.cat(parts), pool.labels[rows])

    def fixed_pictures(split: str) -> Generator[None, None, Split]:
        pool = photos.pools(name)[split]
        return (yield from read(pool, torch.arange(len(pool.labels))))

    held_out = _kept(2)(fixed_pictures)
    return _Recipe(
        one.title,
        one.metric,
        one.similarity,
        one.provenance,
        lambda: one.classes,
        draw,
        most=one.most,
        sizes=one.sizes,
        download=sum(file.size for file in one.files),
    )


_WORLD = "rendered by course_lib.world"
_HANDWRITING = (
    "handwritten digits of scikit-learn (UCI, Alpaydin and Kaynak 1998), 8x8 enlarged to 64x64"
)

_TASKS = {
    "new-shapes": _Recipe(
        "Shapes that the net has never seen",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("HELD_OUT_SHAPES", "SOURCE_TEXTURES", "shape"),
    ),
    "new-textures": _Recipe(
        "Textures that the net has never seen",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("SOURCE_SHAPES", "HELD_OUT_TEXTURES", "texture"),
    ),
    "source": _Recipe(
        "The classes of pretraining, fresh pictures",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("SOURCE_SHAPES", "SOURCE_TEXTURES", "both"),
        train=400,
    ),
    "night-shapes": _Recipe(
        "Shapes never seen, at night",
        "accuracy",
        "different",
        _WORLD,
        **_world_task("HELD_OUT_SHAPES", "SOURCE_TEXTURES", "shape", domain="night"),
    ),
    "digits": _Recipe(
        "Handwritten digits",
        "accuracy",
        "different",
        _HANDWRITING,
        **_digits_task("plain"),
    ),
    "digits-cluttered": _Recipe(
        "Handwritten digits among scraps",
        "accuracy",
        "different",
        _HANDWRITING,
        **_digits_task("cluttered"),
    ),
    "digits-blended": _Recipe(
        "Handwritten digits over photographs",
        "accuracy",
        "different",
        _HANDWRITING + ", over patches of scikit-learn's two photographs",
        **_digits_task("blended"),
    ),
    "radiographs": _Recipe(
        "Phantom chest radiographs: clear or with an opacity",
        "auc",
        "different",
        "projected by course_lib.world.phantoms, scanner A; patients of train, validation and "
        "test differ",
        **_radiographs_task(),
    ),
    **{name: _photo_task(name) for name in photos.SETS},
}
