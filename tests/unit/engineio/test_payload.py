from __future__ import annotations

import pytest

from rtserver.engineio.payload import decode_payload, encode_binary
from rtserver.errors import EngineViolation


@pytest.mark.parametrize(
    ("body", "packets"),
    [
        (b"4hello", ["4hello"]),
        (b"4", ["4"]),
        (b"4hello\x1e2\x1e4world", ["4hello", "2", "4world"]),
        (b"4hello\x1ebAQIDBA==", ["4hello", b"\x01\x02\x03\x04"]),
        (b"b", [b""]),
        (b"b\x1e3probe", [b"", "3probe"]),
        ("4héllo€😀".encode(), ["4héllo€😀"]),
        (b"0\x1e1\x1e2\x1e3\x1e4\x1e5\x1e6", list("0123456")),
    ],
)
def test_decode(body: bytes, packets: list[str | bytes]) -> None:
    assert decode_payload(body, limit=1000) == packets


def test_many_packets_are_limited_in_bytes_alone() -> None:
    body = b"\x1e".join([b"4x"] * 10_000)
    assert decode_payload(body, limit=len(body)) == ["4x"] * 10_000
    with pytest.raises(
        EngineViolation, match=rf"a payload of {len(body)} bytes: at most {len(body) - 1} are"
    ):
        decode_payload(body, limit=len(body) - 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "packet 0 of a payload is empty"),
        (b"4a\x1e", "packet 1 of a payload is empty"),
        (b"\x1e4a", "packet 0 of a payload is empty"),
        (b"4a\x1e7", "packet 1 of a payload has the unknown type '7': expected 0 to 6, or b"),
        (b"abc", "packet 0 of a payload has the unknown type 'a'"),
        ("٤hello".encode(), "unknown type '٤'"),
        (b"4a\xff", "not UTF-8: byte 0xff at offset 2"),
        (b"4\xed\xa0\x80", "not UTF-8: byte 0xed at offset 1"),
        (b"4a\x1ebAQI", "packet 1 of a payload is not base64"),
        (b"bAQ=Q", "packet 0 of a payload is not base64"),
        (b"b!!!!", r"not base64 .*: received 'b!!!!'"),
        ("bé===".encode(), "not base64"),
    ],
)
def test_refused(body: bytes, message: str) -> None:
    with pytest.raises(EngineViolation, match=message):
        decode_payload(body, limit=1000)


def test_a_long_packet_is_not_repeated_in_its_error() -> None:
    with pytest.raises(EngineViolation) as info:
        decode_payload(b"b" + b"!" * 5000, limit=10_000)
    assert len(str(info.value)) < 200


def test_encode_binary() -> None:
    assert encode_binary(b"\x01\x02\x03\x04") == b"bAQIDBA=="
    assert encode_binary(b"") == b"b"
