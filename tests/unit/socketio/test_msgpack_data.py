from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgpack
import pytest

from rtserver.socketio.msgpack_data import Unpacker, is_deeper, without_surrogates


def hook(kind: int, data: bytes) -> Any:
    return (kind, data)


def test_unpack() -> None:
    unpacker = Unpacker()
    date = datetime(2024, 1, 2, tzinfo=UTC)
    for value in ({"a": [1, b"\0", None]}, "x" * 1000, list(range(1000))):
        assert unpacker.unpack(msgpack.packb(value), hook) == value
    assert unpacker.unpack(msgpack.packb(date, datetime=True), hook) == date
    assert unpacker.unpack(msgpack.packb(msgpack.ExtType(5, b"x")), hook) == (5, b"x")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "not msgpack ("),
        (b"\xc1", "not msgpack ("),
        (b"\x92\x01", "not msgpack ("),
        (b"\x01\x02", "not msgpack ("),
        (b"\xdd\xff\xff\xff\xff" * 1000, "not msgpack ("),
        (b"\xda\x00\xff" + b"x" * 256, "1 bytes behind the end of a packet"),
    ],
)
def test_what_is_no_whole_message(message: bytes, why: str) -> None:
    unpacker = Unpacker()
    with pytest.raises(ValueError, match=why.replace("(", r"\(")):
        unpacker.unpack(message, hook)
    long = msgpack.packb("x" * 1000)
    assert unpacker.unpack(long, hook) == "x" * 1000, "the next message isn't harmed"


@pytest.mark.parametrize("depth", [1, 2, 3, 200])
def test_depth(depth: int) -> None:
    value: Any = "\x91" * 500
    for number in range(depth):
        value = [value, {}] if number % 2 else {"k": value}
    data = msgpack.packb(value)
    # an empty map beside the innermost value is a level, too
    deepest = depth + (depth > 1)
    assert not is_deeper(data, msgpack.unpackb(data), deepest)
    assert is_deeper(data, msgpack.unpackb(data), depth - 1)


def test_surrogates_are_replaced() -> None:
    assert without_surrogates({"\ud800": ["\udc00x", ("y", b"\0", 1)]}) == {"�": ["�x", ["y", b"\0", 1]]}


def test_where_the_elements_of_an_array_are() -> None:
    unpacker = Unpacker()
    elements = [{"a": [1, b"\0"]}, "x" * 1000, 7]
    data = msgpack.packb(elements)
    for _ in range(2):
        marks = unpacker.marks(data)
        assert [msgpack.unpackb(data[begin:end]) for begin, end in pairwise(marks)] == elements


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x80", b"\x92\x01", b"\x91\x01\x02", b"\xdd\xff\xff\xff\xff", b"\x91\xc1"]
)
def test_what_is_no_whole_array(data: bytes) -> None:
    unpacker = Unpacker()
    with pytest.raises(ValueError, match=r"msgpack|behind the end"):
        unpacker.marks(data)
    assert unpacker.marks(b"\x91\x01") == [1, 2]  # nothing of it is left behind
