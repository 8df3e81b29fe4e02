from __future__ import annotations

import pytest

from rtserver.websocket.frames import (
    CloseCode,
    Opcode,
    encode,
    encode_binary,
    encode_close,
    encode_text,
    is_valid_close_code,
)


def test_the_examples_of_rfc_6455_5_7() -> None:
    assert encode_text(b"Hello") == b"\x81\x05Hello"
    assert encode(Opcode.PING, b"Hello") == b"\x89\x05Hello"
    assert encode_binary(bytes(256)) == b"\x82\x7e\x01\x00" + bytes(256)
    assert encode_binary(bytes(65536)) == b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + bytes(65536)


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "00"),
        (1, "01"),
        (125, "7d"),
        (126, "7e007e"),
        (127, "7e007f"),
        (65535, "7effff"),
        (65536, "7f0000000000010000"),
    ],
)
def test_the_shortest_length_that_fits_is_written(size: int, header: str) -> None:
    payload = b"x" * size
    assert encode_text(payload) == bytes.fromhex("81" + header) + payload
    assert encode_binary(payload) == bytes.fromhex("82" + header) + payload
    assert encode(Opcode.TEXT, payload) == encode_text(payload)
    assert encode(Opcode.BINARY, payload) == encode_binary(payload)
    assert encode(Opcode.TEXT, payload, rsv1=True) == bytes.fromhex("c1" + header) + payload


def test_close() -> None:
    assert encode_close(1000) == b"\x88\x02\x03\xe8"
    assert encode_close(CloseCode.GOING_AWAY, "bye ✓") == b"\x88\x09\x03\xe9bye \xe2\x9c\x93"
    assert encode_close(4999, "x" * 123) == b"\x88\x7d\x13\x87" + b"x" * 123


def test_a_close_frame_that_does_not_fit_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at most 123 bytes of UTF-8, not 124"):
        encode_close(1000, "✓" * 41 + "x")
    with pytest.raises(ValueError, match="1005 is no close code to send"):
        encode_close(1005)


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CLOSE])
def test_a_control_frame_carries_125_bytes(opcode: Opcode) -> None:
    assert encode(opcode, b"x" * 125)[:2] == bytes((0x80 | opcode, 125))
    with pytest.raises(ValueError, match="at most 125 bytes, not 126"):
        encode(opcode, b"x" * 126)


def test_close_codes() -> None:
    valid = {code for code in range(-1, 70000) if is_valid_close_code(code)}
    assert valid == {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
