"""The msgpack serializer, with socket.io-msgpack-parser on the other side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from math import inf, isnan, nan
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused

from .harness.cases import every_client, every_transport
from .harness.either import ServeEither
from .harness.events_application import events
from .harness.node import MSGPACK, Node, Transport
from .harness.server import Hosting, make_server, recorded
from .harness.values import UNDEFINED


@every_client
@every_transport
async def test_events_acknowledgements_and_binary(
    node: Node, hosting: Hosting, kind: str, transport: Transport
) -> None:
    sio = make_server(serializer="msgpack")
    log = recorded(sio, "values")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, transport, parser=MSGPACK, auth={"token": "ключ"})
    assert (await log.next("connect"))[2] == {"token": "ключ"}
    values: list[Any] = [None, True, -1, 2**40, 1.5, "☃ 😀", [b"", {"deep": bytes(range(256))}], {"": {}}]
    assert await client.call("values", *values) == values
    assert await log.next("values") == [client.sid, *values]
    assert await sio.call("echo", tuple(values), to=client.sid) == tuple(values)
    many = [bytes([number]) for number in range(100)]
    answers = await asyncio.gather(*(client.call("values", number, many) for number in range(20)))
    assert answers == [[number, many] for number in range(20)]
    await sio.disconnect(client.sid)
    assert await client.next("disconnect") == ["io server disconnect"]


@every_client
async def test_namespaces_rooms_and_refusals(node: Node, hosting: Hosting, kind: str) -> None:
    sio = make_server(serializer="msgpack")
    log = recorded(sio, "settle")
    recorded(sio, "settle", namespace="/chat")

    async def refuse(sid: str, environ: dict[str, Any], auth: Any) -> None:
        raise Refused("no", {"binary": b"\x00"})

    sio.on("connect", refuse, namespace="/closed")
    host = await hosting.server(sio)
    client = await node.connect(host.url, kind, parser=MSGPACK)
    chat = await client.manager.socket("/chat")
    closed = await client.manager.socket("/closed")
    await chat.connected()
    assert await closed.next("connect_error") == [{"message": "no", "data": {"binary": b"\x00"}}]
    other = await node.connect(host.url, kind, parser=MSGPACK)
    await sio.emit("all", {"picture": b"\x89PNG"}, skip_sid=other.sid)
    await sio.emit("chat", 1, namespace="/chat", room=chat.sid)
    for each in (client, chat, other):
        await each.call("settle")
    assert client.log.all("all") == [[{"picture": b"\x89PNG"}]]
    assert chat.log.all("chat") == [[1]]
    assert other.log.all("all") == []
    await client.disconnect()
    assert (await log.next("disconnect"))[0] == client.sid


async def test_a_client_with_the_other_serializer_is_turned_away(node: Node, hosting: Hosting) -> None:
    sio = make_server(serializer="msgpack")
    recorded(sio, "echo")
    host = await hosting.server(sio)
    manager = await node.manager(host.url, reconnection=False)
    client = await manager.socket()
    await manager.log.next("engine_close")
    assert client.log.all("connect") == []
    right = await node.connect(host.url, parser=MSGPACK)
    assert await right.call("echo", 1) == [1]


async def test_values_that_only_msgpack_has(either_server: ServeEither, node: Node) -> None:
    server = await either_server(events({"parser": MSGPACK}, serializer="msgpack"))
    nothing = UNDEFINED if server.kind == "node" else None  # Python has no undefined
    client = await node.connect(server.url, parser=MSGPACK)
    date = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    old = datetime(1911, 12, 13, tzinfo=UTC)
    await client.emit("note", date, {"at": [old]}, UNDEFINED, [UNDEFINED, None], inf, [-inf], nan)
    *noted, not_a_number = await server.log.next("note")
    assert noted == [date, {"at": [old]}, nothing, [nothing, None], inf, [-inf]]
    assert isnan(not_a_number)
    assert await client.call("echo", date, old, {"in": [inf]}) == [date, old, {"in": [inf]}]
    await server.do("emit", "/", [], [], "values", date, {"at": [old]}, [None], inf)
    assert await client.next("values") == [date, {"at": [old]}, [None], inf]


async def test_integers_and_floats(either_server: ServeEither, node: Node) -> None:
    server = await either_server(events({"parser": MSGPACK}, serializer="msgpack"))
    client = await node.connect(server.url, parser=MSGPACK)
    whole = [0, 127, 128, 2**16, 2**32, 2**53 - 1, -1, -33, -(2**31), -(2**53) + 1]
    await client.emit("note", *whole, 1.0, 1.5, -0.1)
    noted = await server.log.next("note")
    assert noted == [*whole, 1, 1.5, -0.1]
    assert [type(each) for each in noted] == [int] * (len(whole) + 1) + [float] * 2
    await server.do("emit", "/", [], [], "values", *whole, 1.0, 1.5)
    assert await client.next("values") == [*whole, 1, 1.5]


async def test_integers_beyond_what_javascript_has(node: Node, hosting: Hosting) -> None:
    # Node's parser writes such numbers wrong; a client gets the nearest that it has from ours.
    sio = make_server(serializer="msgpack")
    recorded(sio)
    host = await hosting.server(sio)
    client = await node.connect(host.url, parser=MSGPACK)
    numbers = (2**53 + 1, 2**63, 2**64 - 1, 2**64 + 1, -(2**63), -(2**70))
    await sio.emit("numbers", numbers)
    assert [float(each) for each in await client.next("numbers")] == [float(each) for each in numbers]
