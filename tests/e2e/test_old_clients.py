"""Clients of Socket.IO 2.x, on Node's server with `allowEIO3` and on ours with `allow_eio3`."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server
from tests.support.examples import run

from .harness.either import Application, Commands, Compare, Either, ServeEither, Tell
from .harness.events import EventLog
from .harness.node import OLD_KIND, Node, NodeSocket, Transport
from .harness.server import Hosting, make_server
from .harness.transcript import Clients

PAGE = "docs/old-clients.md"

every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)

TEXT = "é, 😀 and \u2028"
BYTES = bytes(range(256))


def rooms_and_acks(sio: Server, tell: Tell) -> Commands:
    for name in ("/", "/admin"):
        _serve_namespace(sio, tell, name)

    async def emit(namespace: str, event: str, *args: Any) -> None:
        await sio.emit(event, args, namespace=namespace)

    async def emit_to(namespace: str, room: str, event: str, *args: Any) -> None:
        await sio.emit(event, args, to=room, namespace=namespace)

    async def ask(namespace: str, sid: str, event: str, *args: Any) -> Any:
        return await sio.call(event, args, to=sid, namespace=namespace)

    async def disconnect(namespace: str, sid: str) -> None:
        await sio.disconnect(sid, namespace=namespace)

    async def volatile(namespace: str, event: str, *args: Any) -> None:
        await sio.of(namespace).volatile.emit(event, *args)

    async def sockets(namespace: str) -> list[Any]:
        found = await sio.of(namespace).fetch_sockets()
        return [[socket.id, sorted(socket.rooms), socket.handshake.auth] for socket in found]

    async def disconnect_all(namespace: str) -> None:
        await sio.of(namespace).disconnect_sockets()

    return {
        "emit": emit,
        "emitTo": emit_to,
        "ask": ask,
        "disconnect": disconnect,
        "volatile": volatile,
        "sockets": sockets,
        "disconnectAll": disconnect_all,
    }


def _serve_namespace(sio: Server, tell: Tell, name: str) -> None:
    @sio.on("connect", namespace=name)
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        auth = auth or {}
        if "refuse" in auth:
            raise Refusal(auth["refuse"], *([{"data": auth["data"]}] if "data" in auth else []))
        version = "3" if "EIO=3" in environ["QUERY_STRING"] else "4"
        tell("connect", name, sid, auth, version)

    @sio.on("echo", namespace=name)
    async def echo(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    @sio.on("join", namespace=name)
    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room, namespace=name)

    @sio.on("disconnect", namespace=name)
    async def disconnect(sid: str) -> None:
        tell("disconnect", name, sid)


APPLICATION = Application("rooms_and_acks.js", rooms_and_acks, {"allowEIO3": True}, {"allow_eio3": True})


async def connect(clients: Clients, transport: Transport, kind: str = OLD_KIND) -> NodeSocket:
    client = await clients.connect(kind=kind, transport=transport)
    if transport is Transport.UPGRADE:
        await client.manager.log.next("upgrade")
    return client


async def conversation(transport: Transport, server: Either, clients: Clients) -> None:
    old = await connect(clients, transport)
    other = await connect(clients, transport)
    new = await connect(clients, transport, "4")
    for args in ([], [1, None, TEXT], [BYTES, {"deep": [BYTES, TEXT]}], ["x" * 70_000]):
        clients.note("echo", *await old.call("echo", *args))
    await server.do("emit", "/", "everyone", TEXT, {"bytes": BYTES}, [BYTES])
    for client in (old, other, new):
        await client.next("everyone")
    await old.call("join", "room")
    await new.call("join", "room")
    await server.do("emitTo", "/", "room", "room", TEXT)
    await server.do("emit", "/", "end")
    for client in (old, other, new):
        await client.next("end")
    clients.note("asked", await server.do("ask", "/", old.sid, "question", [TEXT, BYTES]))
    await server.do("disconnect", "/", other.sid)
    await other.next("disconnect")
    await old.disconnect()
    await server.log.next("disconnect")
    await server.log.next("disconnect")


@every_transport
async def test_a_conversation(compare: Compare, transport: Transport) -> None:
    seen = await compare(APPLICATION, partial(conversation, transport))
    assert seen.server == [
        ("connect", ["/", "client 0", {}, "3"]),
        ("connect", ["/", "client 1", {}, "3"]),
        ("connect", ["/", "client 2", {}, "4"]),
        ("disconnect", ["/", "client 1"]),
        ("disconnect", ["/", "client 0"]),
    ]
    everyone = ("everyone", [TEXT, {"bytes": BYTES}, [BYTES]])
    assert seen.clients[0] == [
        ("connect", ["client 0"]),
        everyone,
        ("room", [TEXT]),
        ("end", []),
        ("question", [[TEXT, BYTES]]),
        ("disconnect", ["io client disconnect"]),
    ]
    assert seen.clients[1][1:] == [everyone, ("end", []), ("disconnect", ["io server disconnect"])]
    assert seen.clients[2][1:] == [everyone, ("room", [TEXT]), ("end", [])]
    assert [len(args) for _, args in seen.notes] == [0, 3, 2, 1, 1]


async def namespaces(transport: Transport, server: Either, clients: Clients) -> None:
    main = await connect(clients, transport)
    admin = await clients.connect("/admin", {"token": "x&y=é", "flag": ""}, beside=main)
    clients.note("echo", *await admin.call("echo", TEXT, BYTES))
    await server.do("emit", "/admin", "admins", BYTES)
    await admin.next("admins")
    clients.note("ids", admin.sid.partition("#")[0], admin.sid.partition("#")[2] == main.sid)
    await admin.disconnect()
    await server.log.next("disconnect")
    await admin.connect()
    await admin.connected()
    clients.note("echo", *await admin.call("echo", "again"))


@every_transport
async def test_namespaces(compare: Compare, transport: Transport) -> None:
    seen = await compare(APPLICATION, partial(namespaces, transport))
    joined = ("connect", ["/admin", "client 1", {"token": "x&y=é", "flag": ""}, "3"])
    assert seen.server == [
        ("connect", ["/", "client 0", {}, "3"]),
        joined,
        ("disconnect", ["/admin", "client 1"]),
        joined,
    ]
    assert seen.notes == [("echo", [TEXT, BYTES]), ("ids", ["/admin", True]), ("echo", ["again"])]


async def refusals(transport: Transport, server: Either, clients: Clients) -> None:
    for auth in ({"refuse": "not you"}, {"refuse": "not you", "data": "why"}):
        main = await connect(clients, transport)
        refused = await clients.open("/admin", auth, beside=main)
        await refused.next("connect_error")


@every_transport
async def test_refusals(compare: Compare, transport: Transport) -> None:
    seen = await compare(APPLICATION, partial(refusals, transport))
    assert seen.clients[1] == [("connect_error", ["not you"])]
    assert seen.clients[3] == [("connect_error", [{"data": "why"}])]


async def as_a_socket(server: Either, clients: Clients) -> None:
    main = await connect(clients, Transport.WEBSOCKET)
    admin = await clients.connect("/admin", {"token": "x"}, beside=main)
    other = await connect(clients, Transport.WEBSOCKET)
    await admin.call("join", "room")
    clients.note("sockets", *await server.do("sockets", "/admin"))
    await server.do("volatile", "/", "maybe", TEXT)
    await main.next("maybe")
    await other.next("maybe")
    await server.do("disconnectAll", "/admin")
    await admin.next("disconnect")
    clients.note("main", *await main.call("echo", 1))


async def test_a_socket_like_any_other(compare: Compare) -> None:
    seen = await compare(APPLICATION, as_a_socket)
    assert seen.notes == [
        ("sockets", [["client 1", ["client 1", "room"], {"token": "x"}]]),
        ("main", [1]),
    ]
    assert seen.clients[0][1:] == [("maybe", [TEXT])]
    assert seen.clients[1][1:] == [("disconnect", ["io server disconnect"])]


async def test_an_unknown_namespace(either_server: ServeEither, node: Node) -> None:
    server = await either_server(APPLICATION)
    manager = await node.manager(server.url, OLD_KIND, reconnection=False)
    client = await manager.socket("/nowhere")
    # Servers of version 2 sent the text, for which such clients are written; Node's sends an object since.
    expected = "Invalid namespace" if server.kind == "rtserver" else {"message": "Invalid namespace"}
    assert await client.next("connect_error") == [expected]


async def test_it_joins_again_while_its_disconnect_handler_runs(hosting: Hosting, node: Node) -> None:
    sio = make_server(allow_eio3=True)
    log = EventLog("the server")
    may_end = asyncio.Event()

    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        log.add("connect", auth)
        await sio.save_session(sid, {"number": len(log.all("connect"))}, namespace="/admin")

    async def disconnect(sid: str, reason: str) -> None:
        log.add("leaving", reason)
        await may_end.wait()
        log.add("left", await sio.get_session(sid, namespace="/admin"))

    async def number(sid: str) -> Any:
        return (await sio.get_session(sid, namespace="/admin"))["number"]

    sio.on("connect", connect, namespace="/admin")
    sio.on("disconnect", disconnect, namespace="/admin")
    sio.on("number", number, namespace="/admin")
    host = await hosting.server(sio)
    main = await node.connect(host.url, OLD_KIND)
    admin = await main.manager.socket("/admin", {"token": "x"})
    await admin.connected()
    await admin.disconnect()
    await admin.connect()
    await log.next("leaving")
    may_end.set()
    await admin.connected()
    assert [name for name, _ in log.history] == ["connect", "leaving", "left", "connect"]
    assert log.all("left") == [[{"number": 1}]]
    assert await admin.call("number") == [2]
    assert sio.rooms(admin.sid, namespace="/admin") == [admin.sid]


async def test_the_pages_examples(hosting: Hosting, node: Node) -> None:
    names = run(PAGE, "server", "count")
    host = await hosting.app(names["app"])
    old, new = await node.connect(host.url, OLD_KIND), await node.connect(host.url)
    assert await old.call("chat", "hello") == ["delivered"]
    assert await new.next("chat") == ["hello"]
    admin = await old.manager.socket("/admin", {"token": "secret"})
    await admin.connected()
    other = await node.connect(host.url, OLD_KIND)
    refused = await other.manager.socket("/admin", {"token": "wrong"})
    assert await refused.next("connect_error") == ["Connection refused by server"]
    assert names["old_clients"](names["sio"]) == 2
