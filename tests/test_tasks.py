from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import CourseError, available_tasks, load_task, world
from course_lib.data import recipes, tasks
from course_lib.data.split import Split, stratified
from course_lib.data.task import quickly_validated
from tests.fakes import small_task


@pytest.fixture(autouse=True)
def small_fixed_splits(monkeypatch):
    """Rendering is tested elsewhere; a few pictures show what a task does with them."""
    monkeypatch.setattr(recipes, "VALIDATION_SIZE", 12)
    monkeypatch.setattr(recipes, "TEST_SIZE", 14)
    tasks._built_in.cache_clear()
    yield
    tasks._built_in.cache_clear()


def rows(pictures: torch.Tensor) -> set[bytes]:
    return {picture.numpy().tobytes() for picture in pictures}


# Tasks that are drawn here; the downloaded ones have a file of their own, test_photos.py.
NAMES = [
    info.name
    for info in available_tasks()
    if not info.download and info.name not in ("source", "folder:PATH")
]


@pytest.mark.parametrize("name", NAMES)
def test_train_means_so_many_labels_in_all_as_equal_as_can_be(name):
    task = load_task(name, train=23, seed=1)
    counts = torch.bincount(task.train.labels, minlength=len(task.classes))
    assert counts.sum() == 23
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_training_set_is_part_of_the_larger_one(name):
    small, large = (rows(load_task(name, train=n, seed=2).train.pictures) for n in (11, 23))
    assert len(large) == 23 and small < large


@pytest.mark.parametrize("name", NAMES)
def test_validation_and_test_are_fixed_and_never_trained_on(name):
    first, second = (load_task(name, train=20, seed=s) for s in (3, 4))
    assert torch.equal(first.test.pictures, second.test.pictures)
    assert torch.equal(first.validation.pictures, second.validation.pictures)
    held_out = rows(first.test.pictures) | rows(first.validation.pictures)
    for task in (first, second):
        assert not held_out & rows(task.train.pictures)
    assert not rows(first.test.pictures) & rows(first.validation.pictures)
    assert rows(first.train.pictures) != rows(second.train.pictures)


def test_labels_of_the_world_tasks_are_the_factors_of_the_scene():
    scenes = world.sample(
        500, recipes.TRAIN_SEED + 5, shapes=world.HELD_OUT_SHAPES, textures=world.SOURCE_TEXTURES
    )
    task = load_task("new-shapes", train=12, seed=5)
    assert task.classes == world.HELD_OUT_SHAPES
    by_picture = {
        p.numpy().tobytes(): world.SHAPES[s]
        for p, s in zip(world.render(scenes[:60]), scenes.shape[:60].tolist(), strict=True)
    }
    known = 0
    for picture, label in zip(*task.train, strict=True):
        shape = by_picture.get(picture.numpy().tobytes())
        known += shape is not None
        assert shape in (None, task.classes[label])
    assert known >= 6


def test_the_source_task_names_its_classes_as_the_weights_do():
    infos = {info.name: info for info in available_tasks()}
    count = len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES)
    assert infos["source"].classes == count
    names = recipes.RECIPES["source"].classes()
    assert names[1] == f"{world.SOURCE_TEXTURES[1]} {world.SOURCE_SHAPES[0]}"


def test_available_tasks_makes_no_picture(monkeypatch):
    monkeypatch.setattr(world, "render", None)
    infos = {info.name: info for info in available_tasks()}
    assert infos["radiographs"].metric == "auc"
    assert infos["digits"].most == 1000
    assert {info.similarity for info in infos.values()} == {"similar", "different"}


def test_all_thousand_digits_can_be_asked_for_and_no_more():
    assert len(load_task("digits", train=1000).train.labels) == 1000
    with pytest.raises(CourseError, match="1000 training pictures; got train=1001"):
        load_task("digits", train=1001)


def test_blended_digits_never_run_out():
    task = load_task("digits-blended", train=1030)
    assert len(rows(task.train.pictures)) == 1030


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new-shape",), "Did you mean 'new-shapes'"),
        (("qqq",), "There are: new-shapes"),
        (("new-shapes", 0), "train must be"),
        (("new-shapes", 2.5), "train must be"),
        (("digits", 9), "10 classes, so train must be 10 or more"),
        (("new-shapes", 100, -1), "seed must be"),
        (("new-shapes", 100, 10**6), "seed must be"),
        (("new-shapes", 100, 0, 128), "folder:PATH only"),
    ],
)
def test_arguments_that_make_no_task_are_refused(arguments, message):
    with pytest.raises(CourseError, match=message):
        load_task(*arguments)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2).long()), "small, test"),
        (Split(torch.zeros(2, 3, 8, 8), torch.zeros(2).long()), "uint8"),
        (Split(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(3).long()), "one for each"),
        (Split(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2)), "int64"),
        (Split(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.tensor([3])), "between 0 and 2"),
    ],
)
def test_a_task_checks_its_pictures_and_labels(split, message):
    with pytest.raises(CourseError, match=message):
        replace(small_task(), test=split)


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 40))
def test_stratified_rows_are_balanced_nested_and_in_order(labels, n):
    labels = torch.tensor(labels, dtype=torch.int64)
    chosen = stratified(labels, n, 4)
    if n > len(labels):
        assert chosen is None
        return
    assert len(chosen) == n and torch.equal(chosen, chosen.unique())
    have, took = (torch.bincount(x, minlength=4) for x in (labels, labels[chosen]))
    for label in range(4):  # a class gives as much as any other, or all it has
        assert took[label] == have[label] or took[label] >= took.max() - 1
    if n:
        assert set(stratified(labels, n - 1, 4).tolist()) < set(chosen.tolist())


def test_a_task_prints_as_one_line_without_its_pixels():
    shown = repr(load_task("digits", train=20))
    assert shown.startswith("<Task digits: 10 classes; 20 train, ") and len(shown) < 120


@pytest.mark.parametrize("name", ["new-shapes", "radiographs", "digits-blended"])
def test_a_task_made_in_pieces_is_the_task_itself(name):
    pieces = tasks.task_in_pieces(name, 70, 4)
    count = 0
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            made = end.value
            break
        count += 1
    assert count >= 2  # a widget can answer in between
    assert made is load_task(name, train=70, seed=4)
    assert len(made.train.labels) == 70


def test_pieces_refuse_what_load_task_refuses():
    with pytest.raises(CourseError, match="Did you mean"):
        tasks.drain(tasks.task_in_pieces("new-shape", 10))
    with pytest.raises(CourseError, match="6 or more"):
        tasks.drain(tasks.task_in_pieces("new-shapes", 3))


def test_a_quickly_validated_task_differs_in_its_validation_pictures_alone():
    task = small_task()
    few = quickly_validated(task, 5)
    assert torch.equal(few.validation.pictures, task.validation.pictures[:5])
    assert torch.equal(few.validation.labels, task.validation.labels[:5])
    assert few.train is task.train and few.test is task.test and len(task.validation.labels) == 12
    assert len(quickly_validated(task, 500).validation.labels) == 12
