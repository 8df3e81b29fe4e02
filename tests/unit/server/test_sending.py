from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.target import Flags, Target
from tests.unit.server.harness import Harness, turns

EVERYONE = Target("/")


async def test_a_broadcast_is_encoded_once_for_all() -> None:
    harness = Harness()
    seen: list[Outgoing] = []
    for _ in range(3):
        session = harness.session()
        session.join()
        session.send_outgoing = seen.append  # type: ignore[method-assign]
    harness.sio._local.emit(EVERYONE, ["event"])
    assert len(seen) == 3
    assert len({id(outgoing) for outgoing in seen}) == 1


async def test_nothing_is_encoded_for_nobody() -> None:
    harness = Harness()
    local = harness.sio._local
    unserializable: list[Any] = ["event", object()]
    local.emit(EVERYONE, unserializable)
    harness.session().join()
    local.emit(Target("/", ["nobody"]), unserializable)
    with pytest.raises(TypeError):
        local.emit(EVERYONE, unserializable)


async def test_a_client_in_several_rooms_counts_once_and_excepted_ones_do_not() -> None:
    harness = Harness()
    local = harness.sio._local
    first, second = harness.session(), harness.session()
    first_sid, second_sid = first.join(), second.join()
    assert local.join(EVERYONE, ["x", "y"]) == 2
    local.emit(Target("/", ["x", "y"], [second_sid]), ["event"])
    assert (first.take(), second.take()) == (['42["event"]'], [])
    assert local.leave(Target("/", [first_sid]), ["x"]) == 1
    local.emit(Target("/", ["x"]), ["event"])
    assert (first.take(), second.take()) == ([], ['42["event"]'])


async def test_a_volatile_event_is_dropped_for_who_is_not_ready() -> None:
    harness = Harness()
    ready, busy = harness.session(), harness.session()
    ready.join()
    busy.join()
    busy.writable = False
    harness.sio._local.emit(EVERYONE, ["event"], Flags(volatile=True))
    assert (ready.take(), busy.take()) == (['42["event"]'], [])
    assert harness.sio.counters.drops == {"not ready": 1}


async def test_a_volatile_event_is_dropped_for_who_is_connecting() -> None:
    harness = Harness()

    async def connect(sid: str, environ: Any) -> None:
        harness.sio._local.emit(EVERYONE, ["volatile"], Flags(volatile=True))
        harness.sio._local.emit(EVERYONE, ["event"])

    harness.sio.on("connect", connect)
    session = harness.session()
    session.receive("0")
    assert session.take()[1:] == ['42["event"]']
    assert harness.sio.counters.drops == {"not ready": 1}


async def test_an_event_that_is_not_to_be_compressed() -> None:
    harness = Harness()
    seen: list[Outgoing] = []
    for _ in range(2):
        session = harness.session()
        session.join()
        session.send_outgoing = seen.append  # type: ignore[method-assign]
    harness.sio._local.emit(EVERYONE, ["event", b"\x01"], Flags(compress=False))
    assert [(outgoing.text, list(outgoing.attachments)) for outgoing in seen] == [
        (b'451-["event",{"_placeholder":true,"num":0}]', [b"\x01"])
    ] * 2
    assert seen[0] is seen[1]
    assert not seen[0].compress


async def test_an_inquiry_leaves_nothing_behind() -> None:
    harness = Harness()
    local = harness.sio._local
    answering, silent = harness.session(), harness.session()
    answering.join()
    late = silent.join()
    seen: list[Any] = []
    inquiry = local.ask(EVERYONE, ["question"], on_answer=seen.append)
    assert inquiry.count == 2
    waiting = asyncio.ensure_future(inquiry.wait(None))
    answering.receive('31["a","b"]')
    answering.receive('31["again"]')
    await turns()
    assert not waiting.done()
    waiting.cancel()
    inquiry.close()
    assert (inquiry.answers, seen, inquiry.missing) == ([("a", "b")], [("a", "b")], [late])
    assert all(socket.acks is None for socket in local.sockets(EVERYONE))
    silent.receive('31["late"]')
    assert inquiry.answers == [("a", "b")]


async def test_a_question_that_can_not_be_serialized_leaves_nothing_behind() -> None:
    harness = Harness()
    harness.session().join()
    with pytest.raises(TypeError):
        harness.sio._local.ask(EVERYONE, ["question", object()])
    assert all(socket.acks is None for socket in harness.sio._local.sockets(EVERYONE))
