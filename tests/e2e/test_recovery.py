"""Connection state recovery with the official client, as Node's server has it and beyond."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio

from rtserver import Server
from tests.support.engine import until

from .harness.either import Application, Commands, ServeEither, Tell
from .harness.faulty_proxy import FaultyProxy
from .harness.node import MSGPACK, Node, NodeSocket, Transport
from .harness.server import Hosting, make_server

every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)


def stateful(sio: Server, tell: Tell) -> Commands:
    @sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        socket = sio.socket(sid)
        rooms = sorted(socket.rooms - {sid})
        tell("connect", sid, socket.recovered, socket.data.get("name"), rooms)
        socket.data["name"] = "Ada"
        await socket.join("lobby")

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        tell("disconnect", reason)

    async def send(room: str, event: str, *args: Any) -> None:
        await sio.to(room).emit(event, *args)

    async def send_volatile(event: str, *args: Any) -> None:
        await sio.volatile.emit(event, *args)

    return {"send": send, "sendVolatile": send_volatile}


STATEFUL = Application(
    "recovery.js",
    stateful,
    node_options={"connectionStateRecovery": {}},
    options={"connection_state_recovery": True},
)


async def drop(client: NodeSocket) -> None:
    """Lose the connection, without a good-bye to the namespace."""
    await client.manager.close_engine()
    await client.next("disconnect")


async def come_back(client: NodeSocket) -> bool:
    """Connect again. Returns whether the client has recovered."""
    await client.connect()
    await client.connected()
    return bool((await client.state())["recovered"])


@every_transport
async def test_id_rooms_data_and_missed_events_come_back(
    either_server: ServeEither, node: Node, transport: Transport
) -> None:
    server = await either_server(STATEFUL)
    client = await node.connect(server.url, transport=transport)
    sid = client.sid
    assert await server.log.next("connect") == [sid, False, None, []]
    await server.do("send", "lobby", "received", 1)
    value, offset = await client.next("received")
    assert (value, type(offset)) == (1, str)
    await drop(client)
    assert await server.log.next("disconnect") == ["transport close"]
    await server.do("send", "lobby", "missed", {"binary": b"\x00"})
    await server.do("send", "elsewhere", "missed", "not this one")
    await server.do("send", sid, "missed", "own")
    assert await come_back(client)
    assert client.sid == sid
    assert await server.log.next("connect") == [sid, True, "Ada", ["lobby"]]
    assert (await client.next("missed"))[0] == {"binary": b"\x00"}
    assert (await client.next("missed"))[0] == "own"
    await server.do("send", "lobby", "live")
    await client.next("live")


async def test_who_says_good_bye_is_a_new_client(either_server: ServeEither, node: Node) -> None:
    server = await either_server(STATEFUL)
    client = await node.connect(server.url)
    sid = client.sid
    await server.do("send", sid, "received")
    await client.next("received")
    await client.disconnect()
    assert await server.log.next("disconnect") == ["client namespace disconnect"] or server.kind != "node"
    assert not await come_back(client)
    assert client.sid != sid


async def test_a_forged_claim_makes_a_new_client(either_server: ServeEither, node: Node) -> None:
    server = await either_server(STATEFUL)
    client = await node.connect(server.url, auth={"pid": "forged", "offset": "forged"})
    assert await server.log.next("connect") == [client.sid, False, None, []]
    assert not (await client.state())["recovered"]


async def recovering(hosting: Hosting, **options: Any) -> tuple[Server, str]:
    """Serve an application that keeps what clients miss."""
    sio = make_server(connection_state_recovery=True, **options)
    return sio, (await hosting.server(sio)).url


# Where Node's server makes new clients of them.


@every_transport
async def test_a_client_that_has_received_nothing_recovers(
    hosting: Hosting, node: Node, transport: Transport
) -> None:
    sio, url = await recovering(hosting)
    client = await node.connect(url, transport=transport)
    await drop(client)
    await sio.emit("missed", 1)
    assert await come_back(client)
    assert (await client.next("missed"))[0] == 1


async def test_a_volatile_event_does_not_spoil_the_offset(hosting: Hosting, node: Node) -> None:
    sio, url = await recovering(hosting)
    client = await node.connect(url)
    await sio.volatile.emit("tick", "tock")
    assert (await client.next("tick"))[0] == "tock"
    await drop(client)
    await sio.emit("missed", 1)
    assert await come_back(client)
    assert (await client.next("missed"))[0] == 1


async def test_a_connection_that_the_server_believes_alive_is_replaced(hosting: Hosting, node: Node) -> None:
    sio = make_server(connection_state_recovery=True)
    left: list[str] = []
    sio.on("disconnect", lambda sid, reason: left.append(reason))
    host = await hosting.server(sio)
    async with FaultyProxy(host.port) as proxy:
        client = await node.connect(proxy.url)
        sid = client.sid
        for link in list(proxy.links):
            link.vanish()
        await client.next("disconnect")
        assert left == []
        await sio.emit("swallowed", 1)
        assert await come_back(client)
        assert client.sid == sid
        assert (await client.next("swallowed"))[0] == 1
        assert left == ["transport close"]


async def test_nothing_is_doubled_when_the_connection_is_lost_amid_what_was_missed(
    hosting: Hosting, node: Node
) -> None:
    sio = make_server(connection_state_recovery=True)
    host = await hosting.server(sio)
    async with FaultyProxy(host.port) as proxy:
        client = await node.connect(proxy.url)
        await drop(client)
        await until(lambda: not sio._hub.namespaces)
        for number in range(20):
            await sio.emit("missed", (number, 100_000 * "x"))
        proxy.cut_after = 1_000_000
        await client.connect()
        await client.manager.log.next("engine_close")
        await client.manager.log.next("engine_close")
        proxy.cut_after = None
        await client.connect()
        await sio.emit("last")
        await client.next("last")
    seen = [args[0] for name, args in client.log.history if name == "missed"]
    assert seen == [*range(20)]
    assert sio.counters.recoveries == 2
    assert sio.counters.recovered_events > 20  # some had been lost on the way


async def test_with_msgpack(hosting: Hosting, node: Node) -> None:
    sio, url = await recovering(hosting, serializer="msgpack")
    client = await node.connect(url, parser=MSGPACK)
    await drop(client)
    await sio.emit("missed", b"\x00")
    assert await come_back(client)
    assert (await client.next("missed"))[0] == b"\x00"


async def test_each_namespace_recovers(hosting: Hosting, node: Node) -> None:
    sio, url = await recovering(hosting, namespaces="*")
    one = await node.connect(url, namespace="/one")
    two = await one.manager.socket("/two")
    await two.connected()
    sids = one.sid, two.sid
    await one.manager.close_engine()
    await one.next("disconnect")
    await two.next("disconnect")
    await sio.emit("missed", namespace="/two")
    assert await come_back(one)
    assert await come_back(two)
    assert (one.sid, two.sid) == sids
    await two.next("missed")


# Clients that can't recover.


@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids=lambda names: str(names[0]))
@pytest.mark.parametrize("kind", [socketio.AsyncClient, socketio.Client], ids=["async", "sync"])
async def test_pythons_clients_get_the_arguments_that_were_sent(
    hosting: Hosting, node: Node, kind: Any, transports: list[str]
) -> None:
    sio, url = await recovering(hosting)
    javascript = await node.connect(url)
    client = kind(reconnection=False)
    received: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # Exactly one argument: with one more the handler isn't called.
    client.on("news", lambda text: loop.call_soon_threadsafe(received.put_nowait, text))

    async def run(method: Any, *args: Any, **options: Any) -> None:
        if kind is socketio.Client:
            await asyncio.to_thread(method, *args, **options)
        else:
            await method(*args, **options)

    await run(client.connect, url, transports=transports)
    await sio.emit("news", "rain")
    async with asyncio.timeout(10):
        assert await received.get() == "rain"
    assert len(await javascript.next("news")) == 2
    await run(client.disconnect)
