"""Plain data over a pipe: JSON with raw numpy arrays behind it. Never pickle, never code.

A value is ``8-byte length | JSON | array bytes``. An array stands in the JSON as
``{"__array__": [dtype, shape]}`` and its bytes follow in the order of appearance. There is no
compression, so a value is never larger in memory than the bytes that were received.

What comes back from a run is a row of frames ``case | kind | name | value``: a part (``p``) or an
error (``e``) of a case. A harness sends ``P`` and ``E`` for the reference answer, before it reads
anything of the answer that is judged. A receiver who knows what to expect (``declare``) takes that
and nothing else (``gather``): names, shapes and sizes are compared before anything is allocated.
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
# The kinds of error that are told; every other one is the first.
ERRORS = tuple(
    "Exception ArithmeticError AssertionError AttributeError BlockingIOError BufferError "
    "ConnectionError EOFError FileExistsError FileNotFoundError FloatingPointError ImportError "
    "IndentationError IndexError InterruptedError IsADirectoryError KeyError KeyboardInterrupt "
    "LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError "
    "OSError OverflowError PermissionError ProcessLookupError RecursionError RuntimeError "
    "StopIteration SyntaxError SystemError SystemExit TabError TimeoutError TypeError "
    "UnboundLocalError UnicodeError ValueError ZeroDivisionError".split()
)
MAX_DEPTH, MAX_ITEMS, MAX_JSON, MAX_DIMS, MAX_FRAMES = 16, 20_000, 4 << 20, 8, 10_000
# An array with a side of 0 costs no bytes, so its other sides need a bound of their own.
MAX_EMPTY = 1 << 16
WHOLE = 0xFFFF  # the case number of what concerns all cases
HEAD = struct.Struct("<HcBI")


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


def _opened(data, limit):
    """The JSON of a value and a reader of its arrays: ``read(dtype, shape)``, ``read.left()``."""
    if len(data) < 8:
        raise WireError("the message is cut short")
    (size,) = struct.unpack_from("<Q", data)
    if size > min(limit, len(data) - 8):
        raise WireError("the message is cut short or its text is too long")
    try:
        tree = json.loads(bytes(data[8 : 8 + size]).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the message is not JSON ({type(error).__name__})") from None
    return tree, _Arrays(data, 8 + size)


class _Arrays:
    def __init__(self, data, offset):
        self.data, self.offset = data, offset

    def read(self, name, shape):
        dtype, count = np.dtype(name).newbyteorder("<"), math.prod(shape)
        if count * dtype.itemsize > len(self.data) - self.offset:
            raise WireError("an array is longer than the message")
        result = np.frombuffer(self.data, dtype, count, self.offset).reshape(shape)
        self.offset += count * dtype.itemsize
        return result

    def end(self):
        if self.offset != len(self.data):
            raise WireError("there are bytes behind the message")


def _described(spec):
    """dtype and shape of ``{"__array__": spec}``."""
    if not (
        isinstance(spec, list)
        and len(spec) == 2
        and isinstance(spec[0], str)
        and spec[0] in DTYPES
        and isinstance(spec[1], list)
        and len(spec[1]) <= MAX_DIMS
        and all(type(n) is int and 0 <= n <= 1 << 40 for n in spec[1])
    ):
        raise WireError("an array is not described properly")
    return spec[0], tuple(spec[1])


def decode(data):
    """Decode a value of which nothing is known. Raises WireError for anything odd."""
    tree, arrays = _opened(data, MAX_JSON)
    items = 0

    def array(spec):
        name, shape = _described(spec)
        if 0 in shape and math.prod(n or 1 for n in shape) > MAX_EMPTY:
            raise WireError("an empty array has sides that are too long")
        return arrays.read(name, shape)

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
    arrays.end()
    return value


# --- what is expected ----------------------------------------------------------------------------


def declare(value):
    """What may come in the place of an expected value: its names, shapes and lengths of texts.

    ``("numbers", shape)`` (any dtype; nested lists of numbers count as an array),
    ``("text", length)``, ``("none",)``, ``("list", [...])`` or ``("dict", {...})``.
    """
    if isinstance(value, dict):
        return "dict", {str(key): declare(item) for key, item in value.items()}
    if value is None:
        return ("none",)
    if isinstance(value, str):
        return "text", len(value)
    shape = _shape(value)
    if shape is None:
        return "list", [declare(item) for item in value]
    return "numbers", shape


def _shape(value):
    if not isinstance(value, (list, tuple)):
        return tuple(np.shape(value))
    if any(isinstance(item, (str, dict)) or item is None for item in value):
        return None
    shapes = {_shape(item) for item in value}
    if len(shapes) != 1 or None in shapes:
        return None
    return (len(value), *shapes.pop())


def budget(declared):
    """The most bytes of text and of arrays that a value of this declaration can need."""
    kind = declared[0]
    if kind == "numbers":
        count = math.prod(declared[1])
        return 128 + 64 * count, 8 * count
    if kind == "text":
        return 16 + 12 * declared[1], 0
    if kind == "none":
        return 16, 0
    if kind == "list":
        parts, names = declared[1], 0
    else:
        parts, names = declared[1].values(), sum(16 + 12 * len(name) for name in declared[1])
    sizes = [budget(part) for part in parts]
    return 16 + names + sum(s for s, _ in sizes), sum(a for _, a in sizes)


def decode_declared(data, declared):
    """Decode a value that must be as declared. Raises WireError, before anything is allocated."""
    text, rest = budget(declared)
    if len(data) > 8 + text + rest:
        raise WireError("the message is longer than what is expected")
    tree, arrays = _opened(data, text)

    def fit(item, declared):
        kind = declared[0]
        if kind == "numbers":
            return numbers(item, declared[1])
        if kind == "dict" and isinstance(item, dict) and item.keys() == declared[1].keys():
            return {name: fit(item[name], inner) for name, inner in declared[1].items()}
        if kind == "list" and isinstance(item, list) and len(item) == len(declared[1]):
            return [fit(a, b) for a, b in zip(item, declared[1], strict=True)]
        if kind == "text" and isinstance(item, str) and len(item) <= declared[1]:
            return item
        if kind == "none" and item is None:
            return None
        raise WireError("a value is not of the expected kind")

    def numbers(item, shape):
        if isinstance(item, dict) and set(item) == {"__array__"}:
            name, given = _described(item["__array__"])
            if given == shape:
                return arrays.read(name, shape)
        elif isinstance(item, list) and shape and len(item) == shape[0]:
            return [numbers(inner, shape[1:]) for inner in item]
        elif isinstance(item, (bool, int, float)) and shape == ():
            return item
        raise WireError("numbers are not of the expected shape")

    value = fit(tree, declared)
    arrays.end()
    return value


# --- rows of frames ------------------------------------------------------------------------------


def frame(case, kind, name, data):
    """One part or error of a case. ``kind``: p, e, P or E."""
    name = name.encode()[:255]
    return HEAD.pack(case, kind.encode(), len(name), len(data)) + name + data


def error_frame(case, kind, name, line):
    """An error as a number in ERRORS and a line; no text can be in it."""
    number = ERRORS.index(name) if name in ERRORS else 0
    return frame(case, kind, "", struct.pack("<HI", number, line))


def frames(data, cut=False):
    """The frames of a message. Raises WireError unless a ``cut`` end is allowed."""
    view, offset, found = memoryview(data), 0, []
    while offset < len(view):
        start = end = offset + HEAD.size
        if start <= len(view):
            case, kind, length, size = HEAD.unpack_from(view, offset)
            start, end = start + length, start + length + size
        if end > len(view) or len(found) == MAX_FRAMES:
            if cut:
                break
            raise WireError("there are too many frames, or one is longer than the message")
        name = bytes(view[offset + HEAD.size : start]).decode("utf-8", "replace")
        found.append((case, kind.decode("latin-1"), name, view[start:end]))
        offset = end
    return found


def gather(data, declared, part="p", error="e", lines=0, cut=False):
    """What is expected, out of a message that may be forged.

    ``declared`` holds for every case the declarations by name. Returns the values by name of every
    case, those that do not fit left out, and the first error as (kind, line) with a line of at most
    ``lines``, or None. A name counts once, at its first place. Raises WireError.
    """
    values, seen, first = [{} for _ in declared], set(), None
    for case, kind, name, value in frames(data, cut):
        if kind == error and first is None and (case < len(declared) or case == WHOLE):
            first = _error(value, lines)
        elif kind == part and case < len(declared) and name in declared[case]:
            if (case, name) in seen:
                continue
            seen.add((case, name))
            try:
                values[case][name] = decode_declared(value, declared[case][name])
            except WireError:
                pass
    return values, first


def _error(data, lines):
    if len(data) != 6:
        raise WireError("an error is not described properly")
    number, line = struct.unpack("<HI", data)
    name = ERRORS[number] if number < len(ERRORS) else ERRORS[0]
    return name, line if line <= lines else 0
