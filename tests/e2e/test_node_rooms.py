"""Rooms and broadcasts, to a mix of clients of every kind at once."""

from __future__ import annotations

import asyncio
from typing import Any

from .harness.cases import every_client
from .harness.node import KINDS, Node, NodeSocket, Transport
from .harness.server import Hosting, make_server, recorded


async def everyone(node: Node, url: str, namespace: str = "/") -> list[NodeSocket]:
    """Connect one client of each version over each transport."""
    return list(
        await asyncio.gather(
            *(
                node.connect(url, kind, transport, namespace=namespace)
                for kind in KINDS
                for transport in Transport
            )
        )
    )


async def settle(clients: list[NodeSocket]) -> None:
    """Wait until all that was sent to these clients before has arrived: what comes after it has."""
    await asyncio.gather(*(client.call("settle") for client in clients))


async def test_a_broadcast_reaches_each_once_but_those_left_out(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    recorded(sio, "settle")
    host = await hosting.server(sio)
    clients = await everyone(node, host.url)
    picture = bytes(range(256)) * 10
    await sio.emit("to all", ("text ☃", {"picture": picture, "n": [1, 2]}))
    await sio.emit("not to one", 1, skip_sid=clients[0].sid)
    await sio.emit("not to many", 2, skip_sid=[client.sid for client in clients[1:]])
    await settle(clients)
    for index, client in enumerate(clients):
        assert client.log.all("to all") == [["text ☃", {"picture": picture, "n": [1, 2]}]]
        assert client.log.all("not to one") == ([] if index == 0 else [[1]])
        assert client.log.all("not to many") == ([[2]] if index == 0 else [])


async def test_rooms(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    recorded(sio, "settle")
    host = await hosting.server(sio)
    clients = await everyone(node, host.url)
    for index, client in enumerate(clients):
        await sio.enter_room(client.sid, "even" if index % 2 == 0 else "odd")
        if index % 3 == 0:
            await sio.enter_room(client.sid, "third")
    assert set(sio.rooms(clients[0].sid)) == {clients[0].sid, "even", "third"}

    await sio.emit("even", 1, room="even")
    await sio.emit("both", 2, to=["even", "third"])  # a member of both gets it once
    await sio.emit("skipped", 3, to="odd", skip_sid=clients[1].sid)
    await sio.emit("one", b"only you", to=clients[4].sid)
    await sio.leave_room(clients[0].sid, "even")
    await sio.emit("after leaving", 4, room="even")
    await sio.close_room("third")
    await sio.emit("closed", 5, room="third")
    await sio.emit("nobody", 6, room="no such room")
    await settle(clients)

    def got(event: str) -> list[int]:
        found = []
        for index, client in enumerate(clients):
            assert len(client.log.all(event)) <= 1
            if client.log.all(event):
                found.append(index)
        return found

    indexes = range(len(clients))
    assert got("even") == [i for i in indexes if i % 2 == 0]
    assert got("both") == [i for i in indexes if i % 2 == 0 or i % 3 == 0]
    assert got("skipped") == [i for i in indexes if i % 2 and i != 1]
    assert got("one") == [4]
    assert got("after leaving") == [i for i in indexes if i % 2 == 0 and i != 0]
    assert got("closed") == []
    assert got("nobody") == []


async def test_rooms_of_one_name_in_two_namespaces_are_two(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    recorded(sio, "settle")
    recorded(sio, "settle", namespace="/other")
    host = await hosting.server(sio)
    here, there = await node.connect(host.url), await node.connect(host.url, namespace="/other")
    await sio.enter_room(here.sid, "room")
    await sio.enter_room(there.sid, "room", namespace="/other")
    await sio.emit("hello", "here", room="room")
    await sio.emit("hello", "there", room="room", namespace="/other")
    await settle([here, there])
    assert here.log.all("hello") == [["here"]]
    assert there.log.all("hello") == [["there"]]


@every_client
async def test_a_client_that_left_gets_nothing_and_is_in_no_room(
    node: Node, hosting: Hosting, kind: str
) -> None:
    sio = make_server()
    log = recorded(sio, "settle")
    host = await hosting.server(sio)
    leaver, stayer = await node.connect(host.url, kind), await node.connect(host.url, kind)
    for client in (leaver, stayer):
        await sio.enter_room(client.sid, "room")
    await leaver.disconnect()
    await log.next("disconnect")
    await sio.emit("news", 1, room="room")
    await settle([stayer])
    assert stayer.log.all("news") == [[1]]
    assert leaver.log.all("news") == []


async def test_a_message_relayed_between_every_pair_of_clients(node: Node, hosting: Hosting) -> None:
    sio = make_server()
    recorded(sio, "settle")

    async def relay(sid: str, target: str, data: Any) -> str:
        await sio.emit("relayed", (sid, data), to=target)
        return "sent"

    sio.on("relay", relay)
    host = await hosting.server(sio)
    clients = await everyone(node, host.url)
    await asyncio.gather(
        *(
            sender.call("relay", receiver.sid, [sender.sid, b"\x00\x01", "é"])
            for sender in clients
            for receiver in clients
        )
    )
    await settle(clients)
    for receiver in clients:
        seen = sorted(receiver.log.all("relayed"))
        assert seen == sorted([sender.sid, [sender.sid, b"\x00\x01", "é"]] for sender in clients)
