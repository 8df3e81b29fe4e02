"""The events that clients send are counted by namespace."""

from __future__ import annotations

import msgpack
import pytest

from rtserver.server.counters import MAX_NAMES, OTHER, Counters
from rtserver.socketio.msgpack_codec import MsgpackCodec
from tests.unit.server.harness import FakeSession, Harness


def joined(harness: Harness, *namespaces: str, in_frames: bool = True) -> FakeSession:
    session = FakeSession(harness.sio._dispatch)
    session.in_frames = in_frames
    for namespace in namespaces:
        session.join(namespace)
    return session


@pytest.mark.parametrize("in_frames", [True, False])
async def test_each_event_counts_once(in_frames: bool) -> None:
    harness = Harness(namespaces=("*",))
    harness.sio.on("note", lambda sid, *args: None)
    harness.sio.on("note", lambda sid, *args: None, namespace="/chat")
    session = joined(harness, "/", "/chat", in_frames=in_frames)
    session.receive('2["note",1]', '2/chat,["note",2]', '2/chat,7["note","a,b"]')
    session.receive('51-/chat,["note",{"_placeholder":true,"num":0}]', b"bytes")
    session.receive('2["unheard of"]', "30[]")
    assert harness.sio.events_received() == {OTHER: 0, "/": 2, "/chat": 3}
    session.receive('2["note",1]', "1/chat,")
    assert harness.sio.events_received() == {OTHER: 0, "/": 3, "/chat": 3}


async def test_those_of_a_namespace_that_is_empty_stay() -> None:
    harness = Harness(namespaces=("*",))
    harness.sio.on("note", lambda sid: None, namespace="*")
    for _ in range(2):
        session = joined(harness, "/chat")
        session.receive('2/chat,["note"]', "1/chat,")
        assert "/chat" not in harness.sio._hub.namespaces
    assert harness.sio.events_received() == {OTHER: 0, "/chat": 2}


async def test_packets_of_msgpack_count() -> None:
    harness = Harness(MsgpackCodec(), namespaces=("/",))
    harness.sio.on("note", lambda sid: None)
    session = joined(harness, in_frames=False)
    session.receive(msgpack.packb({"type": 0, "nsp": "/"}))
    session.receive(msgpack.packb({"type": 2, "nsp": "/", "data": ["note"]}))
    assert harness.sio.events_received() == {OTHER: 0, "/": 1}


def test_names_are_bounded_and_stay() -> None:
    counters = Counters()
    for number in range(MAX_NAMES + 20):
        counters.receive(f"/{number}", 2)
    counters.receive("/0", 1)
    assert len(counters.events_received) == MAX_NAMES
    assert counters.events_received["/0"] == 3
    assert counters.events_received[OTHER] == 42
