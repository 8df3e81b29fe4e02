from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from rtserver.errors import TooManyRooms
from tests.unit.server.harness import FakeSession, Harness, turns

ANSWER = (
    '430[{"code":"too_many_rooms",'
    '"message":"you are in 2 rooms, the most that a client may be in: leave one first"}]'
)


@pytest.fixture
def harness() -> Harness:
    return Harness(max_rooms=2)


@pytest.fixture
async def session(harness: Harness) -> FakeSession:
    """A client that is in two rooms."""
    session = harness.session()
    sid = session.join()
    for room in ("a", "b", "a"):
        await harness.sio.enter_room(sid, room)
    return session


def sid_of(session: FakeSession) -> str:
    (socket,) = session.context.sockets()
    return str(socket.sid)


async def test_one_room_too_many(harness: Harness, session: FakeSession) -> None:
    sio, sid = harness.sio, sid_of(session)
    for enter in (sio.enter_room(sid, "c"), sio.socket(sid).join(["b", "c"])):
        with pytest.raises(TooManyRooms, match=rf"^client {sid} is in 2 rooms, the most of max_rooms"):
            await enter
    assert sio.rooms(sid) == [sid, "a", "b"]
    assert sio.counters.rooms_refused == 2
    await sio.leave_room(sid, "a")
    await sio.enter_room(sid, "c")
    assert sio.rooms(sid) == [sid, "b", "c"]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("turn", [0, 1])
async def test_a_handler_that_lets_it_through_answers_its_client(
    harness: Harness, session: FakeSession, careful: bool, turn: int, caplog: pytest.LogCaptureFixture
) -> None:
    sio = harness.sio
    caplog.set_level(logging.WARNING)

    @sio.event
    async def enter(sid: str, room: str) -> None:
        for _ in range(turn):
            await asyncio.sleep(0)
        await sio.enter_room(sid, room)

    session.context.careful = careful
    for _ in range(2):  # the short way begins when a handler is known
        session.receive('20["enter","c"]', '2["enter","c"]')
        await turns()
    assert session.take() == [ANSWER, ANSWER]
    assert (sio.counters.rooms_refused, sio.counters.handler_errors) == (4, 0)
    assert caplog.records == []


async def test_so_does_middleware(harness: Harness, session: FakeSession) -> None:
    sio = harness.sio
    socket = sio.socket(sid_of(session))

    async def enter(event: str, args: list[Any]) -> None:
        await socket.join("c")

    socket.use(enter)
    sio.on("event", lambda sid: "not reached")
    session.receive('20["event"]')
    await turns()
    assert session.take() == [ANSWER]


async def test_of_several_clients_those_enter_that_may(harness: Harness, session: FakeSession) -> None:
    sio = harness.sio
    other = harness.session()
    other_sid = other.join()
    await sio.sockets_join("c", "d")
    assert sio.rooms(other_sid) == [other_sid, "c", "d"]
    assert sio.rooms(sid_of(session)) == [sid_of(session), "a", "b"]
    assert sio.counters.rooms_refused == 1


async def test_each_namespace_counts_for_itself() -> None:
    harness = Harness(max_rooms=1, namespaces=("/", "/b"))
    session = harness.session()
    sids = {name: session.join(name) for name in ("/", "/b")}
    for name, sid in sids.items():
        await harness.sio.enter_room(sid, "room", name)
    assert harness.sio.counters.rooms_refused == 0
