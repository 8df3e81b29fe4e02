from __future__ import annotations

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.payload_v3 import (
    binary_form,
    decode_base64,
    decode_binary_message,
    decode_binary_payload,
    decode_text_payload,
    encode_base64,
    encode_binary,
    encode_text,
    text_form,
    with_types,
)
from rtserver.errors import EngineViolation


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (b"4", b"1:4"),
        (b"4hello", b"6:4hello"),
        ("4é€".encode(), "3:4é€".encode()),
        ("4😀".encode(), "3:4😀".encode()),
    ],
)
def test_a_text_packet_in_the_text_form(packet: bytes, encoded: bytes) -> None:
    assert encode_text(packet) == encoded
    assert decode_text_payload(encoded, limit=100) == [packet.decode()]


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (b"4", b"\x00\x01\xff4"),
        ("4😀".encode(), b"\x00\x05\xff4\xf0\x9f\x98\x80"),
        (b"4" + b"x" * 119, b"\x00\x01\x02\x00\xff4" + b"x" * 119),
    ],
)
def test_a_text_packet_in_the_binary_form(packet: bytes, encoded: bytes) -> None:
    assert encode_binary(packet) == encoded
    assert decode_binary_payload(encoded, limit=200) == [packet.decode()]


def test_a_message_with_attachments() -> None:
    outgoing = Outgoing(b"452-[]", (b"\x01\x02\x03\x04", b""))
    assert text_form(outgoing) == b"6:452-[]10:b4AQIDBA==2:b4"
    assert decode_text_payload(text_form(outgoing), limit=100) == ["452-[]", b"\x01\x02\x03\x04", b""]
    binary = b"\x00\x06\xff452-[]" + b"\x01\x05\xff\x04\x01\x02\x03\x04" + b"\x01\x01\xff\x04"
    assert binary_form(outgoing) == binary
    assert decode_binary_payload(binary, limit=100) == ["452-[]", b"\x01\x02\x03\x04", b""]


def test_a_message_of_bytes_alone() -> None:
    outgoing = Outgoing(b"", (b"\xff",))
    assert text_form(outgoing) == b"6:b4/w=="
    assert binary_form(outgoing) == b"\x01\x02\xff\x04\xff"


def test_a_message_for_websockets() -> None:
    outgoing = with_types(Outgoing(b"451-[]", (b"\x01", b"")))
    assert (outgoing.text, outgoing.attachments) == (b"451-[]", [b"\x04\x01", b"\x04"])


def test_base64_within_the_binary_form() -> None:
    assert decode_binary_payload(b"\x00\x06\xffb4/w==", limit=100) == [b"\xff"]


def test_colons_and_digits_within_a_packet() -> None:
    assert decode_text_payload(b"7:4a:3:4b2:41", limit=100) == ["4a:3:4b", "41"]


def test_a_character_of_two_units() -> None:
    assert decode_text_payload("6:4😀é😀3:4€!".encode(), limit=100) == ["4😀é😀", "4€!"]
    with pytest.raises(EngineViolation, match="ends in the middle of a character"):
        decode_text_payload("5:4😀é😀".encode(), limit=100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty payload"),
        (b"4hello", "packet 0 of a payload needs its length and a colon: received '4hello'"),
        (b"2:4a:4", "packet 1 of a payload needs its length"),
        ("٣:4ab".encode(), "packet 0 of a payload needs its length"),
        (b"-1:4", "packet 0 of a payload needs its length"),
        (b"1" * 11 + b":4", "packet 0 of a payload needs its length"),
        (b"3:4a", "packet 0 of a payload is cut off: expected 3 characters, received 2"),
        (b"0:", "packet 0 of a payload is empty"),
        (b"2:4a1:7", "packet 1 of a payload has the unknown type '7': expected 0 to 6, or b"),
        (b"4:b4AQ", "not base64"),
        (b"5:b2AQ=", "a packet in base64 must begin with b4: received 'b2AQ='"),
        (b"2:4\xff", "not UTF-8: byte 0xff at offset 3"),
    ],
)
def test_a_text_payload_that_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(EngineViolation, match=message):
        decode_text_payload(body, limit=100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty payload"),
        (b"1:4", "packet 0 of a binary payload needs 0 or 1, the digits"),
        (b"\x00\x01", "packet 0 of a binary payload needs 0 or 1"),
        (b"\x00\xff", "packet 0 of a binary payload needs 0 or 1"),
        (b"\x00\x0a\xff4", "packet 0 of a binary payload needs 0 or 1"),
        (b"\x00" + b"\x01" * 11 + b"\xff4", "packet 0 of a binary payload needs 0 or 1"),
        (b"\x00\x01\xff4\x01\x03\xff\x04x", "packet 1 of .* is cut off: expected 3 bytes, received 2"),
        (b"\x00\x00\xff", "packet 0 of a payload is empty"),
        (b"\x00\x02\xff4\xff", "packet 0 of a binary payload is not UTF-8"),
        (b"\x01\x01\xff4", "must begin with byte 4, the type of a message: received b'4'"),
    ],
)  # fmt: skip
def test_a_binary_payload_that_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(EngineViolation, match=message):
        decode_binary_payload(body, limit=100)


@pytest.mark.parametrize("decode", [decode_text_payload, decode_binary_payload])
def test_the_limit_is_one_in_bytes(decode: object) -> None:
    assert callable(decode)
    with pytest.raises(EngineViolation, match="a payload of 101 bytes: at most 100 are accepted"):
        decode(b"1" * 101, limit=100)


def test_a_long_packet_is_not_repeated_in_its_error() -> None:
    for body in (b"9" * 5000, b"5000:b" + b"!" * 4999, b"5000:x" + b"!" * 4999):
        with pytest.raises(EngineViolation) as info:
            decode_text_payload(body, limit=10_000)
        assert len(str(info.value)) < 200
    with pytest.raises(EngineViolation) as info:
        decode_binary_payload(b"\x07" * 5000, limit=10_000)
    assert len(str(info.value)) < 250


def test_packets_of_a_websocket() -> None:
    assert decode_binary_message(b"\x04ab") == b"ab"
    assert decode_base64("b4AQID") == b"\x01\x02\x03"
    assert encode_base64(b"\x01\x02\x03") == b"b4AQID"
    for packet in (b"", b"\x02", b"4"):
        with pytest.raises(EngineViolation, match="must begin with byte 4"):
            decode_binary_message(packet)
