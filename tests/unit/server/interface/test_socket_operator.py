from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.server.interface.operator import BroadcastOperator
from rtserver.server.interface.socket import Socket
from rtserver.server.target import Flags
from tests.unit.server.harness import Harness, manual_clock, turns


async def test_emit_reaches_the_client_alone() -> None:
    harness = Harness()
    session, other = harness.session(), harness.session()
    socket = harness.sio.socket(session.join())
    await harness.sio.enter_room(other.join(), socket.id)
    await socket.emit("event", 1, (2, 3))
    assert (session.take(), other.take()) == (['42["event",1,[2,3]]'], [])
    session.close()
    await socket.emit("event")


@pytest.mark.parametrize(
    ("chain", "reached"),
    [
        (lambda socket: socket.broadcast, "bc"),
        (lambda socket: socket.local, "bc"),
        (lambda socket: socket.to("room"), "b"),
        (lambda socket: socket.in_("room"), "b"),
        (lambda socket: socket.to([]), ""),
        (lambda socket: socket.except_("room"), "c"),
        (lambda socket: socket.volatile.broadcast.to("room"), "b"),
    ],
)
async def test_chains_to_others_leave_it_out(
    chain: Callable[[Socket], BroadcastOperator], reached: str
) -> None:
    harness = Harness()
    sessions = [harness.session() for _ in "abc"]
    sids = [session.join() for session in sessions]
    for sid in sids[:2]:
        await harness.sio.enter_room(sid, "room")
    await chain(harness.sio.socket(sids[0])).emit("event")
    got = "".join(letter for letter, session in zip("abc", sessions, strict=True) if session.take())
    assert got == reached


async def test_flags_go_with_the_chain() -> None:
    harness = Harness()
    session = harness.session()
    socket = harness.sio.socket(session.join())
    chain = socket.volatile.compress(False).conflate("x").timeout(2)
    assert chain.flags == chain.broadcast.flags == Flags(True, False, "x")
    assert chain.seconds == chain.broadcast.seconds == 2
    session.writable = False
    await socket.volatile.emit("event")
    assert session.take() == []
    await socket.compress(True).emit("event")
    assert session.take() == ['42["event"]']


async def test_the_answer_is_returned() -> None:
    harness = Harness()
    session = harness.session()
    socket = harness.sio.socket(session.join())
    for answer, expected in (("[]", None), ("[1]", 1), ("[1,[2]]", (1, [2]))):
        asking = asyncio.ensure_future(socket.timeout(60).emit_with_ack("question", "?"))
        await turns()
        number = socket._socket.ack_counter
        assert session.take() == [f'42{number}["question","?"]']
        session.receive(f"3{number}{answer}")
        assert await asking == expected
        assert socket._socket.acks is None


async def test_no_answer_raises_and_leaves_nothing_behind() -> None:
    loop, clock = manual_clock()
    harness = Harness(clock=clock, connect_timeout=None)
    session = harness.session()
    socket = harness.sio.socket(session.join())
    late = asyncio.ensure_future(socket.timeout(2).emit_with_ack("question"))
    await turns()
    loop.advance(2.1)
    with pytest.raises(NoAnswer, match="2 seconds"):
        await late
    gone = asyncio.ensure_future(socket.timeout(60).emit_with_ack("question"))
    await turns()
    session.close()
    with pytest.raises(NoAnswer, match="left"):
        await gone
    with pytest.raises(NoAnswer, match="isn't connected"):
        await socket.emit_with_ack("question")
    assert socket._socket.acks is None
    assert len(clock) == 0
    assert harness.sio.counters.ack_timeouts == 2


async def test_what_cannot_be_sent_raises_and_leaves_nothing_behind() -> None:
    _, clock = manual_clock()
    harness = Harness(clock=clock, connect_timeout=None)
    socket = harness.sio.socket(harness.session().join())
    unserializable: Any = object()
    with pytest.raises(TypeError):
        await socket.timeout(5).emit_with_ack("question", unserializable)
    with pytest.raises(ValueError, match="connect"):
        await socket.emit("connect")
    assert socket._socket.acks is None
    assert len(clock) == 0
