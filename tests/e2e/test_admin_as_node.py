"""What admins are told, beside Node's server with `@socket.io/admin-ui`; and both in one cluster."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rtserver import RedisManager, Server

from .harness.cases import every_transport
from .harness.either import Application, Commands, ServeEither, Servers, Tell
from .harness.node import Node, NodeSocket, Transport
from .harness.redis import RedisServer

FEATURES = {
    *("EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"),
    *("AGGREGATED_EVENTS", "ALL_EVENTS"),
}
PATIENCE = 20.0


def application(sio: Server, tell: Tell) -> Commands | None:
    sio.instrument(auth=False, server_id="rtserver")

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await sio.save_session(sid, {"name": auth["name"]})

    @sio.event
    async def hello(sid: str, text: str) -> None:
        await sio.emit("news", (text, {"from": "the server"}), to=sid)

    return None


ADMIN = Application("admin.js", application)


async def about(admin: NodeSocket, event: str, sid: str) -> list[Any]:
    """Return the arguments of the next event of this name that is about a client."""
    while True:
        args = await admin.next(event, PATIENCE)
        if sid in args or (isinstance(args[0], dict) and args[0]["id"] == sid):
            return args


async def test_both_tell_the_same(either_server: ServeEither, node: Node) -> None:
    server = await either_server(ADMIN)
    admin = await node.connect(server.url, namespace="/admin")
    [config] = await admin.next("config")
    assert set(config["supportedFeatures"]) == FEATURES
    [before] = await admin.next("all_sockets")
    assert [each["id"] for each in before] == [admin.sid]

    client = await node.connect(server.url, auth={"name": "Ada"})
    sid = client.sid
    assert (await about(admin, "room_joined", sid))[:3] == ["/", sid, sid]
    described, at = await about(admin, "socket_connected", sid)
    assert at.endswith("Z")
    assert len(described["clientId"]) == 12
    assert described["transport"] == "websocket"
    assert described["nsp"] == "/"
    assert described["rooms"] == [sid]
    handshake = described["handshake"]
    assert set(handshake) == {*("address", "headers", "issued", "query", "secure", "time", "url", "xdomain")}
    assert handshake["query"]["EIO"] == "4"
    assert handshake["url"].startswith("/socket.io/?EIO=4&transport=websocket")
    assert "Coordinated Universal Time" in handshake["time"] or handshake["time"].endswith("Z")

    await client.emit("hello", "good morning")
    received = await about(admin, "event_received", sid)
    assert received[:3] == ["/", sid, ["hello", "good morning"]]
    sent = await about(admin, "event_sent", sid)
    assert sent[:3] == ["/", sid, ["news", "good morning", {"from": "the server"}]]

    await admin.emit("join", "/", "hall", sid)
    assert (await about(admin, "room_joined", sid))[:3] == ["/", "hall", sid]
    await admin.emit("emit", "/", "hall", "greetings", 1, {"two": 2})
    assert await client.next("greetings") == [1, {"two": 2}]
    await admin.emit("leave", "/", "hall", sid)
    assert (await about(admin, "room_left", sid))[:3] == ["/", "hall", sid]
    await admin.emit("_disconnect", "/", False, sid)
    await client.next("disconnect")
    assert (await about(admin, "socket_disconnected", sid))[:2] == ["/", sid]
    assert (await about(admin, "room_left", sid))[:3] == ["/", sid, sid]

    [stats] = await admin.next("server_stats", PATIENCE)
    while not stats["aggregatedEvents"]:
        [stats] = await admin.next("server_stats", PATIENCE)
    assert set(stats) == {
        *("serverId", "hostname", "pid", "uptime", "clientsCount", "pollingClientsCount"),
        *("aggregatedEvents", "namespaces"),
    }
    assert all({"timestamp", "type", "count"} <= set(each) for each in stats["aggregatedEvents"])


@every_transport
async def test_a_transport_is_told(either_server: ServeEither, node: Node, transport: Transport) -> None:
    server = await either_server(ADMIN)
    admin = await node.connect(server.url, namespace="/admin")
    client = await node.connect(server.url, auth={"name": "Ada"}, transport=transport)
    [described, _] = await about(admin, "socket_connected", client.sid)
    assert described["transport"] == transport.names[0]
    while described["transport"] != transport.final:
        [described] = await about(admin, "socket_updated", client.sid)
        described = {"transport": None} | described


@pytest.mark.parametrize("mode", ["pubsub", "streams"])
async def test_in_one_cluster_each_sees_the_others_clients(
    redis_server: RedisServer, servers: Servers, node: Node, mode: Any
) -> None:
    url = redis_server.url
    ours = replace(ADMIN, options={"client_manager": RedisManager(url, mode)})
    theirs = replace(ADMIN, node_options={"adapter": {"mode": mode, "url": url}})
    sides = [await servers.start("rtserver", ours), await servers.start("node", theirs)]
    clients = [await node.connect(side.url, auth={"name": side.kind}) for side in sides]
    for side in sides:
        found: dict[str, Any] = {}
        async with asyncio.timeout(PATIENCE):
            while not {client.sid for client in clients} <= set(found):  # each learns of the other meanwhile
                admin = await node.connect(side.url, namespace="/admin")
                [sockets] = await admin.next("all_sockets")
                found = {each["id"]: each for each in sockets}
        for client, its_side in zip(clients, sides, strict=True):
            assert len(found[client.sid]["clientId"]) == 12
            assert found[client.sid]["transport"] == "websocket"
            assert found[client.sid]["data"] == {"name": its_side.kind}
        seen: set[str] = set()
        while seen != {"node", "rtserver"}:
            seen.add((await admin.next("server_stats", PATIENCE))[0]["serverId"])
        for client in clients:
            await admin.emit("join", "/", f"hall of {side.kind}", client.sid)
            joined = await about(admin, "room_joined", client.sid)
            while joined[1] != f"hall of {side.kind}":
                joined = await about(admin, "room_joined", client.sid)
