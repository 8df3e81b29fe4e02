from __future__ import annotations

import socket
from typing import Any

import pytest
import socketio

from rtserver import Server
from rtserver.cluster.clustered import ClusterManager
from rtserver.testing import TestClient
from tests.support.bus import Exchange, LoopBus

ACTIONS = ["EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"]
SOON = 0.05


@pytest.mark.parametrize(
    ("options", "features"),
    [
        ({}, ["AGGREGATED_EVENTS", *ACTIONS, "ALL_EVENTS"]),
        ({"read_only": True}, ["AGGREGATED_EVENTS", "ALL_EVENTS"]),
        ({"mode": "production"}, ["AGGREGATED_EVENTS", *ACTIONS]),
        ({"mode": "production", "read_only": True}, ["AGGREGATED_EVENTS"]),
    ],
)
async def test_what_an_admin_is_told_first(options: dict[str, Any], features: list[str]) -> None:
    sio = Server()
    sio.instrument(auth=False, **options)
    async with TestClient(sio) as client, TestClient(sio, namespace="/admin") as admin:
        assert (await admin.receive("config")).data == {"supportedFeatures": features}
        if "mode" not in options:
            sockets = (await admin.receive("all_sockets")).data
            assert {each["id"] for each in sockets} == {client.sid, admin.sid}
        await admin.settled()
        names = {event.name for event in admin.received}
        assert ("all_sockets" in names) == ("mode" not in options)


async def test_who_may_only_look_can_do_nothing() -> None:
    sio = Server()
    sio.instrument(auth=False, read_only=True)
    async with TestClient(sio) as client, TestClient(sio, namespace="/admin") as admin:
        await admin.emit("_disconnect", ("/", True, client.sid))
        await admin.emit("emit", ("/", None, "news"))
        await admin.settled()
        assert client.connected
        assert client.received == []


async def test_the_numbers_come_again_and_again_until_the_server_ends() -> None:
    sio = Server()
    sio.instrument(auth=False, mode="production", server_id="one", server_stats_interval=SOON)
    async with TestClient(sio, namespace="/admin") as admin:
        for _ in range(2):
            stats = (await admin.receive("server_stats")).data
            assert stats["serverId"] == "one"
            assert {"name": "/admin", "socketsCount": 1} in stats["namespaces"]
    await sio.shutdown()
    assert len(sio.eio.clock) == 0


async def test_instrumentation_can_be_shut_down_by_itself() -> None:
    sio = Server()
    instrumentation = sio.instrument(auth=False, mode="production", server_stats_interval=SOON)
    async with TestClient(sio, namespace="/admin") as admin:
        await admin.receive("server_stats")
        await instrumentation.shutdown()
        await instrumentation.shutdown()
        assert len(sio.eio.clock) == 0


async def test_changes_come_with_the_numbers() -> None:
    sio = Server()
    sio.instrument(auth=False, server_stats_interval=SOON)
    async with TestClient(sio, namespace="/admin") as admin, TestClient(sio) as client:
        async with sio.session(client.sid) as session:
            session["name"] = "Ada"
        assert (await admin.receive("socket_updated")).data["data"] == {"name": "Ada"}
    await sio.shutdown()


async def test_admins_see_every_server_of_a_cluster() -> None:
    exchange = Exchange()
    servers = [Server(client_manager=ClusterManager(LoopBus(exchange, uid))) for uid in "ab"]
    for name, sio in zip(("one", "two"), servers, strict=True):
        sio.instrument(auth=False, server_id=name, server_stats_interval=SOON)
        await sio.start()
    async with TestClient(servers[0], namespace="/admin") as admin, TestClient(servers[1]) as client:
        assert (await admin.receive("socket_connected")).data[0]["id"] in (admin.sid, client.sid)
        seen: set[str] = set()
        while seen != {"one", "two"}:
            seen.add((await admin.receive("server_stats")).data["serverId"])
        await admin.emit("join", ("/", "lobby", client.sid))
        joined = None
        while joined != ("/", "lobby", client.sid):
            joined = (await admin.receive("room_joined")).args[:3]
    for sio in servers:
        await sio.shutdown()


@pytest.mark.parametrize(("alone", "expected"), [(True, r"{host}"), (False, r"{host}#{pid}")])
async def test_what_a_server_is_called(alone: bool, expected: str) -> None:
    import os  # noqa: PLC0415

    manager = None if alone else ClusterManager(LoopBus(Exchange(), "a"))
    sio = Server(client_manager=manager)
    sio.instrument(auth=False, mode="production", server_stats_interval=SOON)
    async with TestClient(sio, namespace="/admin") as admin:
        name = (await admin.receive("server_stats")).data["serverId"]
    assert name == expected.format(host=socket.gethostname(), pid=os.getpid())
    await sio.shutdown()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "auth must be specified"),
        ({"auth": False, "mode": "debug"}, "mode: received 'debug', expected one of 'development'"),
        ({"auth": False, "namespace": "admin"}, "namespace: received 'admin', expected a name such as"),
        ({"auth": False, "namespace": "/"}, "namespace: received '/'"),
        ({"auth": False, "namespace": "/chat"}, "namespace: '/chat' has handlers already"),
        ({"auth": False, "server_stats_interval": 0}, "server_stats_interval: received 0"),
    ],
)
def test_what_can_not_be_used_is_refused(options: dict[str, Any], message: str) -> None:
    sio = Server()
    sio.on("hello", lambda sid: None, namespace="/chat")
    with pytest.raises(ValueError, match=message):
        sio.instrument(**options)
    sio.instrument(auth=False)  # it can be done right after that


def test_nobody_comes_in_before_the_credentials_are_looked_at() -> None:
    sio = Server(always_connect=True)
    with pytest.raises(ValueError, match="always_connect lets admins in before"):
        sio.instrument(auth={"username": "ada", "password": "lovelace"})


async def test_a_server_is_instrumented_once_and_before_it_serves() -> None:
    sio = Server()
    sio.instrument(auth=False)
    with pytest.raises(RuntimeError, match="instrumented already"):
        sio.instrument(auth=False)
    late = Server()
    async with TestClient(late):
        with pytest.raises(RuntimeError, match="before it serves"):
            late.instrument(auth=False)


async def test_a_server_that_is_not_instrumented_has_none_of_it() -> None:
    sio = Server()
    async with TestClient(sio) as client:
        socket_of = sio._hub.find("/", client.sid)
        assert socket_of is not None
        assert socket_of.hooks is None
        assert not socket_of.client.careful
        assert socket_of.namespace.plain
        assert socket_of.namespace.observers == ()
    assert sio.eio.traffic is None


async def test_in_production_the_way_of_events_is_the_short_one() -> None:
    sio = Server()
    sio.instrument(auth=False, mode="production")
    async with TestClient(sio) as client:
        socket_of = sio._hub.find("/", client.sid)
        assert socket_of is not None
        assert socket_of.hooks is None
        assert not socket_of.client.careful
        assert socket_of.namespace.plain
    await sio.shutdown()


def test_python_socketios_server_takes_the_same() -> None:
    theirs = socketio.AsyncServer(async_mode="aiohttp")
    with pytest.raises(ValueError, match="auth must be specified"):
        theirs.instrument()
