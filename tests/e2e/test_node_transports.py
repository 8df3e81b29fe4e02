"""The upgrade under load, lost connections and reconnection, silent clients: the life of a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .harness.cases import every_client, every_transport
from .harness.channel import NodeProcess
from .harness.events import EventLog
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server, recorded

MESSAGES = 2000


@every_client
@every_transport
@pytest.mark.both_loops
async def test_no_message_is_lost_doubled_or_reordered(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    """Stream numbers both ways from the first moment on, while the client goes over to WebSocket."""
    sio = make_server()
    received: list[int] = []
    transports: set[str] = set()
    complete = asyncio.Event()

    async def number(sid: str, value: int) -> None:
        received.append(value)
        transports.add(sio.transport(sid))
        if len(received) >= MESSAGES:
            complete.set()

    async def push(sid: str) -> None:
        for value in range(MESSAGES):
            await sio.emit("number", value, to=sid)
            if value % 10 == 0:
                transports.add(sio.transport(sid))
                await asyncio.sleep(0)
        # Some are certain to come after the upgrade, too.
        await settled.wait()
        for value in range(MESSAGES, MESSAGES + 10):
            await sio.emit("number", value, to=sid)

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        sio.start_background_task(push, sid)

    settled = asyncio.Event()
    sio.on("number", number)
    sio.on("connect", connect)
    host = await hosting.server(sio)
    manager = await node.manager(host.url, kind, transports=transport.names, reconnection=False)
    client = await manager.socket()
    collecting = node.send("collect", name=client.name, event="number", count=MESSAGES + 10)
    await client.connected()
    await collecting
    await client.stream("number", MESSAGES, batch=10)
    if transport is Transport.UPGRADE:
        await manager.log.next("upgrade")
    settled.set()
    collected = await client.collected()
    async with asyncio.timeout(20):
        await complete.wait()
    assert (await client.state())["transport"] == transport.final
    assert received == list(range(MESSAGES))
    assert collected == list(range(MESSAGES + 10))
    assert transports <= {"polling", "websocket"} if transport is Transport.UPGRADE else {transport.value}


@every_client
async def test_binary_messages_keep_their_order_across_the_upgrade(
    node: Node, hosting: Hosting, kind: str
) -> None:
    sio = make_server()
    log = EventLog("the server")

    async def connect(sid: str, environ: dict[str, Any]) -> None:
        for value in range(100):
            await sio.emit("binary", [value, bytes([value]), b"\x1e"], to=sid)

    async def binary(sid: str, data: Any) -> None:
        log.add("binary", data)

    sio.on("connect", connect)
    sio.on("binary", binary)
    host = await hosting.server(sio)
    manager = await node.manager(host.url, kind, reconnection=False)
    client = await manager.socket()
    await client.connected()
    sends = [
        node.send("emit", name=client.name, event="binary", args=[[value, {"$binary": "/w=="}, "text"]])
        for value in range(100)
    ]
    await asyncio.gather(*sends)
    for value in range(100):
        assert await client.next("binary") == [[value, bytes([value]), b"\x1e"]]
        assert await log.next("binary") == [[value, b"\xff", "text"]]
    await manager.log.next("upgrade")
    assert log.history[100:] == []


@every_client
async def test_a_hundred_clients_upgrade_at_once(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server()
    recorded(sio, "echo")
    host = await hosting.server(sio)

    async def run(number: int) -> None:
        manager = await node.manager(host.url, kind, reconnection=False)
        client = await manager.socket()
        await client.connected()
        for value in range(5):
            assert await client.call("echo", number, value, b"\x00") == [number, value, b"\x00"]
        await manager.log.next("upgrade")
        assert await client.call("echo", number) == [number]

    await asyncio.gather(*(run(number) for number in range(100 if kind == "4" else 20)))
    assert {session.transport_name for session in sio.eio.sessions} == {"websocket"}
    assert sio.eio.counters.upgrades == len(sio.eio.sessions)


@every_client
@every_transport
async def test_a_client_reconnects_when_the_connection_is_lost(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport, reconnection=True, reconnectionDelay=10)
    first = client.sid
    await client.manager.close_engine()
    await log.next("disconnect")
    await client.next("disconnect")
    assert await client.connected() != first
    assert await client.call("echo", "back") == ["back"]


@every_client
@every_transport
async def test_a_client_reconnects_when_the_server_drops_the_session(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport, reconnection=True, reconnectionDelay=10)
    await log.next("connect")
    (session,) = list(sio.eio.sessions)
    session.close()
    first = client.sid
    assert await client.next("disconnect") == ["transport close"]
    assert await client.connected() != first
    assert (await log.next("disconnect"))[0] == first
    assert await client.call("echo", "back") == ["back"]
    assert len(sio.eio.sessions) == 1


@every_client
async def test_clients_come_back_to_a_server_that_was_restarted(
    node: Node, hosting: Hosting, kind: str
) -> None:
    sio = make_server()
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(
        host.url, kind, Transport.UPGRADE, reconnection=True, reconnectionDelay=20, reconnectionDelayMax=50
    )
    await host.close()
    assert await client.next("disconnect") == ["transport close"]
    await client.manager.log.next("reconnect_attempt")
    again = make_server()
    recorded(again, "echo")
    await hosting.server(again, port=host.port)
    await client.connected()
    assert await client.call("echo", "back") == ["back"]


@every_transport
async def test_a_silent_client_is_dropped_after_the_ping_timeout(
    own_process: NodeProcess, node: Node, hosting: Hosting, transport: Transport
) -> None:
    sio = make_server(ping_interval=0.1, ping_timeout=0.7)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    silent = Node(own_process)
    client = await silent.connect(host.url, "4", transport)
    bystander = await node.connect(host.url, "4", transport)
    own_process.freeze()
    assert await log.next("disconnect") == [client.sid, "ping timeout"]
    assert await bystander.call("echo", 1) == [1]
    assert log.all("disconnect") == [[client.sid, "ping timeout"]]
    own_process.resume()
    await client.next("disconnect")
    await silent.detach()


@every_client
@every_transport
async def test_heartbeats_keep_an_idle_client(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server(ping_interval=0.2, ping_timeout=1)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport)
    for _ in range(3):
        await client.manager.log.next("ping")
    assert await client.call("echo", 1) == [1]
    assert log.all("disconnect") == []


async def test_heartbeats_come_at_their_interval_however_long_the_timeout(
    node: Node, hosting: Hosting
) -> None:
    sio = make_server(ping_interval=0.1, ping_timeout=60)
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url)
    for _ in range(3):
        await client.manager.log.next("ping", 5)
