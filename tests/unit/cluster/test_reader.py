from __future__ import annotations

from typing import Any

import msgpack
import orjson
import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.reader import Reader
from rtserver.cluster.wire import encode
from rtserver.errors import ClusterViolation


@pytest.fixture
def reader() -> Reader:
    return Reader("me", lambda namespace, room: (namespace, room) in {("/", "x"), ("/", 7)})


def event(*rooms: Any, uid: str = "other", namespace: str = "/", size: int = 0, **data: Any) -> Message:
    packet = {"type": 2, "data": ["event", "." * size]}
    opts = {"rooms": list(rooms), "except": [], "flags": {}}
    return Message(uid, namespace, Kind.BROADCAST, {"opts": opts, "packet": packet, **data})


def bodies(message: Message) -> list[bytes]:
    """Encode a message as this server does, and as Node does, in both forms."""
    uid, namespace, kind, data = message
    node = {"type": int(kind), "data": dict(reversed(list(data.items()))), "uid": uid, "nsp": namespace}
    return [
        encode(message),
        orjson.dumps(node),
        msgpack.packb(orjson.loads(encode(message))),
        msgpack.packb(node),
    ]


@pytest.mark.parametrize("size", [0, 5000])
@pytest.mark.parametrize("rooms", [("x",), ("y", "x"), (7,), ()])
def test_what_is_for_somebody_here_is_decoded(reader: Reader, rooms: tuple[Any, ...], size: int) -> None:
    message = event(*rooms, size=size)
    assert [reader.read(body) for body in bodies(message)] == [message] * 4
    assert reader.skipped == 0


@pytest.mark.parametrize("size", [0, 5000])
@pytest.mark.parametrize(("rooms", "namespace"), [(("y",), "/"), (("x",), "/other"), (("7", "y"), "/")])
def test_what_is_for_nobody_here_is_not(
    reader: Reader, rooms: tuple[str, ...], namespace: str, size: int
) -> None:
    for body in bodies(event(*rooms, namespace=namespace, size=size)):
        assert reader.read(body) is None
    assert reader.skipped == 4


@pytest.mark.parametrize("size", [0, 5000])
def test_its_own_messages_come_back_and_are_left_out(reader: Reader, size: int) -> None:
    message = event("x", uid="me", size=size)
    ours, _, packed, _ = bodies(message)
    assert reader.read(ours) is reader.read(packed) is None
    assert reader.read(encode(event("x", uid="me, too", size=size))) is not None


@pytest.mark.parametrize("size", [0, 5000])
def test_what_wants_an_answer_is_for_every_server(reader: Reader, size: int) -> None:
    for body in bodies(event("y", size=size, requestId="1")):
        message = reader.read(body)
        assert message is not None
        assert message.data["requestId"] == "1"
    for kind in (Kind.FETCH, Kind.JOIN):
        request = event("y", size=size)._replace(kind=kind)
        assert [reader.read(body) for body in bodies(request)] == [request] * 4


@pytest.mark.parametrize("body", [b"", b"{}", b"{" + b" " * 1000, b"\xc1" * 1000])
def test_what_is_no_message_is_refused(reader: Reader, body: bytes) -> None:
    with pytest.raises(ClusterViolation):
        reader.read(body)
