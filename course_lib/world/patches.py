"""Patches of scikit-learn's two sample photographs, kept apart by photo region.

Each split owns vertical strips of both photographs; a patch lies inside one strip, so no pixel of
a training patch is ever seen in validation or test.
"""

from functools import lru_cache

import torch

from course_lib.world.random import uniform

SIZE = 64
PHOTOS = ("china.jpg", "flower.jpg")

# Columns [first, last) that belong to each split. Strips alternate, so that every split sees
# temple, trees and sky, petals and leaves.
STRIPS = {
    "train": ((0, 180), (330, 480)),
    "validation": ((260, 330), (480, 560)),
    "test": ((180, 260), (560, 640)),
}


@lru_cache(maxsize=1)
def photographs() -> torch.Tensor:
    """(2, 3, 427, 640) uint8: china.jpg and flower.jpg of scikit-learn (CC BY)."""
    from sklearn.datasets import load_sample_image

    return torch.stack([torch.tensor(load_sample_image(name)).permute(2, 0, 1) for name in PHOTOS])


def corners(
    index: torch.Tensor, split: str, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where patch i of a seed is cut: photograph, top row and left column, each (n,) int64.

    Uniform over every position that keeps the patch inside one strip of the split.
    """
    lefts = torch.cat([torch.arange(a, b - SIZE + 1) for a, b in STRIPS[split]])
    numbers = uniform(seed, index, f"patch {split}", k=3)
    rows = photographs().shape[2] - SIZE + 1
    photo, top, column = (
        (numbers[:, i] * options).long()
        for i, options in enumerate((len(PHOTOS), rows, len(lefts)))
    )
    return photo, top, lefts[column]


def patches(index: torch.Tensor, split: str, seed: int = 0) -> torch.Tensor:
    """(n, 3, 64, 64) uint8, one patch for each number in `index` ((n,) int64).

    A quarter of the patches stays as it is, the others are mirrored sideways, upside down or both.
    """
    photo, top, left = corners(index, split, seed)
    steps = torch.arange(SIZE)
    rows = (top[:, None] + steps)[:, None, :, None]
    columns = (left[:, None] + steps)[:, None, None, :]
    channels = torch.arange(3)[None, :, None, None]
    cut = photographs()[photo[:, None, None, None], channels, rows, columns]
    flips = uniform(seed, index, f"flip {split}", k=2) < 0.5
    for flip, axis in zip(flips.T, (3, 2), strict=True):
        cut = torch.where(flip[:, None, None, None], cut.flip(axis), cut)
    return cut
