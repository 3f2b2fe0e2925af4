"""The wire format: what goes in comes out, and bytes of a liar raise WireError and nothing else."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_lib.grading.inside import wire

ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.int64, np.bool_, np.uint8, np.float64]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20)
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def equal(a, b):
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and (a.tobytes() == b.tobytes())
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@given(VALUES)
def test_what_is_encoded_is_decoded_again(value):
    assert equal(value, wire.decode(wire.encode(value)))


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_wire_errors(data):
    try:
        wire.decode(data)
    except wire.WireError:
        pass


@given(VALUES, st.data())
def test_damaged_messages_raise_only_wire_errors(value, data):
    message = bytearray(wire.encode(value))
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] = data.draw(st.integers(0, 255))
    try:
        wire.decode(bytes(message[: data.draw(st.integers(0, len(message)))]))
    except wire.WireError:
        pass


def message(tree, blob=b""):
    text = json.dumps(tree).encode() if not isinstance(tree, bytes) else tree
    return struct.pack("<Q", len(text)) + text + blob


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 8,
        struct.pack("<Q", 1 << 62) + b"{}",
        message(b"[" * 100_000),
        message({"__array__": ["object", [1]]}, b"\0" * 8),
        message({"__array__": ["float64", [1 << 39]]}),
        message({"__array__": ["float64", [-1]]}),
        message({"__array__": ["float64", [2]]}, b"\0" * 8),
        message({"__array__": ["<f8,O", [1]]}),
        message({"__array__": ["float64", [1 << 30, 1 << 30, 1 << 30]]}),
        message([1], b"extra"),
        message({"__array__": ["float64", [True]]}, b"\0" * 8),
        message([0] * 30_000),
        message(b'"\xff"'),
        message(b"9" * 10_000),
        message({"__array__": ["float64", [1] * 60]}, b"\0" * 8),
        message({"__array__": ["float64", [1 << 40, 1 << 40, 0]]}),
        message({"__array__": ["uint8", [wire.MAX_EMPTY + 1, 0]]}),
    ],
)
def test_lies_about_sizes_types_and_depth_are_refused(data):
    with pytest.raises(wire.WireError):
        wire.decode(data)


def test_objects_cannot_be_sent():
    for value in (object(), {1, 2}, b"bytes", np.array([object()]), 1j):
        with pytest.raises(wire.WireError):
            wire.encode(value)


def test_an_empty_array_may_be_as_long_as_the_bound_and_keeps_its_shape():
    array = wire.decode(message({"__array__": ["uint8", [0, wire.MAX_EMPTY]]}))
    assert array.shape == (0, wire.MAX_EMPTY)


@given(st.lists(st.integers(0, 1 << 40), max_size=9), st.sampled_from(wire.DTYPES))
def test_any_shape_that_is_claimed_ends_in_a_small_array_or_a_wire_error(shape, dtype):
    try:
        array = wire.decode(message({"__array__": [dtype, shape]}, b"\0" * 8))
    except wire.WireError:
        return
    assert array.nbytes in (0, 8) and max(array.shape, default=0) <= wire.MAX_EMPTY
