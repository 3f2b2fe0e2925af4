"""Public data sets of photographs, X-rays and digits as pools of pictures, downloaded once.

Files lie below `downloads.data_folder()` where torchvision.datasets looks for them too. Labels are
read first and pictures only when they are chosen: a task of a few hundred pictures does not decode
ten thousand.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.data.downloads import File, data_folder, fetch, unpack
from course_lib.data.reading import Unusable, read_picture
from course_lib.data.split import stratified
from course_lib.errors import CourseError
from course_lib.world.digits import blend
from course_lib.world.patches import patches

# Checksums and addresses are those of torchvision.datasets and medmnist.
IMAGENETTE = File(
    "Imagenette (160 pixels)",
    "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
    99_003_388,
    "md5:e793b78cc4c9e9a4ccc0c1155377a412",
    "photographs of ImageNet: for research and teaching, not commercial",
    unpacked=115_000_000,
)
PETS = File(
    "Oxford-IIIT Pets",
    "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
    791_918_971,
    "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "CC BY-SA 4.0",
    "oxford-iiit-pet",
    unpacked=190_000_000,
)
EUROSAT = File(
    "EuroSAT (RGB)",
    "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
    "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
    94_280_567,
    "md5:c8fa014336c82ac7804f0398fcb19387",
    "MIT",
    "eurosat",
    unpacked=150_000_000,
)
PNEUMONIA = File(
    "PneumoniaMNIST",
    "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1",
    4_170_669,
    "md5:28209eda62fecd6e6a2d98b1501bb15f",
    "CC BY 4.0",
)
MNIST = tuple(
    File(
        f"MNIST, {what}",
        f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz",
        size,
        f"md5:{md5}",
        "CC BY-SA 3.0",
        "MNIST/raw",
        unpacked,
    )
    for what, name, size, md5, unpacked in (
        (
            "training pictures",
            "train-images-idx3-ubyte",
            9_912_422,
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            47_040_016,
        ),
        (
            "training labels",
            "train-labels-idx1-ubyte",
            28_881,
            "d53e105ee54ea40749a09fcbcd1e9432",
            60_008,
        ),
        (
            "test pictures",
            "t10k-images-idx3-ubyte",
            1_648_877,
            "9fb629c4189551a2d022fa330f9573f3",
            7_840_016,
        ),
        (
            "test labels",
            "t10k-labels-idx1-ubyte",
            4_542,
            "ec29112dd5afa0611ce80d1b7f02629c",
            10_008,
        ),
    )
)
SVHN = tuple(
    File(
        f"SVHN, {split} pictures",
        f"http://ufldl.stanford.edu/housenumbers/{split}_32x32.mat",
        size,
        f"md5:{md5}",
        "not for commercial use",
    )
    for split, size, md5 in (
        ("train", 182_040_794, "e26dedcc434d2e4c54c9b2d4a06d8373"),
        ("test", 64_275_384, "eb5a983be6a315427106f1b164d9cef3"),
    )
)

SIDE = 160  # pixels of the photographs; the smaller sets keep the size that they have
DIGITS = tuple("0123456789")
BREEDS = ("Abyssinian", "Bengal", "Persian", "Siamese", "beagle", "boxer", "pug", "samoyed")
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
EUROSAT_CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)


class Pool(NamedTuple):
    """Pictures to choose from.

    labels: int64 (n,). read: rows, int64 (k,) -> uint8 pictures (k, 3, h, w).
    """

    labels: Tensor
    read: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PhotoSet:
    """A data set as the course uses it.

    open(): its pools by split, "train" always, "validation" and "test" where its makers fixed
    them. most: largest number of training labels. sizes: pictures for validation and test. least:
    pictures of a whole copy, of all splits together.
    """

    title: str
    metric: str
    similarity: str
    classes: tuple[str, ...]
    provenance: str
    files: tuple[File, ...]
    open: Callable[[], dict[str, Pool]]
    most: int
    sizes: tuple[int, int] = (100, 200)  # a ResNet-18 reads 30 a second on two cores
    least: int = 0


# --- sets of image files --------------------------------------------------------------------------


def _imagenette() -> dict[str, Pool]:
    folder = data_folder() / "imagenette2-160"
    if not folder.is_dir():
        unpack(fetch(IMAGENETTE), folder, "imagenette2-160", lambda name: name.endswith(".JPEG"))
    return {
        split: _files(_listed(folder / inside, tuple(IMAGENETTE_CLASSES), "*.JPEG"), SIDE)
        for split, inside in (("train", "train"), ("test", "val"))
    }


def _pets() -> dict[str, Pool]:
    base = data_folder() / "oxford-iiit-pet"
    # All pictures, as torchvision unpacks them, or only the breeds of the course.
    folder = base / "images" if (base / "images").is_dir() else base / "course"
    if not folder.is_dir():
        unpack(fetch(PETS), folder, "images", lambda name: _breed(name) is not None)
    files = [
        (path, BREEDS.index(_breed(path.name)))
        for path in sorted(folder.glob("*.jpg"))
        if _breed(path.name) is not None
    ]
    return {"train": _files(_complete(files, BREEDS, folder), SIDE)}


def _breed(name: str) -> str | None:
    """The breed in a file's name, such as images/beagle_12.jpg; None for others."""
    breed = name.rsplit("/", 1)[-1].rpartition("_")[0]
    return breed if breed in BREEDS and name.endswith(".jpg") else None


def _eurosat() -> dict[str, Pool]:
    folder = data_folder() / "eurosat" / "2750"
    if not folder.is_dir():
        unpack(fetch(EUROSAT), folder, "2750", lambda name: name.endswith(".jpg"))
    return {"train": _files(_listed(folder, EUROSAT_CLASSES, "*.jpg"), 64)}


def _listed(folder: Path, classes: tuple[str, ...], pattern: str) -> list[tuple[Path, int]]:
    """The picture files of a folder with one sub-folder for each class, in order."""
    files = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).glob(pattern))
    ]
    return _complete(files, classes, folder)


def _complete(files: list[tuple[Path, int]], classes, folder: Path) -> list[tuple[Path, int]]:
    found = {label for _, label in files}
    missing = [name for label, name in enumerate(classes) if label not in found]
    if missing:
        raise CourseError(
            f"{folder} has no pictures of {', '.join(missing)}. Delete that folder and run this "
            "again: it is then made anew."
        )
    return files


def _files(files: list[tuple[Path, int]], side: int) -> Pool:
    def read(rows: Tensor) -> Tensor:
        pictures = []
        for row in rows.tolist():
            try:
                pictures.append(read_picture(files[row][0], side))
            except Unusable as error:
                raise CourseError(
                    f"{files[row][0]}: {error}. Delete the folder {files[row][0].parent} and run "
                    "this again: it is then made anew."
                ) from error
        return torch.stack(pictures)

    return Pool(torch.tensor([label for _, label in files]), read)


# --- sets of arrays -------------------------------------------------------------------------------


def _pneumonia() -> dict[str, Pool]:
    """medmnist's .npz: train_images (n, 28, 28) uint8, train_labels (n, 1), val_, test_."""
    with np.load(fetch(PNEUMONIA)) as stored:
        return {
            split: _array(stored[f"{key}_images"], stored[f"{key}_labels"])
            for split, key in (("train", "train"), ("validation", "val"), ("test", "test"))
        }


def _mnist() -> dict[str, Pool]:
    from torchvision.datasets.utils import extract_archive

    for file in MNIST:
        archive = file.target
        if not archive.with_suffix("").is_file():
            fetch(file)
            # Unpacked beside its place first: a stopped process leaves no half file there.
            part = archive.with_name(f"{archive.stem}.unpacking")
            part.mkdir(exist_ok=True)
            extract_archive(str(archive), str(part))
            (part / archive.stem).replace(archive.with_suffix(""))
            part.rmdir()
    train, train_labels, test, test_labels = (_idx(file.target.with_suffix("")) for file in MNIST)
    return {"train": _array(train, train_labels), "test": _array(test, test_labels)}


def _idx(path: Path) -> np.ndarray:
    """MNIST's own format: 0, 0, 8 for bytes, number of sizes, the sizes, the values."""
    data = np.fromfile(path, np.uint8)
    dimensions = int(data[3]) if len(data) > 3 else 0
    begin = 4 + 4 * dimensions
    sizes = [int.from_bytes(data[i : i + 4].tobytes(), "big") for i in range(4, begin, 4)]
    if data[:3].tolist() != [0, 0, 8] or not sizes or len(data) != begin + math.prod(sizes):
        raise CourseError(
            f"{path} is damaged: its length or its beginning is not that of a file of MNIST. "
            "Delete it and run this again: it is then unpacked anew."
        )
    return data[begin:].reshape(sizes)


def _mnist_blended() -> dict[str, Pool]:
    """|photo patch - digit| per channel, as MNIST-M (Ganin et al., JMLR 2016).

    The patches are 28x28 pixels of scikit-learn's two photographs; training and test patches come
    from other regions. Picture i lies over patch i.
    """

    def over_photographs(split: str, pool: Pool) -> Pool:
        def read(rows: Tensor) -> Tensor:
            digits = pool.read(rows)
            top = (64 - digits.shape[-1]) // 2
            cut = slice(top, top + digits.shape[-1])
            return blend(patches(rows, split)[..., cut, cut], digits)

        return Pool(pool.labels, read)

    return {split: over_photographs(split, pool) for split, pool in _mnist().items()}


def _svhn() -> dict[str, Pool]:
    """MATLAB files: X (32, 32, 3, n) uint8, y (n, 1) with 10 for the digit 0."""
    from scipy.io import loadmat

    pools = {}
    for split, file in zip(("train", "test"), SVHN, strict=True):
        stored = loadmat(fetch(file))
        pools[split] = _array(stored["X"].transpose(3, 0, 1, 2), stored["y"] % 10)
    return pools


def _array(pictures: np.ndarray, labels: np.ndarray) -> Pool:
    """pictures: uint8 (n, h, w), grey, or (n, h, w, 3)."""
    pictures = torch.from_numpy(pictures)

    def read(rows: Tensor) -> Tensor:
        chosen = pictures[rows]
        if chosen.ndim == 3:
            chosen = chosen[..., None].expand(*chosen.shape, 3)
        return chosen.permute(0, 3, 1, 2).contiguous()

    return Pool(torch.from_numpy(labels.astype(np.int64).reshape(-1)), read)


SETS = {
    "imagenette": PhotoSet(
        "Ten classes of ImageNet",
        "accuracy",
        "similar",
        tuple(IMAGENETTE_CLASSES.values()),
        "Imagenette (J. Howard, 2019), a part of ImageNet; test pictures are ImageNet's validation",
        (IMAGENETTE,),
        _imagenette,
        most=8_000,
        sizes=(100, 400),
        least=13_394,
    ),
    "pets": PhotoSet(
        "Cats and dogs of eight breeds",
        "accuracy",
        "similar",
        BREEDS,
        "Oxford-IIIT Pets (Parkhi et al., 2012), eight of 37 breeds",
        (PETS,),
        _pets,
        most=1_200,
        least=1_500,
    ),
    "eurosat": PhotoSet(
        "Land use in satellite pictures",
        "accuracy",
        "different",
        EUROSAT_CLASSES,
        "EuroSAT (Helber et al., 2019), Sentinel-2 in RGB",
        (EUROSAT,),
        _eurosat,
        most=20_000,
        least=27_000,
    ),
    "pneumonia": PhotoSet(
        "Chest X-rays of children: normal or pneumonia",
        "auc",
        "different",
        ("normal", "pneumonia"),
        "PneumoniaMNIST (MedMNIST v2, Yang et al., 2023), 28x28",
        (PNEUMONIA,),
        _pneumonia,
        most=4_708,
        sizes=(524, 624),
    ),
    "mnist": PhotoSet(
        "Handwritten digits of MNIST",
        "accuracy",
        "different",
        DIGITS,
        "MNIST (LeCun et al., 1998), 28x28",
        MNIST,
        _mnist,
        most=50_000,
        sizes=(500, 1_000),
        least=70_000,
    ),
    "mnist-blended": PhotoSet(
        "Handwritten digits of MNIST over photographs",
        "accuracy",
        "different",
        DIGITS,
        "MNIST over patches of scikit-learn's two photographs, by the construction of MNIST-M",
        MNIST,
        _mnist_blended,
        most=50_000,
        sizes=(500, 1_000),
        least=70_000,
    ),
    "svhn": PhotoSet(
        "House numbers in street photographs",
        "accuracy",
        "different",
        DIGITS,
        "SVHN (Netzer et al., 2011), 32x32",
        SVHN,
        _svhn,
        most=60_000,
        sizes=(500, 1_000),
    ),
}


@lru_cache(maxsize=4)
def _opened(name: str, root: Path) -> dict[str, Pool]:
    one, mend = SETS[name], "Delete what is unpacked there and run this again: it is made anew."
    found = one.open()
    labels = torch.cat([pool.labels for pool in found.values()])
    if len(labels) < one.least:
        raise CourseError(
            f"{name} has only {len(labels):,} of {one.least:,} pictures in {root}: that copy is "
            f"not whole. {mend}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(one.classes):
        raise CourseError(f"{name} has labels in {root} that no class has: it is damaged. {mend}")
    return found


def pools(name: str) -> dict[str, Pool]:
    """The pools "train", "validation" and "test" of a set, which share no picture.

    Validation and test are always the same pictures, classes as equal in number as can be. What
    the makers of the set did not hold out is held out here. Raises CourseError when a file cannot
    be had or is not what it should be.
    """
    found = dict(_opened(name, data_folder()))
    size = dict(zip(("validation", "test"), SETS[name].sizes, strict=True))
    for split in ("test", "validation"):
        source = split if split in found else "train"
        chosen, rest = _held_out(found[source], size[split], len(SETS[name].classes), name)
        found[split] = chosen
        if source == "train":
            found["train"] = rest
    return found


def _held_out(pool: Pool, n: int, classes: int, name: str) -> tuple[Pool, Pool]:
    """The same n pictures of every call, as equal in class as can be, and the others."""
    order = torch.randperm(len(pool.labels), generator=torch.Generator().manual_seed(0))
    rows = stratified(pool.labels[order], n, classes)
    if rows is None:
        raise CourseError(f"{name} has {len(pool.labels)} pictures where {n} are needed.")
    chosen = torch.zeros(len(order), dtype=torch.bool)
    chosen[rows] = True
    return _part(pool, order[chosen]), _part(pool, order[~chosen])


def _part(pool: Pool, rows: Tensor) -> Pool:
    return Pool(pool.labels[rows], lambda at: pool.read(rows[at]))
