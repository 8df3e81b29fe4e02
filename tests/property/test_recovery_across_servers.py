"""Whatever the order in which messages cross between servers: each event once, in its sender's order.

Messages of one server to another keep their order; those of different ones overtake each other at will.
Clients are lost at any time, with whatever they haven't read, and come back to any server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtserver.cluster.clustered import ClusterManager
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.links import LinkBus, Links
from tests.unit.server.harness import Harness, turns
from tests.unit.server.recovery.client import Client

SERVERS = 3
ROOM = "room"


class World:
    """Servers, and one client that is lost again and again."""

    def __init__(self) -> None:
        self.links = Links(SERVERS)
        self.harnesses = [
            Harness(manager=ClusterManager(LinkBus(self.links, number)), recovery=ConnectionStateRecovery())
            for number in range(SERVERS)
        ]
        self.client = Client(self.harnesses[0])
        self.sent: dict[int, list[int]] = {number: [] for number in range(SERVERS)}
        self.count = 0
        self.strangers = 0

    async def begin(self) -> None:
        for harness in self.harnesses:
            await harness.sio.start()
        self.client.connect()
        await self.harnesses[0].sio.enter_room(self.client.sid, ROOM)

    async def emit(self, server: int, kind: int) -> None:
        self.count += 1
        sio = self.harnesses[server].sio
        if kind == 0:
            await sio.emit("n", (server, self.count))
        elif kind == 1:
            await sio.emit("n", (server, self.count), room=ROOM)
        elif kind == 2:
            await sio.emit("n", (server, self.count), to=self.client.sid)
        else:
            await sio.emit("n", (server, self.count), room="elsewhere")
            return
        self.sent[server].append(self.count)

    def lose(self, unread: int) -> None:
        """Lose the connection, with the last packets that were sent on it."""
        session = self.client.session
        del session.sent[max(len(session.sent) - unread, 0) :]
        self.read()
        session.close("transport close")

    def come_back(self, server: int) -> None:
        if self.client.session.is_open:
            self.client.session.close("transport close")  # half of the time its server hasn't noticed
        self.client.move(self.harnesses[server]).open()

    def read(self) -> None:
        before = self.client.sid
        self.client.read()
        self.strangers += self.client.sid != before

    async def settle(self, slow: tuple[int, int] | None = None) -> None:
        await turns(10)
        while self.links.deliver(0, slow):
            await turns(10)

    async def end(self) -> None:
        self.come_back(1)
        await self.settle()
        self.read()
        for harness in self.harnesses:
            await harness.sio.shutdown()


numbers = st.integers(0, SERVERS - 1)
actions = st.one_of(
    st.tuples(st.just("emit"), numbers, st.integers(0, 3)),
    st.tuples(st.just("deliver"), st.integers(0, 5), st.integers(0, 3)),
    st.tuples(st.just("lose"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("come back"), numbers, st.just(0)),
    st.tuples(st.just("flow"), numbers, numbers),
    st.tuples(st.just("turn"), st.just(0), st.just(0)),
)


async def run(steps: list[Any]) -> World:
    world = World()
    await world.begin()
    for action, first, second in steps:
        match action:
            case "emit":
                await world.emit(first, second)
            case "deliver":
                for _ in range(second + 1):
                    world.links.deliver(first)
                    await turns(2)
            case "lose":
                world.lose(first)
            case "come back":
                world.come_back(first)
            case "flow":
                await world.settle((first, second))
            case "turn":
                await turns(2)
    await world.settle()
    await world.end()
    return world


@settings(max_examples=300)
@given(st.lists(actions, max_size=60))
def test_every_event_comes_once_and_in_order(steps: list[Any]) -> None:
    world = asyncio.run(run(steps))
    assert world.strangers == 0
    for server, sent in world.sent.items():
        assert [n for _, sender, n in world.client.received if sender == server] == sent
