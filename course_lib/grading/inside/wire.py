"""Plain data over a pipe: JSON with raw numpy arrays behind it. Never pickle, never code.

A message is ``8-byte length | JSON | array bytes``. An array stands in the JSON as
``{"__array__": [dtype, shape]}`` and its bytes follow in the order of appearance. There is no
compression, so a message is never larger in memory than the bytes that were received.
"""

import json
import math
import struct

import numpy as np

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
)
MAX_DEPTH, MAX_ITEMS, MAX_JSON, MAX_DIMS = 16, 20_000, 4 << 20, 8
# An array with a side of 0 costs no bytes, so its other sides need a bound of their own.
MAX_EMPTY = 1 << 16


class WireError(ValueError):
    """Bytes that are not a well-formed message, or a value that cannot be one."""


def encode(value) -> bytes:
    """Encode None, bool, int, float, str, list, tuple, dict (string keys) and numpy arrays."""
    blobs = []

    def plain(item):
        if hasattr(item, "detach") and hasattr(item, "cpu"):  # a torch tensor
            item = item.detach().cpu()
            item = (item.float() if str(item.dtype) == "torch.bfloat16" else item).numpy()
        if isinstance(item, (np.ndarray, np.generic)):
            array = np.ascontiguousarray(item).reshape(np.shape(item))
            if array.dtype.name not in DTYPES:
                raise WireError(f"arrays of {array.dtype} cannot be sent")
            blobs.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
            return {"__array__": [array.dtype.name, list(array.shape)]}
        if isinstance(item, dict):
            return {str(k): plain(v) for k, v in item.items()}
        if isinstance(item, (list, tuple)):
            return [plain(v) for v in item]
        if item is None or isinstance(item, (bool, int, float, str)):
            return item
        raise WireError(f"a {type(item).__name__} cannot be sent")

    text = json.dumps(plain(value)).encode()
    return b"".join([struct.pack("<Q", len(text)), text, *blobs])


def decode(data: bytes):
    """Decode a message from a sender who may be lying. Raises WireError for anything odd."""
    if len(data) < 8:
        raise WireError("the message is cut short")
    (size,) = struct.unpack_from("<Q", data)
    if size > min(MAX_JSON, len(data) - 8):
        raise WireError("the message is cut short or its text is too long")
    try:
        tree = json.loads(data[8 : 8 + size].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the message is not JSON ({type(error).__name__})") from None
    offset, items = 8 + size, 0

    def array(spec):
        nonlocal offset
        if not (
            isinstance(spec, list)
            and len(spec) == 2
            and spec[0] in DTYPES
            and isinstance(spec[1], list)
            and len(spec[1]) <= MAX_DIMS
            and all(type(n) is int and 0 <= n <= 1 << 40 for n in spec[1])
        ):
            raise WireError("an array is not described properly")
        dtype, shape = np.dtype(spec[0]).newbyteorder("<"), tuple(spec[1])
        count = math.prod(shape)
        if count * dtype.itemsize > len(data) - offset:
            raise WireError("an array is longer than the message")
        if count == 0 and math.prod(n or 1 for n in shape) > MAX_EMPTY:
            raise WireError("an empty array has sides that are too long")
        result = np.frombuffer(data, dtype, count, offset).reshape(shape)
        offset += count * dtype.itemsize
        return result

    def build(item, depth):
        nonlocal items
        items += 1
        if depth > MAX_DEPTH or items > MAX_ITEMS:
            raise WireError("the message is nested too deeply or has too many items")
        if isinstance(item, dict):
            if set(item) == {"__array__"}:
                return array(item["__array__"])
            return {key: build(value, depth + 1) for key, value in item.items()}
        if isinstance(item, list):
            return [build(value, depth + 1) for value in item]
        return item

    value = build(tree, 0)
    if offset != len(data):
        raise WireError("there are bytes behind the message")
    return value
