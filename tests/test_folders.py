import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import CourseError, load_task


def picture(seed: int, size=(40, 30), mode: str = "RGB") -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Two classes, ten and eight good pictures."""
    for name, count in (("ants", 10), ("bees", 8)):
        (tmp_path / name).mkdir()
        for i in range(count):
            picture(100 * count + i).save(tmp_path / name / f"{i}.png")
    return tmp_path


def load(folder, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_task(f"folder:{folder}", *args, **kwargs)


def rows(split) -> set[bytes]:
    return {p.numpy().tobytes() for p in split.pictures}


def test_sub_folders_are_the_classes(folder):
    task = load(folder)
    assert task.classes == ("ants", "bees") and task.notes == ()
    assert [len(s.labels) for s in (task.train, task.validation, task.test)] == [12, 3, 3]
    assert task.test.pictures.shape[1:] == (3, 64, 64)
    assert len(rows(task.train) | rows(task.validation) | rows(task.test)) == 18


def test_validation_and_test_pictures_do_not_depend_on_the_draw(folder):
    first, second = load(folder, 4, 0), load(folder, 4, 1)
    assert torch.equal(first.test.pictures, second.test.pictures)
    assert rows(first.train) != rows(second.train)
    assert first.train.labels.bincount().tolist() == [2, 2]
    assert rows(first.train) < rows(load(folder, 6, 0).train)


def test_the_size_can_be_chosen(folder):
    assert load(folder, size=96).train.pictures.shape[2:] == (96, 96)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_rgb(folder, mode):
    kind = "tif" if mode in ("CMYK", "I;16") else "png"
    grey = np.tile(np.linspace(0, 60_000, 40, dtype=np.uint16), (30, 1))
    image = Image.fromarray(grey) if mode == "I;16" else picture(1, mode=mode)
    image.save(folder / "ants" / f"odd.{kind}")
    task = load(folder)
    assert len(task.train.labels) + len(task.validation.labels) + len(task.test.labels) == 19


def test_transparent_parts_become_white(folder):
    for file in (folder / "ants").iterdir():
        file.unlink()
    for i in range(5):
        image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        image.paste((50 * i, 0, 0, 255), (0, 0, 20, 20))  # so that no two are the same picture
        image.save(folder / "ants" / f"{i}.png")
    task = load(folder)
    assert (task.test.pictures[task.test.labels == 0][..., 34:, 34:] == 255).all()


def test_the_cameras_note_about_turning_is_followed(folder):
    image = Image.new("RGB", (64, 64), "black")
    image.paste("white", (0, 0, 64, 32))  # upper half white
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(folder / "ants" / "turned.png", exif=exif)
    task = load(folder)
    found = [
        p for s in (task.train, task.validation, task.test) for p in s.pictures
        if (p[:, :30] == 0).all() and (p[:, 34:] == 255).all()
    ]  # fmt: skip
    assert len(found) == 1


def test_unusable_files_are_named_and_the_good_ones_still_used(folder):
    ants = folder / "ants"
    (ants / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    whole = (ants / "0.png").read_bytes()
    (ants / "cut.png").write_bytes(whole[: len(whole) // 2])
    (ants / "notes.txt").write_text("hello")
    (ants / "empty.jpg").write_bytes(b"")
    (ants / "copy.png").write_bytes((ants / "1.png").read_bytes())
    (ants / ".DS_Store").write_bytes(b"x")
    picture(1, (4, 50)).save(ants / "sliver.png")
    with pytest.warns(UserWarning, match="left out 6 files"):
        task = load_task(f"folder:{folder}")
    notes = "\n".join(task.notes)
    for name in ("broken.png", "cut.png", "notes.txt", "empty.jpg", "sliver.png"):
        assert f"ants/{name}: " in notes
    assert "ants/copy.png: the same picture as ants/1.png" in notes
    assert ".DS_Store" not in notes
    assert len(task.train.labels) + len(task.validation.labels) + len(task.test.labels) == 18


def test_a_huge_picture_is_left_out_without_reading_it(folder, monkeypatch):
    from course_lib.data import reading

    monkeypatch.setattr(reading, "LARGEST", 1300)
    picture(7, (50, 40)).save(folder / "ants" / "huge.png")
    with pytest.warns(UserWarning, match="huge.png: too large, 50 x 40 pixels"):
        load_task(f"folder:{folder}")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CourseError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="is a file"):
        load(tmp_path / "file")


def test_an_empty_folder_and_one_class_are_refused(tmp_path):
    with pytest.raises(CourseError, match="at least two sub-folders.*none"):
        load(tmp_path)
    (tmp_path / "ants").mkdir()
    with pytest.raises(CourseError, match="at least two sub-folders.*only ants"):
        load(tmp_path)


def test_a_class_without_pictures_or_with_too_few_is_named(folder):
    (folder / "wasps").mkdir()
    with pytest.raises(CourseError, match="5 usable pictures or more; wasps has 0"):
        load(folder)
    (folder / "wasps" / "broken.png").write_bytes(b"x")
    with pytest.raises(CourseError, match="wasps/broken.png"):
        load(folder)


@pytest.mark.parametrize("train", [1, 13])
def test_too_few_or_too_many_labels_are_refused(folder, train):
    with pytest.raises(CourseError, match=f"from 2 .* to 12 .* got {train}"):
        load(folder, train)


def test_a_size_out_of_range_is_refused(folder):
    with pytest.raises(CourseError, match="size must be"):
        load(folder, size=4)
