from __future__ import annotations

import asyncio
from typing import Any

import pytest
import socketio
from socketio.exceptions import DisconnectedError, TimeoutError

from rtserver import Server
from rtserver.testing import TestClient


def noting_server(**options: Any) -> tuple[Server, list[Any]]:
    sio = Server(**options)
    noted: list[Any] = []

    @sio.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        noted.append(("connect", auth))
        await sio.save_session(sid, environ)

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        noted.append(("disconnect", reason))

    return sio, noted


async def test_what_the_connect_handler_finds() -> None:
    sio, noted = noting_server()
    async with TestClient(
        sio,
        auth={"token": "t"},
        headers={"Authorization": "Bearer x"},
        query={"room": "a b"},
        address=("203.0.113.9", 4711),
        secure=True,
    ) as client:
        environ = await sio.get_session(client.sid)
    assert noted == [("connect", {"token": "t"}), ("disconnect", "client disconnect")]
    assert environ["HTTP_AUTHORIZATION"] == "Bearer x"
    assert environ["QUERY_STRING"] == "EIO=4&transport=websocket&room=a+b"
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("203.0.113.9", "4711")
    assert (environ["wsgi.url_scheme"], environ["PATH_INFO"]) == ("https", "/socket.io/")


def test_the_same_server_on_another_loop() -> None:
    sio, noted = noting_server()

    async def once() -> None:
        async with TestClient(sio) as client, asyncio.timeout(5):
            with pytest.raises(TimeoutError):  # by the clock of this loop
                await sio.call("never answered", to=client.sid, timeout=0.01)

    asyncio.run(once())
    asyncio.run(once())
    assert len(noted) == 4


async def test_rooms_and_others() -> None:
    sio = Server()

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await sio.enter_room(sid, auth)

    async with TestClient(sio, auth="a") as one, TestClient(sio, auth="a") as two, TestClient(sio) as three:
        await sio.emit("hello", room="a", skip_sid=two.sid)
        for client in (one, two, three):
            await client.settled()
        assert [len(client.received) for client in (one, two, three)] == [1, 0, 0]


async def test_several_namespaces_over_one_connection() -> None:
    sio, _ = noting_server()
    auths = []

    class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
        async def on_connect(self, sid: str, environ: Any, auth: Any) -> None:
            auths.append(auth)

        async def on_whoami(self, sid: str) -> str:
            return sid

    sio.register_namespace(Chat("/chat"))
    async with TestClient(sio) as client:
        chat = client.namespace("/chat", auth={"n": 1})
        assert client.namespace("/chat") is chat
        assert client.namespace("/") is client
        async with chat:
            assert await chat.call("whoami") == chat.sid != client.sid
            await sio.emit("news", namespace="/chat")
            assert (await chat.receive()).name == "news"
            assert client.received == []
        assert (chat.connected, client.connected) == (False, True)
        client.namespace("/chat", auth={"n": 2})
        await chat.connect()
        client.drop()
        assert (chat.disconnected, client.disconnected) == ("transport close", "transport close")
    assert auths == [{"n": 1}, {"n": 2}]


async def test_disconnect_leaves_every_namespace() -> None:
    sio, noted = noting_server(namespaces=["/", "/other"])
    client = TestClient(sio)
    await client.connect()
    other = client.namespace("/other")
    await other.connect()
    await client.disconnect()
    assert other.disconnected == client.disconnected == "client disconnect"
    assert noted[1:] == [("disconnect", "client disconnect")]


async def test_a_connection_lasts_as_long_as_one_of_its_namespaces() -> None:
    sio, _ = noting_server(namespaces=["/", "/other"])
    client = TestClient(sio)
    await client.connect()
    other = client.namespace("/other")
    await other.connect()
    await sio.disconnect(client.sid)
    await client.settled()
    assert (client.connected, other.connected) == (False, True)
    await other.disconnect()
    with pytest.raises(DisconnectedError):
        client.stall()


async def test_a_dropped_connection_loses_what_is_under_way() -> None:
    sio, noted = noting_server()
    client = TestClient(sio)
    await client.connect()
    await sio.emit("lost")
    client.drop()
    client.drop()
    assert noted[1:] == [("disconnect", "transport close")]
    await client.settled()
    assert client.received == []
    await client.connect()
    await sio.emit("arrives")
    assert (await client.receive()).name == "arrives"
    await client.disconnect()


async def test_a_client_that_doesnt_read() -> None:
    sio, noted = noting_server(max_buffer_size=1000)
    async with TestClient(sio) as slow, TestClient(sio) as quick:
        slow.stall()
        await sio.emit("waits", "x" * 100)
        await quick.receive("waits")
        assert slow.buffered == len('2["waits",""]') + 100
        assert slow.received == []
        slow.resume()
        assert (await slow.receive()).name == "waits"
        slow.stall()
        await sio.emit("too much", "x" * 1000)
        await quick.receive("too much")
        assert slow.disconnected == "slow client"
        assert noted[-1] == ("disconnect", "slow client")


async def test_settled_waits_for_handlers_and_for_what_they_send() -> None:
    sio = Server()
    ended = []

    @sio.event
    async def work(sid: str) -> None:
        await asyncio.sleep(0.01)
        await sio.emit("step", to=sid)
        if await sio.call("again?", to=sid):
            await asyncio.sleep(0)
            await sio.emit("step", to=sid)
        ended.append("work")

    @sio.event
    async def disconnect(sid: str) -> None:
        await asyncio.sleep(0.01)
        ended.append("disconnect")

    async with TestClient(sio) as client:

        @client.on("again?")
        async def again() -> bool:
            await asyncio.sleep(0.01)
            return True

        await client.emit("work")
        await client.settled()
        assert [event.name for event in client.received] == ["step", "again?", "step"]
        assert ended == ["work"]
    await client.settled()
    assert ended == ["work", "disconnect"]


async def test_a_handler_that_runs_on_is_named() -> None:
    sio = Server()
    release = asyncio.Event()

    @sio.event
    async def endless(sid: str) -> None:
        await release.wait()

    async with TestClient(sio) as client:
        await client.emit("endless")
        with pytest.raises(TimeoutError, match=r"the handlers didn't end .*: 'endless'"):
            await client.settled(timeout=0)
        release.set()
        await client.settled()


async def test_one_handler_after_another() -> None:
    sio = Server(async_handlers=False)
    seen: list[str] = []

    @sio.event
    async def slow(sid: str, number: int) -> None:
        seen.append(f"begin {number}")
        await asyncio.sleep(0)
        seen.append(f"end {number}")

    async with TestClient(sio) as client:
        await client.emit("slow", 1)
        await client.emit("slow", 2)
        await client.settled()
    assert seen == ["begin 1", "end 1", "begin 2", "end 2"]


async def test_a_client_that_outruns_its_handlers_waits() -> None:
    sio = Server(max_running_handlers=2)
    release = asyncio.Event()
    begun: list[int] = []

    @sio.event
    async def wait(sid: str, number: int) -> None:
        begun.append(number)
        await release.wait()

    async with TestClient(sio) as client:
        for number in range(5):
            await client.emit("wait", number)
        assert begun == [0, 1]
        release.set()
        await client.settled()
        assert begun == [0, 1, 2, 3, 4]


def test_wrong_use_is_said_at_once() -> None:
    with pytest.raises(TypeError, match=r"expected an rtserver\.Server"):
        TestClient(socketio.AsyncServer())
    with pytest.raises(ValueError, match="received 'chat', expected a name that begins with '/'"):
        TestClient(Server(), namespace="chat")
    with pytest.raises(ValueError, match="received 'chat'"):
        TestClient(Server()).namespace("chat")
