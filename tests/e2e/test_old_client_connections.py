"""The connections of 2.x clients: heartbeats, upgrades, and what happens when they break."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio

from .harness.channel import NodeProcess
from .harness.events import EventLog
from .harness.node import OLD_KIND, Node, Transport
from .harness.server import Hosting, make_server, recorded

every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)

TEXT = "é, 😀 and \u2028"
BYTES = bytes(range(256))


async def test_off_by_default(hosting: Hosting, node: Node) -> None:
    sio = make_server()
    host = await hosting.server(sio)
    manager = await node.manager(host.url, OLD_KIND, reconnection=False)
    client = await manager.socket()
    await client.next("connect_error")
    assert sio.eio.counters.requests_refused == 1
    assert len(sio.eio.sessions) == 0


@every_transport
async def test_pings_of_the_client_keep_it(hosting: Hosting, node: Node, transport: Transport) -> None:
    sio = make_server(allow_eio3=True, ping_interval=0.1, ping_timeout=1)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await node.connect(host.url, OLD_KIND, transport)
    for _ in range(15):  # longer than the time-out
        await client.manager.log.next("pong")
    assert await client.call("echo", 1) == [1]
    assert log.all("disconnect") == []


@every_transport
async def test_a_silent_client(
    own_process: NodeProcess, hosting: Hosting, node: Node, transport: Transport
) -> None:
    sio = make_server(allow_eio3=True, ping_interval=0.1, ping_timeout=0.7)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    silent = Node(own_process)
    client = await silent.connect(host.url, OLD_KIND, transport)
    bystander = await node.connect(host.url, OLD_KIND, transport)
    own_process.freeze()
    assert await log.next("disconnect") == [client.sid, "ping timeout"]
    assert await bystander.call("echo", 1) == [1]
    own_process.resume()
    await client.next("disconnect")
    await silent.detach()


@every_transport
async def test_it_comes_back_to_a_server_that_was_restarted(
    hosting: Hosting, node: Node, transport: Transport
) -> None:
    sio = make_server(allow_eio3=True)
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(
        host.url, OLD_KIND, transport, reconnection=True, reconnectionDelay=20, reconnectionDelayMax=50
    )
    await host.close()
    await client.next("disconnect")
    again = make_server(allow_eio3=True)
    recorded(again, "echo")
    await hosting.server(again, port=host.port)
    await client.connected()
    assert await client.call("echo", "back") == ["back"]


@every_transport
async def test_the_connection_is_lost(hosting: Hosting, node: Node, transport: Transport) -> None:
    sio = make_server(allow_eio3=True)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await node.connect(host.url, OLD_KIND, transport, reconnection=True, reconnectionDelay=10)
    first = client.sid
    await client.manager.close_engine()
    assert await log.next("disconnect") == [first, "transport close"]
    assert await client.connected() != first
    assert await client.call("echo", "back") == ["back"]


async def test_nothing_is_lost_or_reordered_across_the_upgrade(hosting: Hosting, node: Node) -> None:
    sio = make_server(allow_eio3=True)
    received: list[int] = []
    finished = asyncio.Event()

    @sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        for value in range(500):
            await sio.emit("number", (value, bytes([value % 256])), to=sid)

    @sio.event
    async def counted(sid: str, value: int) -> None:
        received.append(value)
        if value == 999:
            finished.set()

    host = await hosting.server(sio)
    manager = await node.manager(host.url, OLD_KIND, reconnection=False)
    client = await manager.socket()
    await client.collect("number", 500)
    await client.connected()
    await client.stream("counted", 1000)
    await manager.log.next("upgrade")
    async with asyncio.timeout(10):
        await finished.wait()
    assert received == list(range(1000))
    assert await client.collected() == list(range(500))


async def test_a_broadcast_to_clients_of_every_kind(hosting: Hosting, node: Node) -> None:
    sio = make_server(allow_eio3=True, per_message_deflate=True)
    recorded(sio)
    host = await hosting.server(sio)
    sockets = [
        await node.connect(host.url, kind, transport) for kind in (OLD_KIND, "4") for transport in Transport
    ]
    log = EventLog("the Python client")
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(host.url)
        for message in (TEXT, "long " * 1000, {"bytes": BYTES * 20}):
            await sio.emit("news", message)
            log.add("news", *(await client.receive(10))[1:])
            for socket in sockets:
                assert await socket.next("news") == log.all("news")[-1] == [message]
