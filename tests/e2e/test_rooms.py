"""Rooms: their events as Node's server has them, and the examples of the page about history and presence."""

from __future__ import annotations

from typing import Any

from rtserver import Server
from tests.support.examples import run

from .harness.either import Application, Commands, Compare, Either, Tell
from .harness.node import Node
from .harness.server import Hosting
from .harness.transcript import Clients

PAGE = "docs/rooms.md"


def rooms(sio: Server, tell: Tell) -> Commands:
    for event in ("create-room", "join-room", "leave-room", "delete-room"):
        sio.on_room(event, lambda *args, event=event: tell(event, *args))

    @sio.event
    async def join(sid: str, room: str) -> None:
        await sio.enter_room(sid, room)

    @sio.event
    async def leave(sid: str, room: str) -> None:
        await sio.leave_room(sid, room)

    return {}


async def comings_and_goings(server: Either, clients: Clients) -> None:
    one, two = await clients.connect(), await clients.connect()
    for client, event, room in (
        (one, "join", "a"),
        (one, "join", "a"),
        (two, "join", "a"),
        (two, "join", one.sid),
        (one, "leave", "a"),
        (one, "leave", "b"),
    ):
        await client.call(event, room)
    await one.disconnect()
    await server.log.next("leave-room")
    await server.log.next("leave-room")
    await two.disconnect()
    for _ in range(3):
        await server.log.next("delete-room")


async def test_rooms_have_the_events_of_nodes_adapters(compare: Compare) -> None:
    seen = await compare(Application("rooms.js", rooms), comings_and_goings)
    assert ("create-room", ["a"]) in seen.server
    assert ("delete-room", ["a"]) in seen.server


async def test_the_pages_examples(node: Node, hosting: Hosting, capsys: Any) -> None:
    names = run(PAGE, "server", "events")
    host = await hosting.server(names["sio"])
    ann, bob = await node.connect(host.url), await node.connect(host.url)
    assert await ann.call("join", "1", "Ann") == [{ann.sid: {"name": "Ann"}}]
    await ann.emit("say", "1", "hello")
    assert await ann.next("said") == ["Ann", "hello"]
    assert await bob.call("join", "1", "Bob") == [{ann.sid: {"name": "Ann"}, bob.sid: {"name": "Bob"}}]
    assert await bob.next("said") == ["Ann", "hello"]
    told = {"room": "chat:1", "sid": bob.sid, "info": {"name": "Bob"}}
    assert await ann.next("presence_join") == [told]
    await bob.disconnect()
    assert await ann.next("presence_leave") == [told]
    assert "the first client is in chat:1" in capsys.readouterr().out
