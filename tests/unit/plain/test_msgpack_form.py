from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgpack
import pytest

from rtserver.errors import PlainViolation
from rtserver.plain.msgpack_form import MsgpackForm
from rtserver.socketio.packet import Limits, PacketType

form = MsgpackForm()


def test_decode() -> None:
    message = b"\x84\xa4type\xa5event\xa5event\xa2hi\xa4data\x92\x01\xc4\x02\x01\x02\xa2id\x07"
    assert form.decode(message) == (PacketType.EVENT, "/", 7, ["hi", 1, b"\1\2"], 0)
    assert form.decode(b"\x81\xa4type\xa4ping") is None


def test_encode() -> None:
    encoded = form.encode((PacketType.EVENT, "/", 7, ["hi", 1, b"\1\2"], 0))
    assert encoded.text == b""
    assert encoded.attachments == (
        b"\x84\xa4type\xa5event\xa5event\xa2hi\xa2id\x07\xa4data\x92\x01\xc4\x02\x01\x02",
    )
    assert form.pong.attachments == (b"\x81\xa4type\xa4pong",)


def test_dates_are_timestamps() -> None:
    date = datetime(2024, 1, 2, 3, 4, 5, 6000, UTC)
    (message,) = form.encode((PacketType.ACK, "/", 1, [date, datetime(2024, 1, 2)], 0)).attachments
    assert msgpack.unpackb(message)["data"] == [msgpack.Timestamp.from_datetime(date), "2024-01-02T00:00:00"]
    packet = form.decode(message)
    assert packet is not None
    assert packet[3] == [date, "2024-01-02T00:00:00"]


def test_what_msgpack_lacks() -> None:
    data = [UUID(int=1), 2**64, 10**400, -(10**400), "\ud800", {"\ud800": b"\1"}]
    (message,) = form.encode((PacketType.ACK, "/", 1, data, 0)).attachments
    assert msgpack.unpackb(message)["data"] == [
        "00000000-0000-0000-0000-000000000001",
        2.0**64,
        float("inf"),
        float("-inf"),
        "\ufffd",
        {"\ufffd": b"\1"},
    ]


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("{}", 1003, "a text message: messages of rtserver.msgpack are binary"),
        (b"", 1007, "not msgpack ("),
        (b"\x81", 1007, "not msgpack ("),
        (b"\x81\xa4type\xa4ping\x00", 1007, "not msgpack ("),
        (b"\xd4\x05\x00", 1007, "not msgpack (extension type 5, of which only -1, the timestamp, is known)"),
        (b"\x90", 1002, "a message is an object: received an array"),
        (b"\xc4\x00", 1002, "a message is an object: received bytes"),
        (b"\x91" * 200 + b"\x90", 1008, '"data" or "auth" is nested deeper than 128 levels'),
    ],
)
def test_what_is_no_message(message: str | bytes, code: int, reason: str) -> None:
    with pytest.raises(PlainViolation) as raised:
        form.decode(message)
    assert raised.value.code == code
    assert raised.value.reason.startswith(reason)


def nested(depth: int) -> bytes:
    return b"\x83\xa4type\xa3ack\xa2id\x01\xa4data" + b"\x91" * (depth - 1) + b"\x90"


@pytest.mark.parametrize("max_depth", [1, 4, 128])
def test_depth(max_depth: int) -> None:
    limited = MsgpackForm(Limits(max_depth=max_depth))
    assert limited.decode(nested(max_depth)) is not None
    with pytest.raises(PlainViolation, match=f"1008 .* deeper than {max_depth} levels"):
        limited.decode(nested(max_depth + 1))


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(TypeError):
        form.encode((PacketType.ACK, "/", 1, [{1, 2}], 0))
