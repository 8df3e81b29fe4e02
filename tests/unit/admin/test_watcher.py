from __future__ import annotations

import asyncio
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import ConnectionStateRecovery, Server
from rtserver.admin.reports import Reports
from rtserver.admin.watcher import Watcher
from rtserver.cluster.clustered import ClusterManager
from rtserver.server.answers import Fetched, SocketDetails
from rtserver.testing import TestClient
from tests.support.bus import Exchange, LoopBus
from tests.unit.server.interface.cluster import ClusterManager as OtherServers

NOW = 1_700_000_000.0
AT = "2023-11-14T22:13:20.000Z"


class Watched:
    """A server with a watcher, and its reports."""

    def __init__(self, **options: Any) -> None:
        self.sio = Server(**options)
        self.sio.on("connect", lambda sid, environ: None, namespace="/admin")
        self.watcher = Watcher(self.sio._backend, Reports(self.sio._backend, "/admin"), "/admin", lambda: NOW)
        self.admin = TestClient(self.sio, namespace="/admin")

    async def __aenter__(self) -> Watched:
        await self.admin.connect()
        await self.forget()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.admin.disconnect()

    async def forget(self) -> None:
        await self.reports()
        self.admin.received.clear()

    async def reports(self) -> list[tuple[str, tuple[Any, ...]]]:
        await self.admin.settled()
        return [(event.name, event.args) for event in self.admin.received]


async def test_a_client_comes_and_goes() -> None:
    async with Watched() as watched:
        async with TestClient(watched.sio) as client:
            sid = client.sid
            [joined, (name, (described, at))] = await watched.reports()
            assert joined == ("room_joined", ("/", sid, sid, AT))
            assert (name, at) == ("socket_connected", AT)
            assert described["id"] == sid
            assert described["rooms"] == [sid]
            await watched.forget()
        assert await watched.reports() == [
            ("room_left", ("/", sid, sid, AT)),
            ("socket_disconnected", ("/", sid, "client disconnect", AT)),
        ]


async def test_rooms() -> None:
    async with Watched() as watched, TestClient(watched.sio) as client:
        await watched.forget()
        await watched.sio.enter_room(client.sid, "lobby")
        await watched.sio.leave_room(client.sid, "lobby")
        assert await watched.reports() == [
            ("room_joined", ("/", "lobby", client.sid, AT)),
            ("room_left", ("/", "lobby", client.sid, AT)),
        ]


async def test_events_each_way() -> None:
    async with Watched() as watched, TestClient(watched.sio) as client:
        await watched.forget()
        watched.sio.on("hello", lambda sid, data: data.update(changed=True))
        await client.call("hello", {"name": "Ada"})
        await client.emit("unknown")
        await client.settled()
        await watched.sio.emit("news", (1, b"two"))
        await watched.sio.emit("private", "x", to=client.sid)
        assert await watched.reports() == [
            ("event_received", ("/", client.sid, ["hello", {"name": "Ada"}], AT)),
            ("event_received", ("/", client.sid, ["unknown"], AT)),
            ("event_sent", ("/", client.sid, ["news", 1, b"two"], AT)),
            ("event_sent", ("/", client.sid, ["private", "x"], AT)),
        ]


async def test_what_a_connect_handler_does_is_seen_and_what_it_refuses_is_not() -> None:
    async with Watched() as watched:

        @watched.sio.event
        async def connect(sid: str, environ: Any, auth: Any) -> None:
            await watched.sio.enter_room(sid, "lobby")
            await watched.sio.emit("welcome", to=sid)
            if auth is None:
                raise Refusal("no")

        async with TestClient(watched.sio, auth={"name": "Ada"}) as client:
            names = [name for name, _ in await watched.reports()]
            assert names == ["room_joined", "event_sent", "room_joined", "socket_connected"]
            assert (await watched.reports())[-1][1][0]["rooms"] == [client.sid, "lobby"]
        await watched.forget()
        with pytest.raises(Refusal):
            await TestClient(watched.sio).connect()
        assert not {"socket_connected", "socket_disconnected"} & {name for name, _ in await watched.reports()}


async def test_the_events_of_admins_are_not_reported_but_their_coming_is() -> None:
    async with Watched() as watched:
        async with TestClient(watched.sio, namespace="/admin") as second:
            await second.emit("anything")
            await second.settled()
        names = [name for name, _ in await watched.reports()]
        assert names == ["room_joined", "socket_connected", "room_left", "socket_disconnected"]


async def test_nothing_is_made_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    monkeypatch.setattr(Reports, "send", lambda *_: pytest.fail("a report without an admin"))
    async with TestClient(watched.sio) as client:
        await watched.sio.enter_room(client.sid, "lobby")
        await client.emit("hello")
        await watched.sio.emit("news")


async def test_changes_of_data_and_transport_are_found() -> None:
    async with Watched() as watched, TestClient(watched.sio) as client:
        await watched.forget()
        watched.watcher.report_changes()
        assert await watched.reports() == []
        async with watched.sio.session(client.sid) as session:
            session["name"] = "Ada"
        watched.watcher.report_changes()
        watched.watcher.report_changes()
        update = {"id": client.sid, "nsp": "/", "transport": "websocket", "data": {"name": "Ada"}}
        assert await watched.reports() == [("socket_updated", (update,))]


async def test_a_client_that_comes_back_is_connected_again() -> None:
    async with Watched(connection_state_recovery=ConnectionStateRecovery()) as watched:
        client = TestClient(watched.sio)
        await client.connect()
        await watched.sio.emit("news", "rain", to=client.sid)
        await watched.forget()
        client.drop()
        await client.connect()
        assert client.recovered
        connected = [args[0]["id"] for name, args in await watched.reports() if name == "socket_connected"]
        assert connected == [client.sid]
        await client.disconnect()


async def test_all_sockets_are_those_of_every_namespace() -> None:
    watched = Watched()
    watched.sio.on("connect", lambda sid, environ: None, namespace="/chat")
    async with TestClient(watched.sio) as client, client.namespace("/chat") as chatter:
        found = await watched.watcher.all_sockets()
        assert [(each["nsp"], each["id"]) for each in found] == [("/", client.sid), ("/chat", chatter.sid)]
        assert found[0]["clientId"] == found[1]["clientId"]


async def test_one_that_is_not_connected_yet_is_not_among_them() -> None:
    watched = Watched()
    entered, go = asyncio.Event(), asyncio.Event()

    @watched.sio.event
    async def connect(sid: str, environ: Any) -> None:
        entered.set()
        await go.wait()

    client = TestClient(watched.sio)
    connecting = asyncio.ensure_future(client.connect())
    async with asyncio.timeout(5):
        await entered.wait()
        assert await watched.watcher.all_sockets() == []
        go.set()
        await connecting
    assert len(await watched.watcher.all_sockets()) == 1
    await client.disconnect()


async def test_those_of_other_servers_are_among_them() -> None:
    exchange = Exchange()
    here, there = (Watched(client_manager=ClusterManager(LoopBus(exchange, uid))) for uid in "ab")
    there.sio.manager.open("/admin")  # as it does for an admin: here nobody else would answer for it
    async with TestClient(here.sio) as one, TestClient(there.sio, headers={"Cookie": "x"}) as two:
        await there.sio.save_session(two.sid, {"name": "Ada"})
        found = {each["id"]: each for each in await here.watcher.all_sockets()}
        assert set(found) == {one.sid, two.sid}
        itself = (await there.watcher.all_sockets())[-1]
        assert itself["id"] == two.sid
        assert found[two.sid] == itself
    await here.sio.shutdown()
    await there.sio.shutdown()


async def test_a_server_of_nodes_is_understood() -> None:
    details = SocketDetails("one", {}, ["one"], {"_admin": {"clientId": "c", "transport": "polling"}})
    watched = Watched(client_manager=OtherServers(Fetched([details])))
    found = {(each["nsp"], each["clientId"]) for each in await watched.watcher.all_sockets()}
    assert found == {("/admin", "c")}
