"""Pictures of any source, as small as a comparison needs.

Two pictures are near-duplicates when the edges of their 16 x 16 grey thumbnails agree: a copy that
was compressed, scaled, brightened, mirrored or cropped around its centre still does, another
photograph of the same kind of thing does not. Brightness itself is left out, since a white sky on
top of a dark field looks alike in any two landscapes. Where all pictures look alike, as X-rays do,
two must agree more than is usual there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib import checks
from course_lib.data.reading import SUFFIXES, files_below
from course_lib.errors import CourseError

SIDE = 16  # pixels of a thumbnail
ALIKE = 0.85  # agreement of edges from which on two pictures are near-duplicates,
UNUSUAL = 6.5  # if it lies so many standard deviations above that of two pictures by chance,
SURELY = 0.98  # and in any case from here on
SAMPLE = 1000  # pictures from which the usual agreement is estimated
CROPS = (0.95, 0.9)  # shares of the sides that crops around the centre keep


@dataclass(frozen=True, eq=False)
class Pictures:
    """names: of each picture. labels: int64 (n,) or None when a source has none.

    digests: of each file, or of the pixels where there is no file.
    edges: float32 (views, n, features), each of length 1: as it is, mirrored, cropped.
    """

    names: tuple[str, ...]
    labels: np.ndarray | None
    digests: tuple[str, ...]
    edges: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


def read(source, part: str) -> Pictures:
    """The pictures of a folder, of a list of files, of a torch data set, or of a Split.

    source: a folder (its sub-folders, if there are any, are the classes), file paths, a map-style
        data set with items (picture, label), or (pictures, labels) as tensors. Files are read from
        disk where a data set names them (ImageFolder and its Subset), so its transform and random
        views play no part.
    part: how an error calls it. Raises CourseError for anything else and for unreadable files.
    """
    if isinstance(source, Pictures):
        return source
    names, labels, digests, edges = [], [], [], []
    for name, label, digest, image in _items(source, part):
        names.append(name)
        labels.append(label)
        digests.append(digest)
        edges.append([edges_of(view) for view in _views(image)])
    if not names:
        raise CourseError(f"{part} has no pictures.")
    known = None if any(label is None for label in labels) else np.asarray(labels)
    stacked = np.ascontiguousarray(np.stack(edges, 1), dtype=np.float32)
    return Pictures(tuple(names), known, tuple(digests), stacked)


def edges_of(image: Image.Image) -> np.ndarray:
    """Differences between neighbours of the grey thumbnail, float (480,), of length 1.

    Zero where nothing differs: an empty picture is like no other.
    """
    small = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), float)
    steps = np.concatenate([np.diff(small, axis=1).ravel(), np.diff(small, axis=0).ravel()])
    length = float(np.linalg.norm(steps))
    return steps / length if length > 0 else steps


def unusual(parts: Iterable[Pictures]) -> float:
    """The agreement from which on two of these pictures are near-duplicates, ALIKE to SURELY.

    Fisher's z of all pairs, median and MAD: copies are few among the pairs and do not move them.
    """
    edges = np.concatenate([part.edges[0] for part in parts])
    edges = edges[:: max(1, -(-len(edges) // SAMPLE))]
    rows, columns = np.triu_indices(len(edges), 1)
    if not len(rows):
        return ALIKE
    z = np.arctanh(np.clip((edges @ edges.T)[rows, columns], -0.9999, 0.9999))
    middle = np.median(z)
    spread = 1.4826 * np.median(np.abs(z - middle))
    return float(np.clip(np.tanh(middle + UNUSUAL * spread), ALIKE, SURELY))


def near(one: Pictures, other: Pictures, alike: float) -> list[tuple[float, int, int]]:
    """Pairs (agreement, row in one, row in other) from `alike` on, the most alike first."""
    found = []
    for start in range(0, len(one), 512):
        rows = slice(start, start + 512)
        best: np.ndarray = np.full((len(one.names[rows]), len(other)), -1.0, np.float32)
        for view in range(len(one.edges)):
            np.maximum(best, one.edges[view, rows] @ other.edges[0].T, out=best)
            np.maximum(best, one.edges[0, rows] @ other.edges[view].T, out=best)
        at, there = np.nonzero(best >= alike)
        found += [
            (float(best[i, j]), start + int(i), int(j)) for i, j in zip(at, there, strict=True)
        ]
    return sorted(found, key=lambda pair: (-pair[0], *pair[1:]))


def _views(image: Image.Image) -> Iterator[Image.Image]:
    yield image
    yield image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for share in CROPS:
        across, down = ((1 - share) / 2 * side for side in image.size)
        box = (across, down, image.width - across, image.height - down)
        yield image.resize((4 * SIDE, 4 * SIDE), Image.Resampling.BOX, box=box)


def _items(source, part: str) -> Iterator[tuple[str, int | None, str, Image.Image]]:
    if isinstance(source, (str, Path)):
        files, labels = _folder(source, part)
        yield from _from_files(files, labels, part)
    elif (named := _named_files(source)) is not None:
        yield from _from_files(*named, part)
    elif isinstance(source, tuple) and len(source) == 2 and hasattr(source[0], "ndim"):
        yield from _from_items(list(zip(*source, strict=True)), part)
    elif isinstance(source, Sequence) and source and isinstance(source[0], (str, Path)):
        yield from _from_files([Path(file) for file in source], [None] * len(source), part)
    elif hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        yield from _from_items(source, part)
    else:
        raise CourseError(
            f"{part} must be a folder, a list of files, a data set with items (picture, label) or "
            f"(pictures, labels); got {type(source).__name__}. A DataLoader has its data set in "
            "`.dataset`."
        )


def _folder(path: str | Path, part: str) -> tuple[list[Path], list[int | None]]:
    root = checks.path(path, part)
    if not root.is_dir():
        raise CourseError(f"{part}: {path} is not a folder.")
    files = [file for file in files_below(root)[0] if file.suffix.lower() in SUFFIXES]
    tops = sorted({file.relative_to(root).parts[0] for file in files})
    if any(file.parent == root for file in files):
        return files, [None] * len(files)
    return files, [tops.index(file.relative_to(root).parts[0]) for file in files]


def _named_files(source) -> tuple[list[Path], list[int | None]] | None:
    """Files and labels of ImageFolder and of parts of it; None where a data set names none."""
    rows: Sequence[int] | None = None
    while hasattr(source, "indices") and hasattr(source, "dataset"):
        inner = list(source.indices)
        rows = inner if rows is None else [inner[row] for row in rows]
        source = source.dataset
    samples = getattr(source, "samples", None)
    if not samples or not isinstance(samples[0], (tuple, list)):
        return None
    if not isinstance(samples[0][0], (str, Path)):
        return None
    chosen = samples if rows is None else [samples[row] for row in rows]
    return [Path(file) for file, _ in chosen], [int(label) for _, label in chosen]


def _from_files(files: Sequence[Path], labels: Sequence[int | None], part: str):
    for file, label in zip(files, labels, strict=True):
        try:
            data = file.read_bytes()
            with Image.open(file) as image:
                image.draft("L", (8 * SIDE, 8 * SIDE))  # JPEG: decode no more than is needed
                deep = image.mode.startswith(("I", "F"))  # 16 and 32 bits a pixel
                grey = _image(np.asarray(image)) if deep else image.convert("L")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise CourseError(
                f"{part}: {file} cannot be read as a picture ({error}). Take it out, or mend it."
            ) from error
        yield str(file), label, hashlib.sha256(data).hexdigest(), grey


def _from_items(data, part: str):
    for row in range(len(data)):
        try:
            picture, label = data[row][:2]
            image = picture if isinstance(picture, Image.Image) else _image(picture)
            number = int(label)
        except Exception as error:  # whatever a data set of someone else raises
            raise CourseError(
                f"{part}[{row}] cannot be compared: {error!r}. An item is (picture, label): a PIL "
                "image, or an array or tensor, grey or RGB; a whole number."
            ) from error
        pixels = np.asarray(picture)
        digest = hashlib.sha256(f"{pixels.dtype}{pixels.shape}".encode() + pixels.tobytes())
        yield f"{part}[{row}]", number, digest.hexdigest(), image


def _image(picture) -> Image.Image:
    """Any array or tensor as a grey picture; normalised values are stretched to 0..255."""
    values = np.asarray(picture, float)
    if values.ndim == 3:
        values = values.mean(0 if values.shape[0] in (1, 3) else 2)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"a picture of the shape {np.shape(picture)}, or with NaN")
    spread = float(np.ptp(values)) or 1.0
    return Image.fromarray(((values - values.min()) / spread * 255).round().astype(np.uint8))
