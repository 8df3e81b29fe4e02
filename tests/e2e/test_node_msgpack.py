"""The msgpack serializer, with socket.io-msgpack-parser on the other side."""

from __future__ import annotations

import asyncio
from typing import Any

from socketio.exceptions import ConnectionRefusedError as Refused

from .harness.cases import every_client, every_transport
from .harness.node import MSGPACK, Node, Transport
from .harness.server import Hosting, make_server, recorded


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
