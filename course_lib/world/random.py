"""Counter-based random numbers: the numbers of picture i depend only on (seed, i).

A picture therefore stays the same whatever the batch size, the order or the device. The generator
is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
used as a hash of (seed, stream, column, index).
"""

import zlib

import numpy as np
import torch

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed: int, index: torch.Tensor, stream: str, k: int = 1) -> torch.Tensor:
    """Uniform numbers in [0, 1), one row for each index.

    Args:
        seed: any integer.
        index: (n,) int64, the number of each picture.
        stream: name of the quantity; different names give independent numbers.
        k: how many numbers for each index.

    Returns:
        float64 on the CPU, (n,) for k = 1, else (n, k).
    """
    counter = index.cpu().numpy().astype(np.uint64)
    with np.errstate(over="ignore"):
        key = _mix(
            np.array([seed % 2**63], np.uint64) * _GOLDEN + np.uint64(zlib.crc32(stream.encode()))
        )
        columns = [
            _mix(_mix(counter * _GOLDEN + key) + np.uint64(column) * _GOLDEN) for column in range(k)
        ]
    numbers = torch.from_numpy(np.stack(columns, -1) >> np.uint64(11)).to(torch.float64) / 2.0**53
    return numbers[:, 0] if k == 1 else numbers


def choice(seed: int, index: torch.Tensor, stream: str, options: int) -> torch.Tensor:
    """(n,) int64, uniform in 0 .. options - 1."""
    return (uniform(seed, index, stream) * options).long().clamp_(max=options - 1)


def between(seed: int, index: torch.Tensor, stream: str, low: float, high: float) -> torch.Tensor:
    """(n,) float64, uniform in [low, high)."""
    return low + (high - low) * uniform(seed, index, stream)
