"""Who is let into which namespace: middleware and dynamic namespaces, as on Node's server."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refusal

import rtserver
from tests.support.examples import run

from .harness.cases import every_transport
from .harness.either import Application, Commands, Compare, Either, Tell
from .harness.node import Node, Transport
from .harness.server import Hosting
from .harness.transcript import Clients

PAGE = "docs/admission.md"


def admission(sio: rtserver.Server, tell: Tell) -> Commands:
    @sio.use
    async def first(socket: rtserver.Socket) -> None:
        await asyncio.sleep(0.001)
        socket.data["user"] = socket.handshake.auth.get("user")
        tell("first", socket.data["user"])

    @sio.use
    def second(socket: rtserver.Socket) -> None:
        if socket.data["user"] == "eve":
            raise Refusal("no entry", {"code": 7, "user": "eve"})

    @sio.event
    async def connect(sid: str, environ: Any) -> None:
        tell("connection", sio.socket(sid).data["user"])

    @sio.event
    def who(sid: str) -> Any:
        return sio.socket(sid).data["user"]

    rooms = sio.of(re.compile(r"^/room-\d+$"))
    rooms.use(lambda socket: tell("room middleware", socket.namespace))
    rooms.on("where", lambda namespace, sid: namespace)

    def is_tenant(name: str, auth: Any) -> bool:
        return name == f"/tenant-{(auth or {}).get('tenant')}"

    sio.of(is_tenant).on("where", lambda namespace, sid: namespace)
    return {"news": lambda text: rooms.emit("news", text)}


ADMISSION = Application("admission.js", admission)


async def middleware(server: Either, clients: Clients) -> None:
    ann = await clients.connect(auth={"user": "ann"})
    clients.note("answer", *await ann.call("who"))
    eve = await clients.open(auth={"user": "eve"})
    clients.note("error", *await eve.next("connect_error"))


async def test_middleware_lets_in_or_refuses(compare: Compare) -> None:
    seen = await compare(ADMISSION, middleware)
    assert seen.server == [("first", ["ann"]), ("connection", ["ann"]), ("first", ["eve"])]
    assert seen.notes[0] == ("answer", ["ann"])


async def dynamic(server: Either, clients: Clients) -> None:
    one = await clients.connect("/room-1")
    two = await clients.connect("/room-22", beside=one)
    clients.note("answers", await one.call("where"), await two.call("where"))
    await server.do("news", "rain")
    await one.next("news")
    await two.next("news")
    wrong = await clients.open("/room-x")
    clients.note("error", *await wrong.next("connect_error"))
    tenant = await clients.connect("/tenant-7", {"tenant": 7})
    clients.note("answer", *await tenant.call("where"))
    stranger = await clients.open("/tenant-8", {"tenant": 7})
    clients.note("error", *await stranger.next("connect_error"))


async def test_namespaces_by_pattern_and_predicate(compare: Compare) -> None:
    seen = await compare(ADMISSION, dynamic)
    assert seen.notes[0] == ("answers", [["/room-1"], ["/room-22"]])
    assert [name for name, _ in seen.notes] == ["answers", "error", "answer", "error"]


@every_transport
async def test_the_pages_examples(node: Node, hosting: Hosting, transport: Transport) -> None:
    names = run(PAGE, "middleware", "pattern", "predicate")
    host = await hosting.server(names["sio"])
    manager = await node.manager(host.url, "4", reconnection=False, transports=transport.names)
    refused = await manager.socket(auth={"token": "wrong"})
    [error] = await refused.next("connect_error")
    assert (error["message"], error["data"]) == ("unauthorized", {"retry": False})
    manager = await node.manager(host.url, "4", reconnection=False, transports=transport.names)
    client = await manager.socket(auth={"token": "ann-token"})
    await client.connected()
    assert await client.call("whoami") == ["ann"]
    room = await manager.socket("/room-7")
    await room.connected()
    assert await room.call("say", "hello") == ["hello in /room-7"]
    mine = await manager.socket("/tenant/ann", auth={"token": "ann-token"})
    await mine.connected()
    other = await manager.socket("/tenant/bob", auth={"token": "ann-token"})
    [error] = await other.next("connect_error")
    assert error["message"] == "Invalid namespace"
