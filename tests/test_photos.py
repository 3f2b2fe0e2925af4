"""Public sets read from small files in their real formats, and from a host that stands in."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import CourseError, load_task, photos, tasks
from tests.fileserver import serving

SIZES = {"imagenette": 160, "pets": 160, "eurosat": 64, "svhn": 32}  # 28: the others
TRAIN = 20


def jpeg(seed: int, size=(40, 30)) -> bytes:
    values = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "jpeg")
    return buffer.getvalue()


def tgz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as pack:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def imagenette() -> dict[str, bytes]:
    members = {"imagenette2-160/noisy_imagenette.csv": b"path,noisy_labels_0\n"}
    for label, wnid in enumerate(photos.IMAGENETTE_CLASSES):
        for split, count in (("train", 5), ("val", 3)):
            for i in range(count):
                name = f"imagenette2-160/{split}/{wnid}/{wnid}_{i}.JPEG"
                members[name] = jpeg(1000 * label + 10 * i + count)
    return {"imagenette2-160.tgz": tgz(members)}


def pets() -> dict[str, bytes]:
    members = {"images/Abyssinian_100.mat": b"a stray file", "images/Ragdoll_1.jpg": jpeg(1)}
    for label, breed in enumerate(photos.BREEDS):
        members |= {f"images/{breed}_{i}.jpg": jpeg(100 * label + i) for i in range(9)}
    return {"images.tar.gz": tgz(members)}


def eurosat() -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for label, name in enumerate(photos.EUROSAT_CLASSES):
            for i in range(9):
                pack.writestr(f"2750/{name}/{name}_{i}.jpg", jpeg(100 * label + i, (64, 64)))
    return {"EuroSAT.zip": buffer.getvalue()}


def pneumonia() -> dict[str, bytes]:
    random, arrays, buffer = np.random.default_rng(0), {}, io.BytesIO()
    for split, count in (("train", 40), ("val", 20), ("test", 30)):
        arrays[f"{split}_images"] = random.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez_compressed(buffer, **arrays)
    return {"pneumoniamnist.npz": buffer.getvalue()}


def idx(values: np.ndarray) -> bytes:
    """The format of MNIST: a magic number, the sizes, the bytes."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return gzip.compress(header + values.astype(np.uint8).tobytes())


def mnist() -> dict[str, bytes]:
    random, files = np.random.default_rng(1), {}
    for split, count in (("train", 60), ("t10k", 40)):
        files[f"{split}-images-idx3-ubyte.gz"] = idx(random.integers(0, 255, (count, 28, 28)))
        files[f"{split}-labels-idx1-ubyte.gz"] = idx(np.arange(count) % 10)
    return files


def svhn() -> dict[str, bytes]:
    from scipy.io import savemat

    random, files = np.random.default_rng(2), {}
    for split, count in (("train", 60), ("test", 40)):
        buffer = io.BytesIO()
        digits = np.arange(count) % 10
        pictures = random.integers(0, 255, (32, 32, 3, count), dtype=np.uint8)
        savemat(buffer, {"X": pictures, "y": np.where(digits == 0, 10, digits)[:, None]})
        files[f"{split}_32x32.mat"] = buffer.getvalue()
    return files


MAKERS = {
    "imagenette": imagenette,
    "pets": pets,
    "eurosat": eurosat,
    "pneumonia": pneumonia,
    "mnist": mnist,
    "mnist-blended": mnist,
    "svhn": svhn,
}


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """Every file of every set, small."""
    return {name: data for make in set(MAKERS.values()) for name, data in make().items()}


@pytest.fixture
def host(monkeypatch, tmp_path, content):
    """A host with the small files; the sets know their addresses, sizes and checksums."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))

    def here(file):
        data = content[file.name]
        digest = f"md5:{hashlib.md5(data).hexdigest()}"
        return replace(file, url=f"{server.url}/{file.name}", size=len(data), digest=digest)

    with serving() as server:
        server.files = {f"/{name}": data for name, data in content.items()}
        for name in ("IMAGENETTE", "PETS", "EUROSAT", "PNEUMONIA"):
            monkeypatch.setattr(photos, name, here(getattr(photos, name)))
        for name in ("MNIST", "SVHN"):
            monkeypatch.setattr(photos, name, tuple(map(here, getattr(photos, name))))
        small = {
            name: replace(one, sizes=(20 if len(one.classes) == 10 else 16, 20))
            for name, one in photos.SETS.items()
        }
        monkeypatch.setattr(photos, "SETS", small)
        fresh = {name: tasks._photo_task(name) for name in small}
        monkeypatch.setattr(tasks, "_TASKS", {**tasks._TASKS, **fresh})
        photos._opened.cache_clear()
        tasks._built_in.cache_clear()
        yield server
        photos._opened.cache_clear()
        tasks._built_in.cache_clear()


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
    from course_lib.folders import read_picture

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
    from course_lib.experiments import run_claim, trials
    from tests.fakes import small_backbone

    monkeypatch.setattr(tracks, "_chosen", [])
    monkeypatch.setattr(trials, "_backbone", lambda name: small_backbone())  # for resnet18
    tracks.choose("photos")
    result = run_claim("C06", train=24, epochs=1, progress=False)
    trials._transfer.cache_clear()
    trials._baseline.cache_clear()
    assert {row["task"] for row in result.rows} == {"pets"}
    assert result.verdict and "24 labels" in result.sentence
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
            (images / f"{breed}_{i}.jpg").write_bytes(jpeg(hash((breed, i)) % 2**31))
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
