"""Engine.IO payloads: what was encoded comes back, and any bytes at all give packets or a violation."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from rtserver.engineio.handler import Handshake
from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.packet import SEPARATOR
from rtserver.engineio.payload import decode_payload, encode_binary
from rtserver.engineio.payload_v3 import (
    binary_form,
    decode_binary_payload,
    decode_text_payload,
    text_form,
)
from rtserver.engineio.request import parse_query
from rtserver.errors import EngineViolation

LIMIT = 1_000_000

texts = st.builds(
    str.__add__,
    st.sampled_from("0123456"),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1e")),
)
packets = st.lists(texts | st.binary(), min_size=1)


@given(packets)
def test_payload_round_trip(sent: list[str | bytes]) -> None:
    body = SEPARATOR.join(
        encode_binary(packet) if isinstance(packet, bytes) else packet.encode() for packet in sent
    )
    assert decode_payload(body, limit=len(body)) == sent


@given(
    st.binary() | st.lists(st.sampled_from([b"4", b"b", b"\x1e", b"=", b"A", b"\xff", b"7"])).map(b"".join)
)
@example(b"")
@example(b"\x1e")
def test_any_body(body: bytes) -> None:
    try:
        decoded = decode_payload(body, limit=LIMIT)
    except EngineViolation:
        return
    assert len(decoded) == body.count(SEPARATOR) + 1
    for packet in decoded:
        assert isinstance(packet, bytes) or packet[0] in "0123456"


@given(st.binary(), st.integers(0, 50))
def test_the_limit_holds(body: bytes, limit: int) -> None:
    try:
        decode_payload(body, limit=limit)
    except EngineViolation:
        return
    assert len(body) <= limit


def outgoing(packet: str | bytes) -> Outgoing:
    return Outgoing(b"", [packet]) if isinstance(packet, bytes) else Outgoing(packet.encode())


@given(packets)
def test_payload_round_trip_in_version_3(sent: list[str | bytes]) -> None:
    text = b"".join(text_form(outgoing(packet)) for packet in sent)
    assert decode_text_payload(text, limit=len(text)) == sent
    binary = b"".join(binary_form(outgoing(packet)) for packet in sent)
    assert decode_binary_payload(binary, limit=len(binary)) == sent


@given(texts)
def test_lengths_in_version_3_count_as_javascript_does(packet: str) -> None:
    length, _, _ = text_form(outgoing(packet)).partition(b":")
    assert int(length) == sum(2 if ord(character) > 0xFFFF else 1 for character in packet)


pieces = [b"4", b"b4", b"1:", b"2:", b"3:", b"0", b"=", b"A", "é".encode(), "😀".encode(), b"\xff", b"7"]
binary_pieces = [b"\x00", b"\x01", b"\x02", b"\x05", b"\xff", b"4", b"b4", b"\x04", "😀".encode()]


@given(st.binary() | st.lists(st.sampled_from(pieces)).map(b"".join), st.integers(0, 50))
@example(b"0:", 50)
@example("2:4😀".encode(), 50)
def test_any_body_in_version_3(body: bytes, limit: int) -> None:
    try:
        decoded = decode_text_payload(body, limit=limit)
    except EngineViolation:
        return
    assert 3 * len(decoded) <= len(body) <= limit
    for packet in decoded:
        assert isinstance(packet, bytes) or packet[0] in "0123456"


@given(st.binary() | st.lists(st.sampled_from(binary_pieces)).map(b"".join), st.integers(0, 50))
def test_any_binary_body_in_version_3(body: bytes, limit: int) -> None:
    try:
        decoded = decode_binary_payload(body, limit=limit)
    except EngineViolation:
        return
    assert 4 * len(decoded) <= len(body) <= limit
    for packet in decoded:
        assert isinstance(packet, bytes) or packet[0] in "0123456"


@given(st.text())
def test_any_target(target: str) -> None:
    parse_query(target)
    handshake = Handshake("GET", target)
    assert isinstance(handshake.environ()["PATH_INFO"], str)
    assert isinstance(handshake.query, dict)


names = st.text(st.sampled_from("abcXYZ-"), min_size=1).map(str.encode)
values = st.binary().filter(lambda value: b"\n" not in value)


@given(st.lists(st.tuples(names, values)))
def test_headers_come_back(headers: list[tuple[bytes, bytes]]) -> None:
    handshake = Handshake("GET", "/", headers)
    came = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in handshake.headers]
    assert came == [(name.lower(), value) for name, value in headers]
    for name, _ in headers:
        first = next(value for other, value in headers if other.lower() == name.lower())
        found = handshake.header(name.decode())
        assert found is not None
        assert found.encode("utf-8", "surrogateescape") == first
