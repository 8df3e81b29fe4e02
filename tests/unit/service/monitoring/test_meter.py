from __future__ import annotations

import msgpack
import pytest

from rtserver.service.monitoring.meter import MOST, OTHER, Meter
from rtserver.socketio.msgpack_codec import MsgpackCodec
from tests.unit.server.harness import FakeSession, Harness


class Metered:
    def __init__(self) -> None:
        self.harness = Harness(namespaces=("*",))
        self.meter = Meter(self.harness.sio._dispatch, self.harness.sio.codec, self.harness.sio.has_clients)
        self.seen: list[object] = []
        for name in ("/", "/chat"):
            self.harness.sio.on("note", lambda sid, *args: self.seen.append(args), namespace=name)

    def session(self, in_frames: bool) -> FakeSession:
        session = FakeSession(self.meter)
        session.in_frames = in_frames
        session.join()
        session.join("/chat")
        return session


@pytest.mark.parametrize("in_frames", [True, False])
async def test_events_are_counted_by_namespace(in_frames: bool) -> None:
    one = Metered()
    session = one.session(in_frames)
    session.receive('2["note",1]', '2/chat,["note",2]', '2/chat,7["note","a,b"]')
    session.receive('51-/chat,["note",{"_placeholder":true,"num":0}]', b"bytes")
    session.receive('51-["note",{"_placeholder":true,"num":0}]', b"bytes")
    assert one.meter.events == {OTHER: 0, "/": 2, "/chat": 3}
    assert one.seen == [(1,), (2,), ("a,b",), (b"bytes",), (b"bytes",)]


@pytest.mark.parametrize("in_frames", [True, False])
async def test_what_is_no_event_isn_t_counted(in_frames: bool) -> None:
    one = Metered()
    session = one.session(in_frames)
    session.receive("30[]", "1/chat,", "0/other")
    assert one.meter.events == {OTHER: 0}


@pytest.mark.parametrize("in_frames", [True, False])
async def test_a_namespace_that_there_isn_t_gets_no_label(in_frames: bool) -> None:
    one = Metered()
    session = one.session(in_frames)
    session.receive('2/made-up,["note",1]')
    assert one.meter.events == {OTHER: 1}
    assert session.closed_for is not None


@pytest.mark.parametrize("in_frames", [True, False])
async def test_there_are_not_more_labels_than_so_many(in_frames: bool) -> None:
    one = Metered()
    session = FakeSession(one.meter)
    session.in_frames = in_frames
    session.join()
    for number in range(MOST):
        other = FakeSession(one.meter)
        other.in_frames = in_frames
        other.join(f"/{number}")
        other.receive(f'2/{number},["note"]', f'2/{number},["note"]')
    assert len(one.meter.events) == MOST
    assert one.meter.events[OTHER] == 2


@pytest.mark.parametrize("text", ["2", "5", "2/", "5-", "51-/", "2/chat"])
async def test_what_is_no_packet_goes_on_as_it_is(text: str) -> None:
    one = Metered()
    session = one.session(in_frames=False)
    session.receive(text)
    assert session.closed_for is not None


async def test_packets_of_msgpack_are_counted() -> None:
    harness = Harness(MsgpackCodec(), namespaces=("/",))
    meter = Meter(harness.sio._dispatch, harness.sio.codec, harness.sio.has_clients)
    session = FakeSession(meter)
    session.in_frames = False
    session.receive(msgpack.packb({"type": 0, "nsp": "/"}))
    session.receive(msgpack.packb({"type": 2, "nsp": "/", "data": ["note"]}))
    assert meter.events == {OTHER: 0, "/": 1}
    session.receive(b"\xc1")
    assert session.closed_for is not None
