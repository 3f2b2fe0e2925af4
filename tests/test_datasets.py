"""A task from PyTorch data sets and from folders."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import IterableDataset, Subset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms.v2 import functional as TF

from course_lib import CourseError, Task, fit
from course_lib import strategies as S
from tests.fakes import pictures, small_backbone


def tensors(n: int, seed: int = 0, size: int = 16) -> TensorDataset:
    return TensorDataset(*pictures(n, seed=seed, size=size))


@pytest.fixture
def folder(tmp_path):
    """Two classes of twelve PNG pictures, brighter and darker, of different sizes."""
    generator = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (tmp_path / name).mkdir()
        for i in range(12):
            noise = generator.integers(0, 100, (20 + i, 24, 3)) + 120 * label
            Image.fromarray(noise.astype(np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_three_tensor_data_sets_become_a_task_as_they_are():
    parts = [tensors(n, seed) for n, seed in ((30, 1), (12, 2), (18, 3))]
    task = Task.from_datasets(*parts, classes=["a", "b", "c"])
    for split, data in zip((task.train, task.validation, task.test), parts, strict=True):
        assert torch.equal(split.pictures, data.tensors[0])
        assert torch.equal(split.labels, data.tensors[1])
    assert task.classes == ("a", "b", "c")


def test_an_image_folder_is_scaled_and_names_its_classes(folder):
    task = Task.from_datasets(ImageFolder(folder), size=16)
    assert task.classes == ("dark", "light")
    assert task.train.pictures.shape == (16, 3, 16, 16)
    assert len(task.validation.labels) + len(task.test.labels) == 8
    run = fit(small_backbone(), task, S.FEATURE_EXTRACTION, 5)
    assert 0 <= run.test <= 1


def test_a_part_of_an_image_folder_names_its_classes_too(folder):
    task = Task.from_datasets(Subset(ImageFolder(folder), range(1, 24)), size=16)
    assert task.classes == ("dark", "light")


def test_what_is_held_out_is_the_same_each_time_and_apart():
    once, again = (Task.from_datasets(tensors(60)) for _ in range(2))
    sets = []
    for split in ("train", "validation", "test"):
        a, b = getattr(once, split), getattr(again, split)
        assert torch.equal(a.pictures, b.pictures)
        sets.append({p.numpy().tobytes() for p in a.pictures})
    assert sum(map(len, sets)) == 60 == len(set.union(*sets))


@pytest.mark.parametrize("kind", ["float tensor", "grey tensor", "array", "grey array", "PIL"])
def test_every_usual_kind_of_picture_gives_the_same_pixels(kind):
    plain = pictures(20, classes=2, size=16)
    grey = plain.pictures[:, :1].expand(-1, 3, -1, -1)
    make = {
        "float tensor": lambda p: p.float() / 255,
        "grey tensor": lambda p: p[:1],
        "array": lambda p: p.permute(1, 2, 0).numpy(),
        "grey array": lambda p: p[0].numpy(),
        "PIL": TF.to_pil_image,
    }[kind]
    data = [(make(p), label) for p, label in zip(*plain, strict=True)]
    task = Task.from_datasets(data, tensors(6, 5), tensors(6, 6), classes=list("abc"))
    assert torch.equal(task.train.pictures, grey if "grey" in kind else plain.pictures)


@pytest.mark.parametrize("label", [1, np.int64(1), torch.tensor(1), np.array([1])])
def test_every_usual_kind_of_label_is_taken(label):
    data = [(torch.full((3, 8, 8), i, dtype=torch.uint8), label if i % 2 else 0) for i in range(20)]
    task = Task.from_datasets(data)
    assert task.classes == ("class 0", "class 1")


FLAT = torch.zeros(3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ((FLAT, 0.5), "label 0.5"),
        ((FLAT, -1), "label -1"),
        ((FLAT, "cat"), "label 'cat'"),
        ((FLAT, torch.tensor([0.0, 1.0])), "label"),
        ((FLAT.float() - 2, 0), "Take Normalize out"),
        ((FLAT.float() * torch.nan, 0), "NaN"),
        ((FLAT.long(), 0), "int64"),
        ((FLAT[:2], 0), "shape"),
        (("cat.jpg", 0), "shape|holds a str"),
        ((FLAT,), "cannot be read"),
        (None, "cannot be read"),
        ((torch.zeros(3, 9, 8, dtype=torch.uint8), 0), "give size="),
    ],
)
def test_an_item_that_cannot_be_used_is_named(item, says):
    data = [(FLAT, 0), item]
    with pytest.raises(CourseError, match=says) as caught:
        Task.from_datasets(data)
    assert "[1]" in str(caught.value)


def test_streams_and_loaders_are_refused_with_what_to_pass():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([])

    with pytest.raises(CourseError, match="map-style"):
        Task.from_datasets(Stream())
    with pytest.raises(CourseError, match="not a DataLoader"):
        Task.from_datasets(torch.utils.data.DataLoader(tensors(4)))
    with pytest.raises(CourseError, match="no pictures"):
        Task.from_datasets([])


def test_training_pictures_among_the_test_pictures_are_left_out_and_counted():
    train, test = tensors(30, 1), tensors(12, 2)
    leaky = TensorDataset(
        torch.cat([train.tensors[0], test.tensors[0][:2]]),
        torch.cat([train.tensors[1], test.tensors[1][:2]]),
    )
    with pytest.warns(UserWarning, match="2 training pictures left out"):
        task = Task.from_datasets(leaky, tensors(9, 3), test)
    assert torch.equal(task.train.pictures, train.tensors[0])
    with pytest.raises(CourseError, match="30 of 30"):
        Task.from_datasets(train, tensors(9, 3), train)


def test_data_sets_that_name_other_classes_are_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name in ("cold", "warm"):
        (other / name).mkdir()
        for i in range(5):
            Image.new("RGB", (20, 20), (i, 0, 0)).save(other / name / f"{i}.png")
    with pytest.raises(CourseError, match="train: dark, light; test: cold, warm"):
        Task.from_datasets(ImageFolder(folder), test=ImageFolder(other), size=16)


def test_too_few_pictures_to_hold_some_out_are_named():
    with pytest.raises(CourseError, match="Class class 0 has 2.*test="):
        Task.from_datasets(tensors(6))


def test_more_than_memory_should_hold_is_refused_at_the_first_picture(monkeypatch):
    monkeypatch.setattr("course_lib.data.datasets.LARGEST", 1000)
    with pytest.raises(CourseError, match="Subset"):
        Task.from_datasets(tensors(6))


def test_a_folder_is_a_task(folder):
    task = Task.from_folder(folder, train=8, size=24)
    assert task.classes == ("dark", "light") and task.train.pictures.shape == (8, 3, 24, 24)


def test_the_first_labels_are_nested_and_equal_in_class():
    task = Task.from_datasets(tensors(60))
    few, more = task.first(6), task.first(12)
    assert torch.bincount(few.train.labels).tolist() == [2, 2, 2]
    seen = {p.numpy().tobytes() for p in more.train.pictures}
    assert all(p.numpy().tobytes() in seen for p in few.train.pictures)
    assert len(task.first(10**6).train.labels) == len(task.train.labels)
