"""Photographs for whoever has none at hand: pieces of the two that scikit-learn brings."""

import tempfile
from pathlib import Path

import torch
from PIL import Image

SIDE = 96


def sample_folder(folder: str | Path | None = None, pieces: int = 40, seed: int = 0) -> Path:
    """A folder with one sub-folder for each of two photographs, cut into `pieces` squares.

    folder: where it is made; default: a temporary one, which stays until the machine tidies up.
    Pieces of one photograph are not new photographs: what is measured on them flatters.
    """
    from sklearn.datasets import load_sample_image

    root = Path(tempfile.mkdtemp(prefix="course-pictures-") if folder is None else folder)
    generator = torch.Generator().manual_seed(seed)
    for name in ("china", "flower"):
        photograph = Image.fromarray(load_sample_image(f"{name}.jpg"))
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(pieces):
            left, top = (
                int(torch.randint(0, length - SIDE, (), generator=generator))
                for length in photograph.size
            )
            piece = photograph.crop((left, top, left + SIDE, top + SIDE))
            piece.save(root / name / f"{number:02}.png")
    return root
