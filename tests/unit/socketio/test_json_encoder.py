from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.json_encoder import (
    connect,
    connect_error,
    disconnect,
    encode_ack,
    encode_event,
    encode_event_text,
)


@pytest.mark.parametrize(
    ("namespace", "id_", "args", "text"),
    [
        ("/", None, ["foo"], b'42["foo"]'),
        ("/", None, ("foo", 1, None, {"a": [True]}), b'42["foo",1,null,{"a":[true]}]'),
        ("/", 12, ["foo"], b'4212["foo"]'),
        ("/", 0, ["foo"], b'420["foo"]'),
        ("/admin", None, ["bar"], b'42/admin,["bar"]'),
        ("/admin", 13, ["bar"], b'42/admin,13["bar"]'),
        ("/é", 1, ["ü", "😀"], '42/é,1["ü","😀"]'.encode()),
        ("/", 3, ["a", 2**64], b'423["a",18446744073709551616]'),
        ("/", None, ["a", float("nan")], b'42["a",null]'),
        ("/", None, deque(["a", 1]), b'42["a",1]'),
    ],
)
def test_event(namespace: str, id_: int | None, args: Any, text: bytes) -> None:
    assert encode_event_text(namespace, id_, args) == text
    outgoing = encode_event(namespace, id_, args)
    assert (outgoing.text, outgoing.attachments) == (text, ())


@pytest.mark.parametrize(
    ("namespace", "id_", "args", "text", "attachments"),
    [
        ("/", None, ["baz", b"\1\2"], b'451-["baz",{"_placeholder":true,"num":0}]', [b"\1\2"]),
        (
            "/admin",
            5,
            ["baz", {"a": [bytearray(b"1")]}, memoryview(b"2")],
            b'452-/admin,5["baz",{"a":[{"_placeholder":true,"num":0}]},{"_placeholder":true,"num":1}]',
            [b"1", b"2"],
        ),
        (
            "/",
            1,
            ("baz", b"", 2**64),
            b'451-1["baz",{"_placeholder":true,"num":0},18446744073709551616]',
            [b""],
        ),
    ],
)
def test_binary_event(
    namespace: str, id_: int | None, args: Any, text: bytes, attachments: list[bytes]
) -> None:
    for encode in (encode_event, encode_event_text):
        outgoing = encode(namespace, id_, args)
        assert isinstance(outgoing, Outgoing)
        assert (outgoing.text, outgoing.attachments) == (text, attachments)
        assert all(type(attachment) is bytes for attachment in outgoing.attachments)


@pytest.mark.parametrize(
    ("namespace", "args", "text"),
    [
        ("/", [], b"4313[]"),
        ("/", ("bar",), b'4313["bar"]'),
        ("/admin", ["bar"], b'43/admin,13["bar"]'),
        ("/admin", [2**64], b"43/admin,13[18446744073709551616]"),
    ],
)
def test_ack(namespace: str, args: Any, text: bytes) -> None:
    assert encode_ack(namespace, 13, args) == text


def test_binary_ack() -> None:
    outgoing = encode_ack("/admin", 15, ["bar", b"\1"])
    assert isinstance(outgoing, Outgoing)
    assert outgoing.text == b'461-/admin,15["bar",{"_placeholder":true,"num":0}]'
    assert outgoing.attachments == [b"\1"]


def test_control_packets() -> None:
    assert connect("/") == b"40"
    assert connect("/admin") == b"40/admin,"
    assert connect("/", {"sid": "abc"}) == b'40{"sid":"abc"}'
    assert connect("/admin", {"sid": "abc"}) == b'40/admin,{"sid":"abc"}'
    assert connect_error("/", {"message": "Not authorized"}) == b'44{"message":"Not authorized"}'
    assert connect_error("/admin", {"message": "no"}) == b'44/admin,{"message":"no"}'
    assert disconnect("/") == b"41"
    assert disconnect("/admin") == b"41/admin,"


def test_what_cannot_be_serialized_is_named() -> None:
    with pytest.raises(TypeError, match="event 'news' in namespace '/admin': an object of type set can't be"):
        encode_event("/admin", None, ["news", {1}])
    with pytest.raises(
        TypeError, match="acknowledgment 7 in namespace '/': an object of type object can't be"
    ):
        encode_ack("/", 7, [object()])
    with pytest.raises(TypeError, match="CONNECT in namespace '/': an object of type object can't be"):
        connect("/", {"a": object()})
    with pytest.raises(TypeError, match="CONNECT_ERROR in namespace '/': its data can't have bytes in it"):
        connect_error("/", {"message": b"no"})
