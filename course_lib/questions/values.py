"""Plain values: what an answer gave as numbers, texts, lists and arrays, and whether two agree."""

from __future__ import annotations

from typing import Any

import numpy as np

RTOL, ATOL = 1e-3, 1e-5  # a check file may set its own


def plain(value: Any) -> Any:
    """A copy of a value made of None, bool, int, float, str, list, dict and numpy arrays.

    It is what a sandbox would send back for the value: tuples become lists, keys texts, torch
    tensors arrays (bfloat16 becomes float32). Raises TypeError for anything else.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a torch tensor
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise TypeError(f"an array of {value.dtype} cannot be compared")
        return np.array(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be compared")


def same(want: Any, have: Any, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Whether an output equals the expected one: same structure and shape, numbers within
    tolerance.

    A number's type does not matter (int, float32, array of one scalar); NaN never counts as equal.
    """
    if isinstance(want, dict):
        return (
            isinstance(have, dict)
            and set(want) == set(have)
            and all(same(want[k], have[k], rtol, atol) for k in want)
        )
    if want is None or isinstance(want, str):
        return type(want) is type(have) and want == have
    if isinstance(want, list) and not _numeric(want):
        have = list(have) if isinstance(have, np.ndarray) and have.ndim else have
        return (
            isinstance(have, list)
            and len(want) == len(have)
            and all(same(w, h, rtol, atol) for w, h in zip(want, have, strict=True))
        )
    if not _numeric(have):
        return False
    try:
        a, b = np.asarray(want, dtype=np.float64), np.asarray(have, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return False
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(b)) and np.all(np.abs(a - b) <= atol + rtol * np.abs(a)))


def _numeric(value: Any) -> bool:
    return _numbers(value) or _is_array(value)


def _numbers(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) > 0 and all(_numbers(v) for v in value)
    return isinstance(value, (bool, int, float)) or (_is_array(value) and value.ndim == 0)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))
