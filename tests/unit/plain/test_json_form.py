from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rtserver.errors import PlainViolation
from rtserver.plain.json_form import JsonForm
from rtserver.socketio.packet import Limits, PacketType

form = JsonForm()


def test_decode() -> None:
    assert form.decode('{"type":"event","event":"hi","data":[1,{"a":null}],"id":7}') == (
        PacketType.EVENT,
        "/",
        7,
        ["hi", 1, {"a": None}],
        0,
    )
    assert form.decode('{"type":"ping"}') is None


@pytest.mark.parametrize("key", ["$bytes", "\\u0024bytes", "$b\\u0079tes"])
def test_bytes_however_they_are_escaped(key: str) -> None:
    packet = form.decode(f'{{"type":"ack","id":1,"data":[{{"{key}":"AQI="}}]}}')
    assert packet is not None
    assert packet[3] == [b"\1\2"]


def test_bytes_in_auth() -> None:
    packet = form.decode('{"type":"connect","auth":{"key":{"$bytes":"AQI="}}}')
    assert packet is not None
    assert packet[3] == {"key": b"\1\2"}


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (b"{}", 1003, "a binary message: messages of rtserver.json are text, with bytes as base64"),
        ("", 1007, "not JSON ("),
        ("{", 1007, "not JSON ("),
        ('{"type":"ping"}x', 1007, "not JSON ("),
        ('{"type":"ack","id":1,"data":[NaN]}', 1007, "not JSON ("),
        ('{"type":"ack","id":1,"data":[{"$bytes":1}]}', 1007, '"$bytes" holds base64'),
        ('{"$bytes":"AQI="}', 1002, '"type" is null'),
        ('["bytes"]', 1002, "a message is an object: received an array"),
        ("[" * 400_000, 1008, '"data" or "auth" is nested deeper than 128 levels'),
    ],
)
def test_what_is_no_message(message: str | bytes, code: int, reason: str) -> None:
    with pytest.raises(PlainViolation) as raised:
        form.decode(message)
    assert raised.value.code == code
    assert raised.value.reason.startswith(reason)


def nested(depth: int) -> str:
    return f'{{"type":"ack","id":1,"data":{"[" * depth}{"]" * depth}}}'


@pytest.mark.parametrize("max_depth", [1, 4, 128])
def test_depth(max_depth: int) -> None:
    limited = JsonForm(Limits(max_depth=max_depth))
    assert limited.decode(nested(max_depth)) is not None
    with pytest.raises(PlainViolation, match=f"1008 .* deeper than {max_depth} levels"):
        limited.decode(nested(max_depth + 1))


def test_encode() -> None:
    data = ["hi", b"\1\2", {"$bytes": 1}, "é", datetime(2024, 1, 2, tzinfo=UTC), 2**70, "\ud800"]
    encoded = form.encode((PacketType.EVENT, "/chat", 7, data, 0))
    assert encoded.attachments == ()
    assert encoded.text == (
        rb'{"type":"event","namespace":"/chat","event":"hi","id":7,"data":[{"$bytes":"AQI="},{"$$bytes":1},'
        rb'"\u00e9","2024-01-02T00:00:00+00:00",1180591620717411303424,"\ud800"]}'
    )
    assert form.pong.text == b'{"type":"pong"}'


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(TypeError):
        form.encode((PacketType.ACK, "/", 1, [{1, 2}], 0))
