"""The commands are those that Node's adapters were seen to send."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.forms import SubscriptionMode, form_of
from rtserver.cluster.wire import decode, pack

R1 = {"rooms": ["r1"], "except": [], "flags": {}}
PACKET = {"type": 2, "data": ["ev"]}


def message(kind: Kind = Kind.BROADCAST, **data: Any) -> Message:
    return Message("emitter", "/", kind, data)


EVENT = message(packet=PACKET, opts=R1)


def test_pubsub_is_the_older_format() -> None:
    command, channel, body = form_of("pubsub", "app").tell(EVENT, "r1")
    assert (command, channel) == ("PUBLISH", "app#/#r1#")
    assert isinstance(body, bytes)
    assert body.startswith(b"\x93\xa7emitter")


def test_sharded_is_the_cluster_adapters() -> None:
    command = form_of("sharded").tell(EVENT, None)
    text = (
        b'{"uid":"emitter","nsp":"/","type":3,"data":{"packet":{"type":2,"data":["ev"]},'
        b'"opts":{"rooms":["r1"],"except":[],"flags":{}}}}'
    )
    assert command == ("SPUBLISH", "socket.io#/#", text)


@pytest.mark.parametrize(
    ("told", "room", "mode", "channel"),
    [
        (EVENT, "r1", "dynamic", "socket.io#/#r1#"),
        (EVENT, "r1", "static", "socket.io#/#"),
        (EVENT, "x" * 20, "dynamic", "socket.io#/#"),  # looks like a sid
        (EVENT, "😀" * 10, "dynamic", "socket.io#/#"),  # JavaScript counts 20, too
        (EVENT, "😀" * 20, "dynamic", f"socket.io#/#{'😀' * 20}#"),
        (EVENT, "x" * 20, "dynamic-private", f"socket.io#/#{'x' * 20}#"),
        (message(Kind.JOIN, opts=R1, rooms=["r2"]), "r1", "dynamic", "socket.io#/#"),
        (message(packet=PACKET, opts=R1, requestId="1"), "r1", "dynamic", "socket.io#/#"),
    ],
)
def test_only_ordinary_events_go_to_the_channel_of_a_room(
    told: Message, room: str, mode: SubscriptionMode, channel: str
) -> None:
    assert form_of("sharded", subscription_mode=mode).tell(told, room)[1] == channel


def test_what_must_not_be_lost_goes_to_the_stream() -> None:
    leave = message(Kind.LEAVE, opts=R1, rooms=["r3"])
    data = b'{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["r3"]}'
    fields = ("uid", "emitter", "nsp", "/", "type", "5", "data", data)
    assert form_of("streams", max_length=99).tell(leave, None) == (
        *("XADD", "socket.io", "MAXLEN", "~", 99, "*"),
        *fields,
    )


def test_a_namespace_has_one_of_several_streams() -> None:
    leave = message(Kind.LEAVE, opts=R1, rooms=["r3"])
    form = form_of("streams", "app", stream_count=3)
    streams = [form.tell(leave._replace(namespace=name), None)[1] for name in ("/", "/chat")]
    assert streams == ["app-2", "app-1"]


@pytest.mark.parametrize(
    ("mode", "command", "channel"),
    [
        ("pubsub", "PUBLISH", "socket.io-response#/#asker#"),
        ("sharded", "SPUBLISH", "socket.io#/#asker#"),
        ("streams", "PUBLISH", "socket.io#/#asker#"),
    ],
)
def test_an_answer_goes_to_the_channel_of_who_asked(mode: str, command: str, channel: str) -> None:
    answer = Message("me", "/", Kind.FETCHED, {"requestId": "1", "sockets": []})
    assert form_of(mode).reply("asker", answer)[:2] == (command, channel)


def test_bytes_in_a_stream_are_msgpack_in_base64() -> None:
    data: dict[str, Any] = {"packet": {"type": 2, "data": ["ev", b"\x01"]}, "opts": R1}
    assert form_of("streams").tell(message(**data), None)[-1] == b64encode(pack(data))


@pytest.mark.parametrize(
    "asked",
    [
        message(Kind.SERVER_SIDE_EMIT, packet=["hello"]),
        message(Kind.FETCH, opts=R1, requestId="1"),
        message(packet=PACKET, opts=R1, requestId="1"),
    ],
)
def test_what_is_for_now_only_goes_to_pubsub_in_msgpack(asked: Message) -> None:
    command, channel, body = form_of("streams").tell(asked, "r1")
    assert (command, channel) == ("PUBLISH", "socket.io#/#")
    assert isinstance(body, bytes)
    assert body[:1] == b"\x84"
    assert decode(body) == asked


def test_another_mode() -> None:
    with pytest.raises(ValueError, match="'cluster', expected one of pubsub, sharded, streams"):
        form_of("cluster")
    with pytest.raises(ValueError, match="'private', expected one of static, dynamic, dynamic-private"):
        form_of("sharded", subscription_mode="private")  # type: ignore[arg-type]
