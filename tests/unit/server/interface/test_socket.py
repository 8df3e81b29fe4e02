from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.server.harness import Harness


async def test_what_a_socket_is() -> None:
    harness = Harness()
    session = harness.session()
    sid = session.join(auth='{"token":"t"}')
    socket = harness.sio.socket(sid)
    assert (socket.id, socket.sid, socket.namespace, socket.transport) == (sid, sid, "/", "websocket")
    assert (socket.connected, socket.recovered, socket.rooms) == (True, False, {sid})
    assert socket.handshake.auth == {"token": "t"}
    assert repr(socket) == f"<Socket {sid} in /: connected>"


async def test_it_is_the_same_however_often_it_is_asked_for() -> None:
    harness = Harness()
    session = harness.session()
    sid = session.join()
    socket = harness.sio.socket(sid)
    assert socket == harness.sio.socket(sid)
    assert len({socket, harness.sio.socket(sid)}) == 1
    assert socket != harness.sio.socket(harness.session().join())
    assert socket != sid


async def test_its_data_is_the_session() -> None:
    harness = Harness()
    sid = harness.session().join()
    socket = harness.sio.socket(sid)
    socket.data["name"] = "Ada"
    assert await harness.sio.get_session(sid) is socket.data
    await harness.sio.save_session(sid, {"name": "Grace"})
    assert socket.data == {"name": "Grace"}


async def test_rooms() -> None:
    harness = Harness()
    session = harness.session()
    sid = session.join()
    socket = harness.sio.socket(sid)
    await socket.join("a", ["b", "c"])
    await socket.leave("a", "never entered", sid)
    assert socket.rooms == {sid, "b", "c"}
    assert [socket.is_in(room) for room in (sid, "a", "b", "c", 7)] == [True, False, True, True, False]
    session.close()
    assert socket.rooms == set()
    assert not any(socket.is_in(room) for room in (sid, "b"))
    await socket.join("a")
    await socket.leave("b")
    assert socket.rooms == set()
    assert harness.sio._hub.namespaces == {}


async def test_it_can_be_had_while_its_connect_handler_runs() -> None:
    harness = Harness()
    seen: list[Any] = []

    @harness.sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        socket = harness.sio.socket(sid)
        seen.append((socket, socket.connected))
        await socket.emit("welcome")

    session = harness.session()
    session.receive("0")
    ((socket, was_connected),) = seen
    assert (was_connected, socket.connected) == (False, True)
    assert session.take()[1:] == ['42["welcome"]']


async def test_disconnecting_waits_for_the_handler() -> None:
    harness = Harness()
    go = asyncio.Event()
    parted: list[str] = []

    @harness.sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await go.wait()
        parted.append(reason)

    session = harness.session()
    socket = harness.sio.socket(session.join())
    leaving = asyncio.ensure_future(socket.disconnect())
    await asyncio.sleep(0)
    assert (session.take(), session.is_open, socket.connected) == (["41"], True, False)
    go.set()
    await leaving
    assert parted == ["server disconnect"]
    await socket.disconnect()
    assert session.take() == []
    await socket.disconnect(close=True)
    assert not session.is_open
