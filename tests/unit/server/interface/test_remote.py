from __future__ import annotations

from typing import Any

import pytest
from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.server.answers import Answers, Fetched, SocketDetails
from rtserver.server.interface.remote import RemoteSocket, Sockets
from rtserver.server.target import PLAIN, Flags, Target
from tests.unit.server.harness import Harness
from tests.unit.server.interface.cluster import ClusterManager

DETAILS = SocketDetails("remote", {"address": "203.0.113.9"}, ["remote", "a"], {"name": "Ada"})
TARGET = Target("/chat", ("remote",))


async def remote(manager: ClusterManager) -> RemoteSocket:
    fetched = await Harness(manager=manager).sio.of("/chat").fetch_sockets()
    manager.asked.clear()
    (socket,) = fetched
    assert isinstance(socket, RemoteSocket)
    return socket


def manager(*answers: Any) -> ClusterManager:
    return ClusterManager(Fetched([DETAILS]), Answers(answers))


async def test_it_is_what_its_server_told() -> None:
    socket = await remote(manager())
    assert (socket.id, socket.sid, socket.namespace) == ("remote", "remote", "/chat")
    assert (socket.rooms, socket.data) == ({"remote", "a"}, {"name": "Ada"})
    assert socket.data is not DETAILS.data
    assert socket.handshake.address == "203.0.113.9"


async def test_it_is_the_same_however_often_it_is_fetched() -> None:
    first, second = await remote(manager()), await remote(manager())
    assert first == second
    assert len({first, second, first.timeout(1)}) == 1
    assert first != Sockets()


async def test_what_is_done_with_it_goes_through_the_manager() -> None:
    asked = manager("answer")
    socket = await remote(asked)
    await socket.emit("event", 1, 2)
    await socket.join("x", ["y"])
    await socket.leave("x")
    await socket.disconnect(close=True)
    assert await socket.emit_with_ack("question") == "answer"
    assert await socket.timeout(2).emit_with_ack("question") == "answer"
    assert asked.asked == [
        ("emit", TARGET, ["event", 1, 2], PLAIN),
        ("join", TARGET, ("x", "y")),
        ("leave", TARGET, ("x",)),
        ("disconnect", TARGET, True),
        ("ask", TARGET, ["question"], PLAIN, None),
        ("ask", TARGET, ["question"], PLAIN, 2),
    ]


async def test_how_an_event_is_delivered() -> None:
    asked = manager("answer")
    socket = await remote(asked)
    await socket.volatile.compress(False).emit("event")
    await socket.conflate("price").timeout(2).emit_with_ack("question")
    await socket.compress(True).emit("event")
    assert [what[3] for what in asked.asked] == [
        Flags(volatile=True, compress=False),
        Flags(key="price"),
        PLAIN,
    ]
    assert socket.volatile == socket


async def test_no_answer_is_an_error() -> None:
    socket = await remote(manager())
    with pytest.raises(NoAnswer, match="remote"):
        await socket.timeout(2).emit_with_ack("question")
