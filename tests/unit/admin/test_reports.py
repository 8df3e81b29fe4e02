from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server, Socket
from rtserver.admin.reports import Reports
from rtserver.cluster.clustered import ClusterManager
from rtserver.server.acks import AckCallback
from rtserver.server.target import PLAIN, Flags, Target
from rtserver.testing import TestClient
from tests.support.bus import Exchange, LoopBus


def reports_of(sio: Server) -> Reports:
    sio.on("connect", lambda sid, environ: None, namespace="/admin")
    return Reports(sio._backend, "/admin")


async def test_a_server_that_is_alone_needs_them_while_there_is_an_admin() -> None:
    sio = Server()
    reports = reports_of(sio)
    assert not reports.wanted
    async with TestClient(sio, namespace="/admin") as admin:
        assert reports.wanted
        reports.send("told", 1, ["two"])
        assert (await admin.receive()) == ("told", (1, ["two"]))
    assert not reports.wanted


async def test_who_asks_to_come_in_is_no_admin_yet() -> None:
    sio = Server()
    asked, go = asyncio.Event(), asyncio.Event()

    async def guard(socket: Socket) -> None:
        asked.set()
        await go.wait()
        if not socket.handshake.auth:
            raise Refusal("no")

    sio.use(guard, namespace="/admin")
    reports = reports_of(sio)
    stranger, admin = (TestClient(sio, namespace="/admin", auth=auth) for auth in (None, {"name": "Ada"}))
    for client in (stranger, admin):
        asked.clear()
        go.clear()
        connecting = asyncio.ensure_future(client.connect())
        async with asyncio.timeout(5):
            await asked.wait()
            assert not reports.wanted
            go.set()
            await asyncio.wait([connecting])
        assert (connecting.exception() is None) is (client is admin)
        assert reports.wanted is (client is admin)
    await admin.disconnect()
    assert not reports.wanted


async def test_a_server_of_a_cluster_always_needs_them_and_they_reach_admins_elsewhere() -> None:
    exchange = Exchange()
    here, there = (Server(client_manager=ClusterManager(LoopBus(exchange, uid))) for uid in "ab")
    reports = reports_of(here)
    reports_of(there)
    await here.start()
    async with TestClient(there, namespace="/admin") as admin:
        assert reports.wanted
        reports.send("told", 1)
        assert (await admin.receive()).data == 1
    await here.shutdown()
    await there.shutdown()


async def test_what_has_to_wait_is_kept_until_it_is_sent() -> None:
    sio = Server()
    reports = reports_of(sio)
    sent = asyncio.Event()

    async def wait() -> None:
        sent.set()

    def emit(
        target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> Awaitable[None]:
        return wait()

    sio.manager.emit = emit  # type: ignore[method-assign]
    reports.send("told")
    async with asyncio.timeout(5):
        await sent.wait()
