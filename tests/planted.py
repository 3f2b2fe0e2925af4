"""Small files in the real formats of the public sets, and how the course is pointed at them.

`put(url, facts)` makes the sets of `course_lib.data.photos` fetch from a host of the tests, in a
test or in the kernel of a notebook.
"""

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
from PIL import Image

from course_lib.data import photos, recipes, tasks


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


def imagenette(times: int = 1) -> dict[str, bytes]:
    members = {"imagenette2-160/noisy_imagenette.csv": b"path,noisy_labels_0\n"}
    for label, wnid in enumerate(photos.IMAGENETTE_CLASSES):
        for split, count in (("train", 5), ("val", 3)):
            for i in range(count * times):
                name = f"imagenette2-160/{split}/{wnid}/{wnid}_{i}.JPEG"
                members[name] = jpeg(10_000 * label + 10 * i + count)
    return {"imagenette2-160.tgz": tgz(members)}


def pets(times: int = 1) -> dict[str, bytes]:
    members = {"images/Abyssinian_100.mat": b"a stray file", "images/Ragdoll_1.jpg": jpeg(1)}
    for label, breed in enumerate(photos.BREEDS):
        members |= {f"images/{breed}_{i}.jpg": jpeg(1000 * label + i) for i in range(9 * times)}
    return {"images.tar.gz": tgz(members)}


def eurosat(times: int = 1) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for label, name in enumerate(photos.EUROSAT_CLASSES):
            for i in range(9 * times):
                pack.writestr(f"2750/{name}/{name}_{i}.jpg", jpeg(1000 * label + i, (64, 64)))
    return {"EuroSAT.zip": buffer.getvalue()}


def pneumonia(times: int = 1) -> dict[str, bytes]:
    random, arrays, buffer = np.random.default_rng(0), {}, io.BytesIO()
    for split, count in (("train", 40), ("val", 20), ("test", 30)):
        count *= times
        arrays[f"{split}_images"] = random.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez_compressed(buffer, **arrays)
    return {"pneumoniamnist.npz": buffer.getvalue()}


def idx(values: np.ndarray) -> bytes:
    """The format of MNIST: a magic number, the sizes, the bytes."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return gzip.compress(header + values.astype(np.uint8).tobytes())


def mnist(times: int = 1) -> dict[str, bytes]:
    random, files = np.random.default_rng(1), {}
    for split, count in (("train", 60), ("t10k", 40)):
        count *= times
        files[f"{split}-images-idx3-ubyte.gz"] = idx(random.integers(0, 255, (count, 28, 28)))
        files[f"{split}-labels-idx1-ubyte.gz"] = idx(np.arange(count) % 10)
    return files


def svhn(times: int = 1) -> dict[str, bytes]:
    from scipy.io import savemat

    random, files = np.random.default_rng(2), {}
    for split, count in (("train", 60), ("test", 40)):
        count *= times
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


def everything(times: int = 1) -> dict[str, bytes]:
    """Every file of every set by name, with `times` as many pictures."""
    return {name: data for make in set(MAKERS.values()) for name, data in make(times).items()}


def facts(content: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    """What the course must know of each file: size and digest."""
    return {
        name: (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        for name, data in content.items()
    }


def put(url: str, known: dict[str, tuple[int, str]], setattr=setattr) -> None:
    """Point the sets at the host; they ask for few validation and test pictures."""

    def here(file):
        size, digest = known[file.name]
        return replace(file, url=f"{url}/{file.name}", size=size, digest=digest)

    for name in ("IMAGENETTE", "PETS", "EUROSAT", "PNEUMONIA"):
        setattr(photos, name, here(getattr(photos, name)))
    for name in ("MNIST", "SVHN"):
        setattr(photos, name, tuple(map(here, getattr(photos, name))))
    small = {
        name: replace(
            one,
            sizes=(20 if len(one.classes) == 10 else 16, 20),
            files=tuple(map(here, one.files)),
            least=0,
        )
        for name, one in photos.SETS.items()
    }
    setattr(photos, "SETS", small)
    fresh = {name: recipes.photo_task(name) for name in small}
    setattr(tasks, "RECIPES", {**tasks.RECIPES, **fresh})
    forget()


def forget() -> None:
    """Let nothing that was read before stand in for what a host has now."""
    photos._opened.cache_clear()
    tasks._built_in.cache_clear()
