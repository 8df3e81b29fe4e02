"""python-socketio's clients, sync and async, and its class namespaces on the server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as ClientConnectionError
from socketio.exceptions import ConnectionRefusedError as Refused
from socketio.exceptions import TimeoutError as AckTimeout

from .harness.events import EventLog
from .harness.node import Node, Transport
from .harness.server import Hosting, make_server, recorded

every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)


async def connected(url: str, transport: Transport, **options: Any) -> tuple[Any, EventLog]:
    """Connect an AsyncClient, over the transport asked for, that logs every event and echoes it."""
    client = socketio.AsyncClient(reconnection=False, **options.pop("client", {}))
    log = EventLog("AsyncClient")

    async def anything(event: str, *args: Any) -> tuple[Any, ...]:
        log.add(event, *args)
        return args

    async def left(reason: str) -> None:
        log.add("disconnect", reason)

    client.on("*", anything)
    client.on("disconnect", left)
    await client.connect(url, transports=transport.names, **options)
    return client, log


@every_transport
async def test_async_client(hosting: Hosting, transport: Transport) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    host = await hosting.server(sio)
    client, seen = await connected(host.url, transport, auth={"token": "ключ"}, headers={"X-Tenant": "acme"})
    sid, environ, auth = await log.next("connect")
    assert (sid, auth) == (client.get_sid("/"), {"token": "ключ"})
    assert environ["HTTP_X_TENANT"] == "acme"
    assert client.transport() == sio.transport(sid) == transport.final

    values = ("é😀", {"binary": [b"\x00\xff", {"deep": b""}]}, None, 1.5)
    assert await client.call("echo", values) == values
    await client.emit("echo", "one", callback=lambda *args: seen.add("called back", *args))
    assert await seen.next("called back") == ["one"]

    assert await sio.call("question", (1, b"two"), to=sid) == (1, b"two")
    await sio.emit("news", {"picture": bytes(1000)})
    assert await seen.next("news") == [{"picture": bytes(1000)}]
    await client.disconnect()
    assert (await log.next("disconnect"))[0] == sid


@every_transport
async def test_async_client_namespaces(hosting: Hosting, transport: Transport) -> None:
    sio = make_server()
    logs = {name: recorded(sio, "echo", namespace=name) for name in ("/", "/chat", "/admin")}
    host = await hosting.server(sio)
    client, _ = await connected(host.url, transport, namespaces=list(logs))
    for name, log in logs.items():
        assert await client.call("echo", name, namespace=name) == name
        assert (await log.next("connect"))[0] == client.get_sid(name)
    await sio.disconnect(client.get_sid("/admin"), namespace="/admin")
    assert (await logs["/admin"].next("disconnect"))[1] == "server disconnect"
    assert await client.call("echo", 1, namespace="/chat") == 1
    await client.disconnect()
    await logs["/"].next("disconnect")
    await logs["/chat"].next("disconnect")


@every_transport
async def test_async_client_is_disconnected_or_refused(hosting: Hosting, transport: Transport) -> None:
    sio = make_server()
    log = recorded(sio)

    async def refuse(sid: str, environ: dict[str, Any], auth: Any) -> None:
        raise Refused("not you", "because")

    sio.on("connect", refuse, namespace="/closed")
    host = await hosting.server(sio)
    client, seen = await connected(host.url, transport)
    await sio.disconnect(client.get_sid("/"))
    await seen.next("disconnect")
    await log.next("disconnect")
    await client.shutdown()
    refused = socketio.AsyncClient(reconnection=False)
    with pytest.raises(ClientConnectionError, match="failed to connect"):
        await refused.connect(host.url, namespaces=["/closed"], transports=transport.names)
    await refused.shutdown()


@every_transport
async def test_async_client_with_msgpack(hosting: Hosting, transport: Transport) -> None:
    sio = make_server(serializer="msgpack")
    recorded(sio, "echo")
    host = await hosting.server(sio)
    client, _ = await connected(host.url, transport, client={"serializer": "msgpack"})
    assert await client.call("echo", {"binary": b"\x00\xff", "n": [1, None]}) == {
        "binary": b"\x00\xff",
        "n": [1, None],
    }
    await client.disconnect()


@every_transport
async def test_sync_client(hosting: Hosting, transport: Transport) -> None:
    sio = make_server()
    log = recorded(sio, "echo")
    never = asyncio.Event()
    finished = threading.Event()

    async def silence(sid: str) -> None:
        await never.wait()

    sio.on("silence", silence)
    host = await hosting.server(sio)

    def run() -> list[Any]:
        """Use the client as a script does, in a thread of its own."""
        seen: list[Any] = []
        client = socketio.Client(reconnection=False)

        def on_news(*args: Any) -> str:
            seen.append(args)
            return "received"

        client.on("news", on_news)
        client.connect(host.url, transports=transport.names, auth={"token": 1})
        try:
            seen.append(client.call("echo", ("é😀", {"binary": [b"\x00\xff"]})))
            with pytest.raises(AckTimeout):
                client.call("silence", timeout=0.2)
            client.emit("echo", "go")
            assert finished.wait(10)
            client.eio.queue.join()  # what the client is still sending when it leaves would be lost
            seen.append(client.transport())
        finally:
            client.disconnect()
            client.shutdown()
        return seen

    thread = asyncio.create_task(asyncio.to_thread(run))
    sid, _, auth = await log.next("connect")
    assert auth == {"token": 1}
    await log.next("echo")
    await log.next("echo")
    assert await sio.call("news", ("flash", b"\x01"), to=sid) == "received"
    finished.set()
    assert await thread == [("é😀", {"binary": [b"\x00\xff"]}), ("flash", b"\x01"), transport.final]
    assert (await log.next("disconnect"))[0] == sid
    never.set()


@every_transport
async def test_class_namespaces_serve_unchanged(node: Node, hosting: Hosting, transport: Transport) -> None:
    """Register a namespace as python-socketio's documentation shows it."""
    sio = make_server()
    log = EventLog("the namespace")

    class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
        async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
            await self.save_session(sid, {"name": auth["name"]})
            await self.enter_room(sid, "lobby")

        async def on_say(self, sid: str, text: str) -> str:
            async with self.session(sid) as session:
                session["said"] = session.get("said", 0) + 1
                name = session["name"]
            await self.emit("said", {"name": name, "text": text}, room="lobby", skip_sid=sid)
            return f"{name} said it"

        def on_count(self, sid: str) -> int:
            return 3  # a plain function

        async def on_ask(self, sid: str, other: str) -> Any:
            return await self.call("question", "really?", to=other)

        async def on_leave(self, sid: str) -> None:
            log.add("session", await self.get_session(sid))
            await self.disconnect(sid)

        async def on_disconnect(self, sid: str, reason: str) -> None:
            log.add("disconnect", sid, reason)

    sio.register_namespace(Chat("/chat"))
    host = await hosting.server(sio)
    ann = await node.connect(host.url, "4", transport, namespace="/chat", auth={"name": "Ann"})
    bob, seen = await connected(host.url, transport, namespaces=["/chat"], auth={"name": "Bob"})
    bob.on("said", lambda *args: seen.add("said", *args), namespace="/chat")
    bob.on("question", lambda text: f"{text} yes", namespace="/chat")
    assert await ann.call("say", "hello") == ["Ann said it"]
    assert await seen.next("said") == [{"name": "Ann", "text": "hello"}]
    assert await bob.call("say", "hi", namespace="/chat") == "Bob said it"
    assert await ann.next("said") == [{"name": "Bob", "text": "hi"}]
    assert await ann.call("count") == [3]
    assert await ann.call("ask", bob.get_sid("/chat")) == ["really? yes"]
    await ann.emit("leave")
    assert await log.next("session") == [{"name": "Ann", "said": 1}]
    assert await log.next("disconnect") == [ann.sid, "server disconnect"]
    assert await ann.next("disconnect") == ["io server disconnect"]
    await bob.disconnect()
    assert (await log.next("disconnect"))[1] in {"client disconnect", "transport close"}
