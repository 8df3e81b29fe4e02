from __future__ import annotations

from typing import Any

import msgpack
import pytest

from rtserver.clock import RESOLUTION
from rtserver.engineio.handler import EngineHandler, PacketHandler
from rtserver.server.event_limits import INTERVAL, EventLimiter, EventLimits
from rtserver.socketio.codec import Codec
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.testing.session import MemorySession
from tests.unit.server.harness import FakeSession, Harness, manual_clock

LIMITED = '[{"code":"rate_limited","message":"rate limit exceeded","retry_after":0.25}]'


class LimitedSession(FakeSession):
    """A session whose transport asks what of a client's messages it may take, all that come in one read."""

    def __init__(self, handler: EngineHandler, limiter: EventLimiter) -> None:
        super().__init__(handler)
        self.limiter = limiter
        self.on_close = lambda: limiter.forget(self)

    def receive(self, *messages: str | bytes) -> None:
        packets = [self._decode(message) for message in messages]
        for packet in self.limiter.admit(self, packets, sum(map(len, messages))):
            if isinstance(packet, tuple):
                assert isinstance(self.handler, PacketHandler)
                self.handler.packet(self, packet)
            else:
                MemorySession.receive(self, packet[1:] if isinstance(packet, str) else packet)

    def _decode(self, message: str | bytes) -> Any:
        if isinstance(message, bytes):
            return message
        assert isinstance(self.handler, PacketHandler)
        return self.handler.decode(b"4" + message.encode()) if self.in_frames else "4" + message


class Limited:
    """A server whose clients' events are limited, and whose time a test moves."""

    def __init__(self, in_frames: bool = True, codec: Codec | None = None, **limits: float) -> None:
        self.loop, clock = manual_clock()
        self.harness = Harness(codec, clock=clock, namespaces=("/", "/chat"))
        sio = self.harness.sio
        self.limiter = EventLimiter(sio.codec, EventLimits(**limits), lambda: clock)  # type: ignore[arg-type]
        self.seen: list[object] = []
        sio.on("note", lambda sid, *args: self.seen.append(args[0]))
        self.in_frames = in_frames

    def new_session(self) -> LimitedSession:
        session = LimitedSession(self.harness.sio._dispatch, self.limiter)
        session.in_frames = self.in_frames
        return session

    def session(self) -> LimitedSession:
        session = self.new_session()
        session.join()
        return session


@pytest.mark.parametrize("in_frames", [True, False])
async def test_events_over_the_limit_are_left_out(in_frames: bool) -> None:
    one = Limited(in_frames, events_per_second=4, events_burst=3)
    session, other = one.session(), one.session()
    for number in range(5):
        session.receive(f'2["note",{number}]')
    other.receive('2["note","another client\'s"]')
    assert one.seen == [0, 1, "another client's"]  # the CONNECT packet counts
    assert one.limiter.dropped == 3
    one.loop.advance(INTERVAL + 2 * RESOLUTION)
    session.receive('2["note",5]', '2["note",6]')
    assert one.seen[3:] == [5]
    one.loop.advance(100)
    for number in range(10, 20):
        session.receive(f'2["note",{number}]')
    assert one.seen[4:] == [10, 11, 12]


async def test_who_waits_for_an_acknowledgment_learns_why() -> None:
    one = Limited(events_per_second=1, events_burst=1)
    session = one.session()
    session.receive('27["note",1]', '2["note",1]')
    assert session.take() == [f"437{LIMITED}"]


async def test_packets_of_msgpack_are_limited_and_counted() -> None:
    one = Limited(in_frames=False, events_per_second=4, events_burst=2, codec=MsgpackCodec())
    session = one.new_session()
    session.receive(packed(type=0, nsp="/"))
    for number in range(3):
        session.receive(packed(type=2, nsp="/", id=number, data=["note", number]))
    assert one.seen == [0]
    assert one.limiter.dropped == 2
    assert msgpack.unpackb(session.take()[-1])["data"][0]["code"] == "rate_limited"
    session.receive(b"\xc1")
    assert session.closed_for is not None


def packed(**packet: object) -> bytes:
    encoded: bytes = msgpack.packb(packet)
    return encoded


async def test_one_that_sends_a_little_too_much_gets_what_it_may() -> None:
    one = Limited(events_per_second=2, events_burst=2, tolerance=5)
    session = one.session()
    for _ in range(200):
        session.receive('2["note",1]')
        one.loop.advance(0.25)
    assert 95 <= len(one.seen) <= 110  # 4 a second for 50 seconds, of which 2 may pass
    assert session.closed_for is None


async def test_what_comes_in_one_read_overdraws_the_bytes_and_counts_whole() -> None:
    one = Limited(bytes_per_second=400, bytes_burst=100)
    session = one.session()
    session.receive('2["note","a"]', f'2["note","{"x" * 200}"]', '2["note","b"]')
    session.receive('2["note","c"]')
    assert one.seen == ["a", "x" * 200, "b"]
    one.loop.advance(INTERVAL + 2 * RESOLUTION)  # which pays for 100 of 228 bytes
    session.receive('2["note","d"]')
    assert one.seen[3:] == []
    one.loop.advance(1)
    session.receive('2["note","e"]')
    assert one.seen[3:] == ["e"]


async def test_a_packet_may_be_larger_than_the_burst_however_it_comes() -> None:
    one = Limited(bytes_per_second=400, bytes_burst=100)
    session = one.session()
    assert one.limiter.admit(session, [], 150) == []  # two pieces that complete nothing
    assert one.limiter.admit(session, [], 150) == []
    session.receive('2["note","completed"]')
    session.receive('2["note","one too many"]')
    assert one.seen == ["completed"]
    one.loop.advance(2)
    session.receive('2["note","later"]')
    assert one.seen[1:] == ["later"]


async def test_packets_that_were_compressed_count_as_what_they_are() -> None:
    one = Limited(in_frames=False, bytes_per_second=400, bytes_burst=100)
    session = one.session()
    small = one.limiter.admit(session, [f'42["note","{"x" * 500}"]'], 20)
    assert len(small) == 1
    assert one.limiter.admit(session, ['42["note",1]'], 12) == []


async def test_heartbeats_are_nobody_s_events() -> None:
    one = Limited(in_frames=False, events_per_second=4, events_burst=1)
    session = one.session()
    for _ in range(1000):
        assert one.limiter.admit(session, ["3"], 1) == ["3"]
    assert session.closed_for is None


async def test_where_only_bytes_are_limited_any_number_of_events_may_come() -> None:
    one = Limited(bytes_per_second=1_000_000, bytes_burst=1_000_000)
    session = one.session()
    for _ in range(300):
        session.receive('2["note",1]')
    one.loop.advance(INTERVAL + 2 * RESOLUTION)
    for _ in range(300):
        session.receive('2["note",1]')
    assert (len(one.seen), one.limiter.dropped, session.closed_for) == (600, 0, None)


@pytest.mark.parametrize("in_frames", [True, False])
async def test_where_only_events_are_limited_any_number_of_bytes_may_come(in_frames: bool) -> None:
    one = Limited(in_frames, events_per_second=100, bytes_burst=100)
    session = one.session()
    for _ in range(5):
        session.receive('51-["note",{"_placeholder":true,"num":0}]', bytes(80))
    assert (len(one.seen), one.limiter.dropped) == (5, 0)


async def test_bytes_over_the_limit() -> None:
    one = Limited(bytes_per_second=400, bytes_burst=100)
    session = one.session()
    for value in ("x" * 60, "x" * 60, "y"):
        session.receive(f'2["note","{value}"]')
    assert one.seen == ["x" * 60, "x" * 60]  # more than the burst once, and then nothing
    one.loop.advance(INTERVAL + 2 * RESOLUTION)
    session.receive('2["note","z"]')
    assert one.seen[2:] == ["z"]


@pytest.mark.parametrize("in_frames", [True, False])
async def test_an_event_goes_with_its_attachments(in_frames: bool) -> None:
    one = Limited(in_frames, events_per_second=4, events_burst=2)
    session = one.session()
    announced = '["note",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    session.receive(f"52-{announced}", b"kept", b"too")
    session.receive(f"52-{announced}", b"left out", b"this, too")
    one.loop.advance(INTERVAL + 2 * RESOLUTION)
    session.receive('2["note","after"]')
    assert one.seen == [b"kept", "after"]
    assert session.closed_for is None


async def test_a_client_that_doesn_t_stop_is_disconnected() -> None:
    one = Limited(events_per_second=4, events_burst=1, tolerance=3)
    session, other = one.session(), one.session()
    for _ in range(5):
        session.receive('2["note",1]')
    assert session.closed_for == "rate limit exceeded"
    assert other.closed_for is None
    assert one.limiter.disconnected == 1


async def test_one_that_slows_down_is_forgiven() -> None:
    one = Limited(events_per_second=8, events_burst=1, tolerance=2)
    session = one.session()
    for _ in range(20):
        session.receive('2["note",1]', '2["note",1]')
        one.loop.advance(2 * INTERVAL)
    assert session.closed_for is None


@pytest.mark.parametrize("in_frames", [True, False])
async def test_other_packets_are_not_left_out(in_frames: bool) -> None:
    one = Limited(in_frames, events_per_second=4, events_burst=1, tolerance=3)
    session = one.session()
    session.join("/chat")
    session.receive("30[]", "31[]")
    assert session.closed_for is None
    session.receive("32[]")
    assert session.closed_for == "rate limit exceeded"


async def test_nothing_is_left_of_those_who_have_gone() -> None:
    one = Limited(events_per_second=4)
    session = one.session()
    session.close("transport close")
    assert one.limiter.buckets == {}
    assert one.limiter.admit(session, ['42["note",1]'], 12) == ['42["note",1]']  # which nobody takes
    assert one.limiter.buckets == {}
    one.loop.advance(10 * INTERVAL)
    assert one.limiter._timer is None
