"""Plain WebSocket clients beside the official ones: the same rooms, events, acknowledgments and limits."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionRefusedError as Refused
from websockets.exceptions import ConnectionClosed

from .harness.certificate import Certificate
from .harness.events import EventLog
from .harness.node import MSGPACK, Node
from .harness.plain import FORMS, PlainClients
from .harness.process import ServerProcess
from .harness.server import Hosting, make_server, recorded

every_form = pytest.mark.parametrize("form", FORMS)
MEGABYTE = 1_000_000


@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_all_kinds_of_client_in_one_room(
    node: Node, hosting: Hosting, plain: PlainClients, serializer: str
) -> None:
    sio = make_server(serializer=serializer)
    host = await hosting.server(sio)

    @sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        await sio.enter_room(sid, "everyone")

    @sio.event
    async def relay(sid: str, *args: Any) -> None:
        await sio.emit("relayed", args, room="everyone", skip_sid=sid)

    javascript = await node.connect(
        host.url,
        **({"parser": MSGPACK} if serializer == "msgpack" else {}),  # type: ignore[arg-type]
    )
    text, binary = [await plain.open(host.websocket_url, form) for form in FORMS]
    await text.join()
    await binary.join()
    log = EventLog("python-socketio's client")
    python = socketio.AsyncClient(serializer=serializer)
    python.on("relayed", lambda *args: log.add("relayed", *args))
    await python.connect(host.url)
    try:
        args: list[Any] = ["é😀\n", 1.5, None, {"deep": [b"\x00\xff", {}]}, b"", {"$bytes": 1, "more": 2}]
        expected = {"type": "event", "event": "relayed", "data": args}
        await text.emit("relay", *args)
        assert await binary.receive() == expected
        assert await javascript.next("relayed") == args
        assert await log.next("relayed") == args
        await javascript.emit("relay", *args)
        assert await text.receive() == expected
        assert await binary.receive() == expected
        await binary.emit("relay", "no bytes", {"n": [1]})
        assert await text.receive() == expected | {"data": ["no bytes", {"n": [1]}]}
        assert (await javascript.next("relayed")) == ["no bytes", {"n": [1]}]
    finally:
        await python.disconnect()


@every_form
async def test_acknowledgments_both_ways(hosting: Hosting, plain: PlainClients, form: str) -> None:
    sio = make_server()
    recorded(sio, "echo")

    async def later(sid: str) -> None:
        await asyncio.sleep(0)

    sio.on("later", later)
    host = await hosting.server(sio)
    client = await plain.open(host.websocket_url, form)
    sid = await client.join()
    for args in ([], [1], [b"\x01", {"a": b"\x02"}], ["x", [None]]):
        assert await client.call("echo", *args) == args
    assert await client.call("later") == []
    for answer, expected in (([], None), (["one"], "one"), ([1, b"\x03"], (1, b"\x03"))):
        asking = asyncio.create_task(sio.call("question", {"to": b"you"}, to=sid))
        message = await client.receive()
        assert message == {
            "type": "event",
            "event": "question",
            "id": message["id"],
            "data": [{"to": b"you"}],
        }
        await client.send("ack", id=message["id"], data=answer)
        assert await asking == expected
    with pytest.raises(socketio.exceptions.TimeoutError):
        await sio.call("question", to=sid, timeout=0.05)
    await client.send("ack", id=999, data=[])
    assert (await client.receive())["event"] == "question"
    assert await client.call("echo", "still here") == ["still here"]


async def test_a_handler_sees_no_difference(hosting: Hosting, plain: PlainClients) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await plain.open(f"{host.websocket_url}", additional_headers={"Cookie": "a=1"})
    sid = await client.join(auth={"token": "é"})
    connected = await log.next("connect")
    assert connected[0] == sid
    assert connected[2] == {"token": "é"}
    assert (connected[1]["HTTP_COOKIE"], connected[1]["PATH_INFO"]) == ("a=1", "/ws")
    assert sio.transport(sid) == "websocket"
    await sio.save_session(sid, {"name": "Ada"})
    assert await sio.get_session(sid) == {"name": "Ada"}
    await sio.enter_room(sid, "lobby")
    assert set(sio.rooms(sid)) == {sid, "lobby"}
    assert [socket.id for socket in await sio.in_("lobby").fetch_sockets()] == [sid]
    await sio.in_(sid).sockets_join("another")
    await sio.to("another").volatile.emit("news", 1)
    assert await client.receive() == {"type": "event", "event": "news", "data": [1]}
    await sio.leave_room(sid, "lobby")
    await sio.emit("lost", room="lobby")
    await sio.disconnect(sid)
    assert await client.receive() == {"type": "disconnect"}
    assert await log.next("disconnect") == [sid, "server disconnect"]
    assert await client.join() != sid


@every_form
async def test_namespaces_and_refusals(hosting: Hosting, plain: PlainClients, form: str) -> None:
    sio = make_server()
    log = recorded(sio, "echo", namespace="/chat")

    async def refuse(sid: str, environ: dict[str, Any], auth: Any) -> None:
        raise Refused("not you", {"code": 7})

    sio.on("connect", refuse, namespace="/private")
    host = await hosting.server(sio)
    client = await plain.open(host.websocket_url, form)
    await client.send("connect", namespace="/private")
    assert await client.receive() == {
        "type": "error",
        "namespace": "/private",
        "message": "not you",
        "data": {"code": 7},
    }
    await client.send("connect", namespace="/nowhere")
    assert await client.receive() == {
        "type": "error",
        "namespace": "/nowhere",
        "message": "Invalid namespace",
    }
    await client.join()
    sid = await client.join("/chat")
    await client.emit("echo", 1, namespace="/chat", id=5)
    assert await client.receive() == {"type": "ack", "namespace": "/chat", "id": 5, "data": [1]}
    await sio.emit("news", namespace="/chat")
    assert await client.receive() == {"type": "event", "namespace": "/chat", "event": "news", "data": []}
    await client.send("disconnect", namespace="/chat")
    assert await log.next("disconnect") == [sid, "client disconnect"]
    assert await client.join("/chat") != sid


@every_form
@pytest.mark.parametrize("serializer", ["default", "msgpack"])
async def test_recovery(hosting: Hosting, plain: PlainClients, form: str, serializer: str) -> None:
    sio = make_server(serializer=serializer, connection_state_recovery=True)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client = await plain.open(host.websocket_url, form)
    await client.send("connect", auth={"token": 1})
    connected = await client.receive()
    sid, pid = connected["sid"], connected["pid"]
    await sio.enter_room(sid, "lobby")
    await sio.emit("news", "first", room="lobby")
    first = await client.receive()
    assert (first["data"], type(first["offset"])) == (["first"], str)
    await sio.to("lobby").volatile.emit("news", "volatile")
    assert (await client.receive())["data"] == ["volatile"]
    assert await client.call("echo", "no offset") == ["no offset"]
    client.socket.transport.abort()
    assert (await log.next("disconnect"))[0] == sid
    await sio.emit("news", ("missed", b"\x01"), room="lobby")
    await sio.emit("news", room="lobby")

    back = await plain.open(host.websocket_url, form)
    await back.send("connect", auth={"token": 1}, pid=pid, offset=first["offset"])
    assert await back.receive() == {"type": "connected", "sid": sid, "pid": pid}
    missed = [await back.receive() for _ in range(2)]
    assert [message["data"] for message in missed] == [["missed", b"\x01"], []]
    assert missed[0]["offset"] != missed[1]["offset"]
    assert sio.socket(sid).recovered
    await sio.emit("news", 1, room="lobby")
    assert (await back.receive())["data"] == [1]


# Bad clients.

GARBAGE: list[tuple[str, list[str | bytes], int]] = [
    ("no object", ["[]"], 1002),
    ("no type", ["{}"], 1002),
    ("a misspelt key", ['{"type":"connect","namspace":"/"}'], 1002),
    ("a reserved name", ['{"type":"event","event":"disconnect"}'], 1002),
    ("another namespace", ['{"type":"event","namespace":"/other","event":"echo"}'], 1002),
    ("a second connect", ['{"type":"connect"}'], 1002),
    ("binary", [b"\x81\xa4type\xa4ping"], 1003),
    ("no JSON", ["hello"], 1007),
    ("no base64", ['{"type":"event","event":"echo","data":[{"$bytes":"?"}]}'], 1007),
    ("endless depth", ['{"type":"event","event":"echo","data":' + "[" * 400_000], 1008),
    ("endless name", ['{"type":"event","event":"' + "n" * 100_000 + '"}'], 1008),
    ("over the limit", ["x" * 1_000_001], 1009),
]


@pytest.mark.parametrize(
    ("messages", "code"), [each[1:] for each in GARBAGE], ids=[each[0] for each in GARBAGE]
)
async def test_garbage_ends_its_own_connection_only(
    hosting: Hosting,
    plain: PlainClients,
    messages: list[str | bytes],
    code: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    good, bad = await plain.open(host.websocket_url), await plain.open(host.websocket_url)
    await good.join()
    sid = await bad.join()
    await bad.emit("echo", 1)
    with suppress(ConnectionClosed):
        for message in messages:
            await bad.socket.send(message)
        await bad.emit("echo", 2)
    assert (await bad.closing())[0] == code
    assert (await log.next("disconnect"))[0] == sid
    assert log.all("echo") == [[sid, 1]]
    assert await good.call("echo", "undisturbed") == ["undisturbed"]
    assert len(sio.eio.sessions) == 1
    assert [record for record in caplog.records if record.levelname == "WARNING"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@every_form
async def test_random_messages(hosting: Hosting, plain: PlainClients, form: str) -> None:
    sio = make_server()
    recorded(sio, "echo")
    host = await hosting.server(sio)
    good = await plain.open(host.websocket_url)
    await good.join()
    randomness = random.Random(1)
    for _ in range(100):
        bad = await plain.open(host.websocket_url, form)
        noise = randomness.randbytes(randomness.randrange(1, 200))
        await bad.socket.send(noise if form == "rtserver.msgpack" else noise.decode("latin-1"))
        code, reason = await bad.closing()
        assert code in {1002, 1007}
        assert reason
    assert await good.call("echo", "undisturbed") == ["undisturbed"]
    assert len(sio.eio.sessions) == 1


async def test_a_client_that_does_not_read(node: Node, plain: PlainClients) -> None:
    limit = 4 * MEGABYTE
    async with ServerProcess(max_buffer_size=limit) as server:
        good = await node.connect(server.url)
        slow = await plain.open(server.url.replace("http", "ws"), max_queue=1)
        await slow.join()
        slow.socket.transport.pause_reading()
        for _ in range(60):
            await server.emit("lobby", 100_000, 10)
            assert await good.call("echo", 0) == [0]
            stats = await server.stats()
            assert stats["buffered"] <= limit + 2 * 10 * 100_100
            if stats["slow_clients"]:
                break
        assert stats["slow_clients"] == 1
        assert stats["reasons"] == {"slow client": 1}
        assert stats["sessions"] == 1
        slow.socket.transport.abort()


async def test_nothing_stays_of_those_who_left(plain: PlainClients) -> None:
    async with ServerProcess() as server:
        for _ in range(2):
            for number in range(20):
                client = await plain.open(server.url.replace("http", "ws"), FORMS[number % 2])
                await client.join()
                assert await client.call("echo", b"\x01") == [b"\x01"]
                if number % 3:
                    await client.socket.close()
                else:
                    client.socket.transport.abort()
            async with asyncio.timeout(10):
                while (stats := await server.stats())["sessions"]:
                    pass
        assert (stats["alive"]["Client"], stats["alive"]["Socket"], stats["alive"]["RoomName"]) == (0, 0, 0)


# The rest of the world.


async def test_the_server_ends(hosting: Hosting, plain: PlainClients) -> None:
    sio = make_server()
    log = recorded(sio)
    host = await hosting.server(sio)
    client = await plain.open(host.websocket_url)
    sid = await client.join()
    ending = asyncio.create_task(host.close())
    assert await client.closing() == (1001, "server shutting down")
    await ending
    assert await log.next("disconnect") == [sid, "server shutting down"]


@pytest.mark.parametrize("lane", [False, True], ids=["aiohttp", "lane"])
async def test_tls_and_compression(
    hosting: Hosting, plain: PlainClients, certificate: Certificate, lane: bool
) -> None:
    sio = make_server(per_message_deflate=True)
    recorded(sio, "echo")
    host = await hosting.server(sio, certificate.server, lane=lane)
    for form in FORMS:
        client = await plain.open(host.websocket_url, form, certificate.client)
        assert client.socket.response is not None
        assert "permessage-deflate" in client.socket.response.headers["Sec-WebSocket-Extensions"]
        await client.join()
        for size in (10, 1_000, 100_000, 400_000):
            data = os.urandom(size // 2) + b"x" * (size // 2)
            assert await client.call("echo", data, "y" * size) == [data, "y" * size]
            await sio.emit("news", data)
            assert (await client.receive())["data"] == [data]
            await client.emit("echo")
        await client.socket.close()


async def test_heartbeats(hosting: Hosting, plain: PlainClients) -> None:
    sio = make_server(ping_interval=0.1, ping_timeout=0.1)
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    alive = await plain.open(host.websocket_url)
    silent = await plain.open(host.websocket_url)
    await alive.join()
    sid = await silent.join()
    silent.socket.transport.pause_reading()
    assert await log.next("disconnect") == [sid, "ping timeout"]
    assert await alive.call("echo", 1) == [1]
    await (await alive.socket.ping())
    await alive.send("ping")
    assert await alive.receive() == {"type": "pong"}
