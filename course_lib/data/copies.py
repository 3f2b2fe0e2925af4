"""The same picture twice: learnt from and measured on, or under two labels.

Pictures are compared pixel by pixel. A few pixels of each tell most of them apart, so that only
likely pairs are looked at in full.
"""

import torch
from torch import Tensor

FEW = 64  # pixels of a picture that are compared first


def among(pictures: Tensor, others: Tensor) -> Tensor:
    """Which pictures are among the others: bool (n,). Both uint8 (n, 3, height, width)."""
    if pictures.shape[1:] != others.shape[1:] or not len(others):
        return torch.zeros(len(pictures), dtype=torch.bool)
    known = set(_few(others))
    likely = [row for row, few in enumerate(_few(pictures)) if few in known]
    if likely:
        wanted = set(_few(pictures[likely]))
        rows = [row for row, few in enumerate(_few(others)) if few in wanted]
        whole = {_bytes(others[row]) for row in rows}
        likely = [row for row in likely if _bytes(pictures[row]) in whole]
    found = torch.zeros(len(pictures), dtype=torch.bool)
    found[likely] = True
    return found


def under_two_labels(pictures: Tensor, labels: Tensor) -> int:
    """How many pictures, uint8 (n, 3, h, w), are there again under another label, int64 (n,)."""
    rows_of: dict[bytes, list[int]] = {}
    for row, few in enumerate(_few(pictures)):
        rows_of.setdefault(few, []).append(row)
    said: dict[bytes, set[int]] = {}
    for rows in rows_of.values():
        if len(rows) > 1:
            for row in rows:
                said.setdefault(_bytes(pictures[row]), set()).add(int(labels[row]))
    return sum(len(names) > 1 for names in said.values())


def _few(pictures: Tensor) -> list[bytes]:
    flat = pictures.flatten(1)
    some = flat[:, :: max(1, flat.shape[1] // FEW)].contiguous().cpu().numpy()
    return [row.tobytes() for row in some]


def _bytes(picture: Tensor) -> bytes:
    return picture.cpu().numpy().tobytes()
