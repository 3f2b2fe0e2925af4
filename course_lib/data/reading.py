"""One picture of a file, as the course sees it."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"}


SMALLEST = 8  # pixels of the shorter side


LARGEST = 100_000_000  # pixels in all


def files_below(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files of a folder and of those in it, in order, and the folders that cannot be opened.

    Hidden files and folders are passed over. The second: (folder, reason in words).
    """
    files, closed = [], []

    def note(error: OSError) -> None:
        reason = error.strerror or error
        closed.append((Path(error.filename), f"this folder cannot be opened ({reason})"))

    for inner, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(inner, name)
            for name in names
            if not name.startswith(".") and name != "Thumbs.db" and Path(inner, name).is_file()
        ]
    return sorted(files), sorted(closed)


class Unusable(Exception):
    """Why a file cannot be used, in words for its owner."""


def read_picture(file: Path, size: int) -> Tensor:
    """One picture as the course sees it: uint8 (3, size, size). Raises Unusable with the reason.

    Turned as the camera noted, made RGB (transparent parts white), scaled and cut to a square
    around the centre.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise Unusable(f"not a picture ({file.suffix or 'no'} suffix)")
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            width, height = image.size
            if width * height > LARGEST:
                raise Unusable(f"too large, {width} x {height} pixels")
            if min(width, height) < SMALLEST:
                raise Unusable(f"too small, {width} x {height} pixels; {SMALLEST} are needed")
            image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode no more than is needed
            image = _rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:
        raise Unusable("too large") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unusable(f"damaged or not a picture ({error})") from error
    image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel: stretch to what there is
        values = np.asarray(image, dtype=np.float64)
        if not np.isfinite(values).all():
            raise Unusable("it holds NaN or infinite values")
        spread = float(np.ptp(values)) or 1.0
        image = Image.fromarray(((values - values.min()) / spread * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
