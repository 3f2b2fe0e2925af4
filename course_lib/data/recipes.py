"""How each built-in task is made, piece by piece."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from course_lib import world
from course_lib.data import photos
from course_lib.data.split import Draw, Split, stratified
from course_lib.errors import CourseError
from course_lib.world import digits, phantoms

# Seeds of the image world that no training draw can reach: those use TRAIN_SEED + seed, seed <
# SEEDS.
VALIDATION_SEED, TEST_SEED, TRAIN_SEED = 770_001, 770_002, 1_000_000
VALIDATION_SIZE, TEST_SIZE = 400, 1_000
LARGEST_TRAIN = 200_000  # pictures of a task of the image world, which has no end: 2.5 GB
PIECE = 32  # pictures made at a time by task_in_pieces: about 30 ms


@dataclass(frozen=True)
class Recipe:
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


def kept(most: int):
    """Decorator of a generator function: what it returned for some arguments is not made again."""

    def keep(make):
        results: dict[tuple, object] = {}

        def made(*key):
            if key in results:
                results[key] = results.pop(key)  # the one used last is dropped last
            else:
                results[key] = yield from make(*key)
                while len(results) > most:
                    del results[next(iter(results))]
            return results[key]

        made.cache_clear = results.clear  # type: ignore[attr-defined]
        return made

    return keep


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
        kinds, looks = getattr(world, shapes), getattr(world, textures)
        both = tuple(f"{look} {kind}" for kind in kinds for look in looks)
        return {"shape": kinds, "texture": looks, "both": both}[target]

    def label(scenes) -> Tensor:
        kind = _places(scenes.shape, world.SHAPES, getattr(world, shapes))
        look = _places(scenes.texture, world.TEXTURES, getattr(world, textures))
        return {
            "shape": kind,
            "texture": look,
            "both": kind * len(getattr(world, textures)) + look,
        }[target]

    def sample(n: int, seed: int, start: int = 0):
        kinds, looks = getattr(world, shapes), getattr(world, textures)
        return world.sample(n, seed, start, shapes=kinds, textures=looks, domain=domain)

    def make(n: int, seed: int) -> Generator[None, None, Split]:
        rows = _stratified_by_need(n, len(classes()), lambda k, at: label(sample(k, seed, at)))
        scenes, parts = sample(int(rows.max()) + 1, seed)[rows], []
        for first in range(0, n, PIECE):
            parts.append(world.render(scenes[first : first + PIECE]))
            yield
        return Split(torch.cat(parts), label(scenes))

    fixed = kept(2)(make)

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
        return Split(*digits.pictures(variant, split))

    def classes() -> tuple[str, ...]:
        return tuple("0123456789")

    most = DIGITS_TRAIN if variant == "plain" else None
    return {"classes": classes, "draw": draw, "most": most, "sizes": (300, 497)}


def _radiographs_task():
    def classes() -> tuple[str, ...]:
        return ("clear", "opacity")

    def make(n: int, seed: int) -> Generator[None, None, Split]:
        # Other seeds are other patients, so no patient is in two splits.
        parts, labels = [], torch.empty(0, dtype=torch.int64)
        while int(torch.bincount(labels, minlength=2).min()) < -(-n // 2):
            pool = phantoms.radiographs(PIECE, seed=seed, start=len(labels))
            parts.append(pool.pictures)
            labels = torch.cat([labels, pool.labels])
            yield
        rows = stratified(labels, n, 2)
        return Split(torch.cat(parts)[rows], labels[rows])

    fixed = kept(2)(make)

    def draw(train: int, seed: int) -> Generator[None, None, Draw]:
        return Draw(
            (yield from make(train, TRAIN_SEED + seed)),
            (yield from fixed(VALIDATION_SIZE, VALIDATION_SEED)),
            (yield from fixed(TEST_SIZE, TEST_SEED)),
            classes(),
        )

    return {"classes": classes, "draw": draw}


def photo_task(name: str) -> Recipe:
    """A public set of course_lib.data.photos as a task."""
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

    held_out = kept(2)(fixed_pictures)
    return Recipe(
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


RECIPES = {
    "new-shapes": Recipe(
        "Shapes that the net has never seen",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("HELD_OUT_SHAPES", "SOURCE_TEXTURES", "shape"),
    ),
    "new-textures": Recipe(
        "Textures that the net has never seen",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("SOURCE_SHAPES", "HELD_OUT_TEXTURES", "texture"),
    ),
    "source": Recipe(
        "The classes of pretraining, fresh pictures",
        "accuracy",
        "similar",
        _WORLD,
        **_world_task("SOURCE_SHAPES", "SOURCE_TEXTURES", "both"),
        train=400,
    ),
    "night-shapes": Recipe(
        "Shapes never seen, at night",
        "accuracy",
        "different",
        _WORLD,
        **_world_task("HELD_OUT_SHAPES", "SOURCE_TEXTURES", "shape", domain="night"),
    ),
    "digits": Recipe(
        "Handwritten digits",
        "accuracy",
        "different",
        _HANDWRITING,
        **_digits_task("plain"),
    ),
    "digits-cluttered": Recipe(
        "Handwritten digits among scraps",
        "accuracy",
        "different",
        _HANDWRITING,
        **_digits_task("cluttered"),
    ),
    "digits-blended": Recipe(
        "Handwritten digits over photographs",
        "accuracy",
        "different",
        _HANDWRITING + ", over patches of scikit-learn's two photographs",
        **_digits_task("blended"),
    ),
    "radiographs": Recipe(
        "Phantom chest radiographs: clear or with an opacity",
        "auc",
        "different",
        "projected by course_lib.world.phantoms, scanner A; patients of train, validation and "
        "test differ",
        **_radiographs_task(),
    ),
    **{name: photo_task(name) for name in photos.SETS},
}
