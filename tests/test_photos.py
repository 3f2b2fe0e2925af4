"""Public sets read from small files in their real formats, and from a host that stands in."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import CourseError, load_task
from course_lib.data import photos, tasks
from tests import planted
from tests.fileserver import serving

SIZES = {"imagenette": 160, "pets": 160, "eurosat": 64, "svhn": 32}  # 28: the others
TRAIN = 20


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """Every file of every set, small."""
    return planted.everything()


@pytest.fixture
def host(monkeypatch, tmp_path, content):
    """A host with the small files; the sets know their addresses, sizes and checksums."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    with serving() as server:
        server.files = {f"/{name}": data for name, data in content.items()}
        planted.put(server.url, planted.facts(content), monkeypatch.setattr)
        yield server
        planted.forget()


def rows(split) -> set[bytes]:
    return {picture.numpy().tobytes() for picture in split.pictures}


def files_below(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", photos.SETS)
def test_a_set_becomes_a_task_and_is_downloaded_once(name, host, tmp_path):
    task = load_task(name, train=TRAIN, seed=1)
    size = SIZES.get(name, 28)
    assert task.train.pictures.shape == (TRAIN, 3, size, size)
    counts = torch.bincount(task.train.labels, minlength=len(task.classes))
    assert counts.max() - counts.min() <= 1
    assert len(task.validation.labels) in (16, 20) and len(task.test.labels) == 20
    parts = [rows(s) for s in (task.train, task.validation, task.test)]
    assert (
        len(set.union(*parts)) == sum(map(len, parts)) == TRAIN + len(task.validation.labels) + 20
    )
    assert rows(load_task(name, train=10, seed=1).train) < parts[0]
    other = load_task(name, train=TRAIN, seed=2)
    assert torch.equal(other.test.pictures, task.test.pictures)
    assert rows(other.train) != parts[0]

    asked, there = len(host.requests), files_below(tmp_path)
    photos._opened.cache_clear()
    tasks._built_in.cache_clear()
    assert torch.equal(load_task(name, train=TRAIN, seed=1).train.pictures, task.train.pictures)
    assert len(host.requests) == asked and files_below(tmp_path) == there


def pictures_by_class(task) -> dict[str, set[bytes]]:
    found = {name: set() for name in task.classes}
    for split in (task.train, task.validation, task.test):
        for picture, label in zip(*split, strict=True):
            found[task.classes[label]].add(picture.numpy().tobytes())
    return found


def test_labels_of_image_files_are_those_of_their_folders_and_names(host, tmp_path):
    from course_lib.data.reading import read_picture

    by_class = pictures_by_class(load_task("pets", train=24))
    folder = tmp_path / "data" / "oxford-iiit-pet" / "course"
    assert {path.name.rpartition("_")[0] for path in folder.iterdir()} == set(photos.BREEDS)
    for path in folder.iterdir():
        picture = read_picture(path, 160).numpy().tobytes()
        named = {breed for breed, found in by_class.items() if picture in found}
        assert named <= {path.name.rpartition("_")[0]}


def test_labels_of_arrays_are_those_stored_beside_them(host, content):
    from scipy.io import loadmat

    pools = photos.pools("svhn")
    stored = loadmat(io.BytesIO(content["test_32x32.mat"]))
    for i in range(20):
        picture = pools["test"].read(torch.tensor([i]))[0].permute(1, 2, 0).numpy()
        (match,) = [k for k in range(40) if (stored["X"][..., k] == picture).all()]
        assert stored["y"][match, 0] % 10 == pools["test"].labels[i]


def test_test_pictures_are_those_that_the_makers_held_out(host, content):
    with np.load(io.BytesIO(content["pneumoniamnist.npz"])) as stored:
        held_out = {picture.tobytes() for picture in stored["test_images"]}
        validation = {picture.tobytes() for picture in stored["val_images"]}
    task = load_task("pneumonia", train=20)
    assert {p[0].numpy().tobytes() for p in task.test.pictures} < held_out
    assert {p[0].numpy().tobytes() for p in task.validation.pictures} < validation


def test_blended_digits_are_the_difference_of_photo_and_digit(host):
    from course_lib.world.patches import patches

    plain, blended = photos.pools("mnist")["test"], photos.pools("mnist-blended")["test"]
    assert torch.equal(plain.labels, blended.labels)
    digits, pictures = plain.read(torch.arange(20)), blended.read(torch.arange(20))
    # |photo - digit| again with the digit gives back the photo, or 2 digit - photo below zero.
    photo = patches(torch.arange(40), "test")[..., 18:46, 18:46].int()
    for digit, picture in zip(digits.int(), pictures.int(), strict=True):
        fits = (photo == digit + picture) | (photo == digit - picture)
        assert fits.flatten(1).all(1).sum() == 1


def test_a_net_of_imagenets_classes_is_asked_about_imagenette(host):
    from course_lib import evaluate, prepare_run
    from course_lib import strategies as S
    from tests.fakes import small_backbone, small_task

    model = small_backbone(classes=12)
    model.source_classes = (
        "goldfish",
        *reversed(photos.SETS["imagenette"].classes),
        "toilet tissue",
    )
    model.architecture = replace(model.architecture, name="resnet18")
    run = prepare_run(model, small_task(), S.FEATURE_EXTRACTION, epochs=1)
    assert run.source_accuracy() == evaluate(model, load_task("imagenette", train=10))


def test_a_claim_is_measured_on_photographs_from_download_to_verdict(host, monkeypatch, capsys):
    from course_lib import tracks
    from course_lib.claims import run_claim
    from course_lib.claims.trials import transfer
    from course_lib.lab import cache
    from tests.fakes import small_backbone

    monkeypatch.setattr(tracks, "_chosen", [])
    monkeypatch.setattr(tracks.Track, "load_backbone", lambda track: small_backbone())  # resnet18
    transfer._backbone.cache_clear()
    cache.forget()
    tracks.choose("photos")
    result = run_claim("C06", train=24, epochs=1, progress=False)
    transfer._backbone.cache_clear()
    cache.forget()
    assert set(result.rows["task"]) == {"pets"} and set(result.rows["train"]) == {24}
    assert result.verdict and "Frozen minus scratch" in result.sentence
    assert [path for path, _ in host.requests] == ["/images.tar.gz"]
    assert "Oxford-IIIT Pets: 0.1 MB, CC BY-SA 4.0" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["mnist-blended", "svhn"])
def test_sets_of_digits_make_two_domains_for_adaptation(target, host):
    from course_lib.adaptation.domains import DIGITS_SIZE, load_domains

    pair = load_domains(f"mnist to {target}", train=20)
    assert pair.source.pictures.shape == pair.target.shape == (20, 3, DIGITS_SIZE, DIGITS_SIZE)
    assert len(pair.test.labels) == 20 and pair.classes == photos.DIGITS
    task = load_task(target, train=20, seed=500_000)
    assert torch.equal(pair.oracle_labels, task.train.labels)


def test_a_folder_that_torchvision_made_is_used(host, tmp_path):
    images = tmp_path / "data" / "oxford-iiit-pet" / "images"
    images.mkdir(parents=True)
    for breed in (*photos.BREEDS, "Ragdoll"):
        for i in range(9):
            (images / f"{breed}_{i}.jpg").write_bytes(planted.jpeg(hash((breed, i)) % 2**31))
    assert len(load_task("pets", train=10).train.labels) == 10
    assert not host.requests


@pytest.mark.parametrize("name", photos.SETS)
def test_a_download_that_fails_leaves_a_valid_cache_and_a_message(name, host, tmp_path):
    host.breaks_after = 100  # smaller than a third of any of these files but the labels of MNIST
    with pytest.raises(CourseError, match="copy of .* into"):
        load_task(name, train=TRAIN)
    left = [
        p.name for p in (tmp_path / "data").rglob("*") if p.is_file() and ".locks" not in p.parts
    ]
    assert all(file.endswith(".part") for file in left)
    host.breaks_after = None
    assert len(load_task(name, train=TRAIN).train.labels) == TRAIN


def test_a_class_without_pictures_is_named(host, tmp_path):
    (tmp_path / "data" / "eurosat" / "2750" / "Forest").mkdir(parents=True)
    with pytest.raises(CourseError, match="no pictures of AnnualCrop.*Delete that folder"):
        load_task("eurosat")


def test_a_damaged_picture_is_named(host, tmp_path):
    load_task("eurosat", train=TRAIN)
    for path in (tmp_path / "data" / "eurosat" / "2750" / "River").iterdir():
        path.write_bytes(b"no picture")
    tasks._built_in.cache_clear()
    with pytest.raises(CourseError, match="River_.*damaged or not a picture"):
        load_task("eurosat", train=30, seed=3)


def test_more_labels_than_there_are_pictures_are_refused(host):
    with pytest.raises(CourseError, match="eurosat has 50 training pictures; got train=51"):
        load_task("eurosat", train=51)
    with pytest.raises(CourseError, match="eurosat has 20000 training pictures"):
        load_task("eurosat", train=20_001)


def test_the_real_addresses_carry_checksums_sizes_and_licences():
    for one in photos.SETS.values():
        for file in one.files:
            assert file.url.startswith("http") and file.size > 1000 and file.licence
            kind, digits = file.digest.split(":")
            assert kind == "md5" and len(digits) == 32
