"""The bytes are those of @socket.io/redis-adapter 8.3.0 and @socket.io/redis-emitter 5.1.0, as captured."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis import classic
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.classic import EMITTER, UNNAMED, Classic, encode, encode_response
from rtserver.cluster.wire import load as load_any
from rtserver.errors import ClusterViolation

CHANNELS = Channels()
UID = "Bdnlsk"
EVERYONE: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}
R1 = {"rooms": ["r1"], "except": [], "flags": {}}


def server(rooms: Collection[Any] = (), uid: str = "peer") -> Classic:
    return Classic(uid, lambda namespace, room: room in rooms, CHANNELS)


def event(opts: dict[str, Any], *args: Any, namespace: str = "/", **data: Any) -> Message:
    packet = {"type": 2, "data": list(args)}
    return Message(UID, namespace, Kind.BROADCAST, {"packet": packet, "opts": opts, **data})


# Events.

EVENTS = [
    (
        "everyone",
        event(EVERYONE, "ev", 1, {"a": "b"}),
        None,
        "socket.io#/#",
        "93a642646e6c736b83a47479706502a46461746193a265760181a161a162a36e7370a12f83a5726f6f6d7390a665786365707490"
        "a5666c61677380",
    ),
    (
        "a room, bytes, volatile",
        event({"rooms": ["r1"], "except": ["x"], "flags": {"volatile": True}}, "ev", b"\x01\x02"),
        "r1",
        "socket.io#/#r1#",
        "93a642646e6c736b83a47479706502a46461746192a26576c4020102a36e7370a12f83a5726f6f6d7391a27231a6657863657074"
        "91a178a5666c61677381a8766f6c6174696c65c3",
    ),
    (
        "dates, undefined and null",
        event(
            {"rooms": ["r1", "r2"], "except": [], "flags": {"compress": False}},
            *("ev", datetime(1970, 1, 1, tzinfo=UTC), None, None),
            datetime(2026, 11, 20, 20, 40, 49, 26_000, tzinfo=UTC),
        ),
        None,
        "socket.io#/#",
        "93a642646e6c736b83a47479706502a46461746195a26576d6ff00000000c0c0d7ff0632ea006b00b051a36e7370a12f"
        "83a5726f6f6d7392a27231a27232a665786365707490a5666c61677381a8636f6d7072657373c2",
    ),
    (
        "another namespace",
        event(EVERYONE, "ev", 1.5, -7, True, "é", namespace="/chat"),
        None,
        "socket.io#/chat#",
        "93a642646e6c736b83a47479706502a46461746195a26576cb3ff8000000000000f9c3a2c3a9a36e7370a52f63686174"
        "83a5726f6f6d7390a665786365707490a5666c61677380",
    ),
]


@pytest.mark.parametrize(("name", "message", "room", "channel", "captured"), EVENTS)
def test_events_are_nodes(name: str, message: Message, room: str | None, channel: str, captured: str) -> None:
    body = bytes.fromhex(captured)
    assert encode(CHANNELS, message, room) == (channel, body)
    assert server({"r1"}).event(message.namespace, channel, body) == message


def test_an_event_of_redis_emitter() -> None:
    body = bytes.fromhex(
        "93a7656d697474657283a47479706502a46461746192a26576c40105a36e7370a12f83a5726f6f6d7391a27231a5666c616773"
        "81a8766f6c6174696c65c3a665786365707491a27232"
    )
    opts = {"rooms": ["r1"], "flags": {"volatile": True}, "except": ["r2"]}
    data = {"packet": {"type": 2, "data": ["ev", b"\x05"]}, "opts": opts}
    message = server({"r1"}).event("/", "socket.io#/#r1#", body)
    assert message == Message("emitter", "/", Kind.BROADCAST, data)


def test_undefined_of_older_versions_is_none() -> None:
    packet = {"type": 2, "data": ["ev", msgpack.ExtType(0, b"\x00")], "nsp": "/"}
    message = server().event("/", "socket.io#/#", msgpack.packb(["u", packet, EVERYONE]))
    assert message is not None
    assert message.data["packet"]["data"] == ["ev", None]


# Whom events are for is known before they are decoded.


def decoded(receiver: Classic, message: Message, room: str | None = None) -> int:
    """Return how many bytes of an event were decoded."""
    channel, body = encode(CHANNELS, message, room)
    with patch.object(classic, "load", wraps=load_any) as load:
        receiver.event(message.namespace, channel, body)
    return sum(len(call.args[0]) for call in load.call_args_list)


BIG = "x" * 10_000


def test_nothing_of_an_event_for_a_room_without_members_is_decoded() -> None:
    assert decoded(server({"r2"}), event(R1, "ev", BIG), "r1") == 0
    assert decoded(server({"r1"}), event(R1, "ev", BIG), "r1") > 10_000


def test_only_the_options_of_an_event_for_rooms_without_members_are_decoded() -> None:
    opts = {"rooms": ["r1", "r2"], "except": [], "flags": {}}
    assert 0 < decoded(server({"r3"}), event(opts, "ev", BIG)) < 100
    assert decoded(server({"r2"}), event(opts, "ev", BIG)) > 10_000


def test_nothing_of_ones_own_events_is_decoded() -> None:
    assert decoded(server({"r1"}, uid=UID), event(R1, "ev", BIG), "r1") == 0


def test_a_room_can_have_a_number_for_a_name() -> None:
    opts = {"rooms": [12], "except": [], "flags": {}}
    assert server({12}).event("/", *encode(CHANNELS, event(opts, "ev"), "12")) is not None
    assert server({12}).event("/", *encode(CHANNELS, event(opts, "ev"))) is not None
    assert server({13}).event("/", *encode(CHANNELS, event(opts, "ev"), "12")) is None


def test_a_namespace_whose_channel_looks_like_a_room_of_another() -> None:
    channel, body = encode(CHANNELS, event(EVERYONE, "ev", namespace="/a#b"))
    assert server({"b"}).event("/a", channel, body) is None
    assert server().event("/a#b", channel, body) is not None


# Requests.

WHO = b'"opts":{"rooms":["r1"],"except":[]}'
REQUESTS = [
    (Kind.JOIN, {"opts": R1, "rooms": ["r3"]}, b'{"uid":"Bdnlsk","type":2,' + WHO + b',"rooms":["r3"]}'),
    (Kind.LEAVE, {"opts": R1, "rooms": ["r3"]}, b'{"uid":"Bdnlsk","type":3,' + WHO + b',"rooms":["r3"]}'),
    (Kind.DISCONNECT, {"opts": R1, "close": True}, b'{"uid":"Bdnlsk","type":4,' + WHO + b',"close":true}'),
    (
        Kind.FETCH,
        {"opts": R1, "requestId": "z-i4GX"},
        b'{"uid":"Bdnlsk","requestId":"z-i4GX","type":5,' + WHO + b"}",
    ),
    (Kind.SERVER_SIDE_EMIT, {"packet": ["hello", "w"]}, b'{"uid":"Bdnlsk","type":6,"data":["hello","w"]}'),
    (
        Kind.SERVER_SIDE_EMIT,
        {"packet": ["hello", "w"], "requestId": "u6YbGm"},
        b'{"uid":"Bdnlsk","requestId":"u6YbGm","type":6,"data":["hello","w"]}',
    ),
    (
        Kind.BROADCAST,
        {
            "packet": {"type": 2, "data": ["q", "?"]},
            "opts": {"rooms": [], "except": [], "flags": {"timeout": 800}},
            "requestId": "ftDesl",
        },
        bytes.fromhex(
            "85a3756964a642646e6c736ba9726571756573744964a666744465736ca47479706507a67061636b657483a47479706502"
            "a46461746192a171a13fa36e7370a12fa46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d65"
            "6f7574cd0320"
        ),
    ),
]


def without_flags(data: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Leave out what this format has for events only."""
    if "opts" not in data or kind is Kind.BROADCAST:
        return data
    return data | {"opts": {key: data["opts"][key] for key in ("rooms", "except")}}


@pytest.mark.parametrize(("kind", "data", "captured"), REQUESTS)
def test_requests_are_nodes(kind: Kind, data: dict[str, Any], captured: bytes) -> None:
    assert encode(CHANNELS, Message(UID, "/", kind, data)) == ("socket.io-request#/#", captured)
    read = server().request("/", captured)
    if kind is Kind.BROADCAST:
        data = data | {"packet": data["packet"] | {"nsp": "/"}}
    assert read == Message(UID, "/", kind, without_flags(data, kind))


def test_bytes_in_a_request_make_it_msgpack() -> None:
    message = Message(UID, "/", Kind.SERVER_SIDE_EMIT, {"packet": ["hello", b"\xff"]})
    _, body = encode(CHANNELS, message)
    assert body[:1] == b"\x83"
    assert server().request("/", body) == message


@pytest.mark.parametrize(
    ("captured", "kind", "data"),
    [
        (
            b'{"type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["r9"]}',
            Kind.JOIN,
            {"opts": {"rooms": ["r1"], "except": []}, "rooms": ["r9"]},
        ),
        (b'{"uid":"emitter","type":6,"data":["hello"]}', Kind.SERVER_SIDE_EMIT, {"packet": ["hello"]}),
        (
            b'{"type":4,"opts":{"rooms":["r1"],"except":[]},"close":true}',
            Kind.DISCONNECT,
            {"opts": {"rooms": ["r1"], "except": []}, "close": True},
        ),
    ],
)
def test_requests_of_redis_emitter(captured: bytes, kind: Kind, data: dict[str, Any]) -> None:
    assert server().request("/", captured) == Message(EMITTER, "/", kind, data)


@pytest.mark.parametrize(
    ("captured", "kind", "data"),
    [
        (b'"type":0,"rooms":["r1"]', Kind.SIDS, {"opts": {"rooms": ["r1"]}}),
        (b'"type":1', Kind.ALL_ROOMS, {}),
        (b'"type":2,"sid":"s1","room":"r7"', Kind.JOIN, {"opts": {"rooms": ["s1"]}, "rooms": ["r7"]}),
        (b'"type":3,"sid":"s1","room":"r7"', Kind.LEAVE, {"opts": {"rooms": ["s1"]}, "rooms": ["r7"]}),
        (b'"type":4,"sid":"s1","close":false', Kind.DISCONNECT, {"opts": {"rooms": ["s1"]}, "close": False}),
    ],
)
def test_requests_of_older_versions(captured: bytes, kind: Kind, data: dict[str, Any]) -> None:
    body = b'{"requestId":"rrrrrs",' + captured + b"}"
    assert server().request("/", body) == Message(EMITTER, "/", kind, data | {"requestId": "rrrrrs"})


@pytest.mark.parametrize("kind", [Kind.INITIAL_HEARTBEAT, Kind.HEARTBEAT, Kind.CLOSE])
def test_what_servers_tell_of_themselves(kind: Kind) -> None:
    message = Message(UID, "/", kind, {})
    channel, body = encode(CHANNELS, message)
    assert channel == "socket.io-request#/#"
    assert server().request("/", body) == message


@pytest.mark.parametrize("kind", [Kind.LOCATE, Kind.LOCATED, Kind.TAKE, Kind.TAKEN])
def test_what_only_our_servers_ask_each_other(kind: Kind) -> None:
    message = Message(
        UID, "/", kind, {"requestId": "1", "sid": "sid", "events": [["offset", "text", b"\x00"]]}
    )
    channel, body = encode(CHANNELS, message)
    assert channel == "socket.io-request#/#"
    assert server().request("/", body) == message
    channel, body = encode_response(CHANNELS, "peer", message)
    assert channel == "socket.io-response#/#peer#"
    assert server().response("/", body) == message
    assert load_any(body)["type"] == kind.name.lower()  # none of the numbers that Node knows


# Responses. Ours add the server's id to what Node sends.

OWN = b',"uid":"Bdnlsk"}'
RESPONSES = [
    (Kind.FETCHED, {"sockets": [{"id": "s1"}]}, b'{"requestId":"z-i4GX","sockets":[{"id":"s1"}]}'),
    (Kind.FETCHED, {"sockets": []}, b'{"requestId":"z-i4GX","sockets":[]}'),
    (Kind.SIDS_ANSWER, {"sockets": ["s1"]}, b'{"requestId":"z-i4GX","sockets":["s1"]}'),
    (Kind.ALL_ROOMS_ANSWER, {"rooms": ["s1", "r1"]}, b'{"requestId":"z-i4GX","rooms":["s1","r1"]}'),
    (Kind.DONE, {}, b'{"requestId":"z-i4GX"}'),
    (Kind.CLIENT_COUNT, {"clientCount": 1}, b'{"type":8,"requestId":"z-i4GX","clientCount":1}'),
    (Kind.SERVER_SIDE_ANSWER, {"packet": {"b": 1}}, b'{"type":6,"requestId":"z-i4GX","data":{"b":1}}'),
    (
        Kind.SERVER_SIDE_ANSWER,
        {"packet": 1, "more": [2]},
        b'{"type":6,"requestId":"z-i4GX","data":1,"more":[2]}',
    ),
]


@pytest.mark.parametrize(("kind", "data", "captured"), RESPONSES)
def test_responses_are_nodes(kind: Kind, data: dict[str, Any], captured: bytes) -> None:
    data = {"requestId": "z-i4GX"} | data
    ours = Message(UID, "/", kind, data)
    expected = ("socket.io-response#/#asker#", captured[:-1] + OWN)
    assert encode_response(CHANNELS, "asker", ours) == expected
    assert server().response("/", expected[1]) == ours
    assert server().response("/", captured) == Message(UNNAMED, "/", kind, data)


def test_the_answer_of_a_client_is_nodes() -> None:
    captured = bytes.fromhex("83a47479706509a9726571756573744964a666744465736ca67061636b6574a161")
    data = {"requestId": "ftDesl", "packet": "a"}
    assert server().response("/", captured) == Message(UNNAMED, "/", Kind.CLIENT_ANSWER, data)
    _, body = encode_response(CHANNELS, "asker", Message(UID, "/", Kind.CLIENT_ANSWER, data))
    assert body == b"\x84" + captured[1:] + b"\xa3uid\xa6Bdnlsk"


def test_our_servers_tell_each_other_all_of_an_answer() -> None:
    told = Message(UID, "/", Kind.CLIENT_ANSWER, {"requestId": "1", "packet": "a", "more": [b"b", 3]})
    assert server().response("/", encode_response(CHANNELS, "asker", told)[1]) == told


def test_an_answer_of_undefined_is_none() -> None:
    message = server().response("/", b'{"type":6,"requestId":"u6YbGm"}')
    assert message == Message(UNNAMED, "/", Kind.SERVER_SIDE_ANSWER, {"requestId": "u6YbGm", "packet": None})


def test_who_has_no_id_is_answered_on_everyones_channel() -> None:
    channel, _ = encode_response(CHANNELS, EMITTER, Message(UID, "/", Kind.DONE, {"requestId": "1"}))
    assert channel == "socket.io-response#/#"


# What can't be understood.


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"\x93\x01\x02", b"\x93\x01\x02\x03", b'{"a":1}', b"\x92\xa1u\x80", b"\xdd\xff\xff\xff\xff"],
)
def test_an_event_that_is_none(body: bytes) -> None:
    with pytest.raises(ClusterViolation):
        server().event("/", "socket.io#/#", body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"type":9}', b'{"type":[]}', b'{"type":"x"}', b"\x01"]
)
def test_a_request_that_is_none(body: bytes) -> None:
    with pytest.raises(ClusterViolation):
        server().request("/", body)


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x93\xa1u", b"\x83\xa4type", b'{"type":']))
def test_any_bytes_give_a_message_or_a_violation(body: bytes, begin: bytes) -> None:
    receiver = server({"r1"})
    for channel in ("socket.io#/#", "socket.io#/#r1#"):
        with suppress(ClusterViolation):
            receiver.event("/", channel, begin + body)
    with suppress(ClusterViolation):
        receiver.request("/", begin + body)
    with suppress(ClusterViolation):
        receiver.response("/", begin + body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3), st.lists(st.text(max_size=5), max_size=3))
def test_what_was_encoded_is_decoded(args: list[Any], rooms: list[str]) -> None:
    message = event({"rooms": rooms, "except": [], "flags": {}}, "ev", *args)
    channel, body = encode(CHANNELS, message)
    assert server(rooms).event("/", channel, body) == message
