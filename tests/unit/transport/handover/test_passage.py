from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.errors import PassageViolation
from rtserver.transport.handover.passage import MAX_DATA, MAX_MESSAGE, Origin, Passage, decode, encode

ADDRESSES = st.tuples(st.text(max_size=107), st.integers(0, 65535))
ORIGINS = st.builds(Origin, ADDRESSES, ADDRESSES, st.booleans())


def test_the_form() -> None:
    origin = Origin(("10.1.2.3", 5000), ("10.0.0.1", 443), True)
    assert encode(Passage()) == b"\x94\x01\xc4\x00\xc2\xc0"
    assert encode(Passage(b"GET", origin=origin)) == (
        b"\x94\x01\xc4\x03GET\xc2\x93\x92\xa810.1.2.3\xcd\x13\x88\x92\xa810.0.0.1\xcd\x01\xbb\xc3"
    )


@given(st.binary(max_size=100), st.none() | ORIGINS)
def test_what_is_encoded_is_decoded(data: bytes, origin: Origin | None) -> None:
    assert decode(encode(Passage(data, origin=origin))) == Passage(data, origin=origin)


def test_a_handshake_of_tls_is_to_come() -> None:
    assert decode(encode(Passage(tls=True))) == Passage(tls=True)
    with pytest.raises(ValueError, match="3 bytes of TLS"):
        encode(Passage(b"\x16\x03\x01", tls=True))


def test_the_largest() -> None:
    address = ("é" * 107, 65535)
    largest = encode(Passage(bytes(MAX_DATA), origin=Origin(address, address, True)))
    assert len(largest) <= MAX_MESSAGE
    with pytest.raises(ValueError, match=f"{MAX_DATA + 1} bytes for a door, expected {MAX_DATA}"):
        encode(Passage(bytes(MAX_DATA + 1)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([2, b"", False, None, "new"], "version 2, expected 1"),
        ([], "version"),
        ({"version": 1}, "version"),
        ([1], "other fields"),
        ([1, "text", False, None], "other fields"),
        ([1, b"", 0, None], "other fields"),
        ([1, b"", False, [["a", 1], ["b", 2]]], "other fields"),
        ([1, b"", False, [["a", "1"], ["b", 2], True]], "other fields"),
    ],
)
def test_other_messages(fields: Any, expected: str) -> None:
    with pytest.raises(PassageViolation, match=expected):
        decode(msgpack.packb(fields))


@given(st.binary(max_size=200))
def test_any_bytes(message: bytes) -> None:
    with suppress(PassageViolation):
        assert isinstance(decode(message), Passage)
