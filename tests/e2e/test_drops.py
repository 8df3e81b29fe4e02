"""Two hundred clients, a steady stream in both directions, and a minute of a network that breaks.

With connection state recovery every client has every event that was for it exactly once and in order,
whatever rooms it went through; with duplicate suppression the server has every packet of theirs once.
"""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from rtserver import ConnectionStateRecovery, Server
from tests.support.engine import until

from .harness.channel import Channel
from .harness.faulty_proxy import FaultyProxy
from .harness.server import Hosting, make_server

CLIENTS = 200
SECONDS = 60.0
TICK = 0.05
ROOMS = ("red", "green", "blue")
CLIENT_OPTIONS = {
    "reconnectionDelay": 50,
    "reconnectionDelayMax": 500,
    "timeout": 5000,
    "retries": 1_000_000,
    "ackTimeout": 3000,
}


class Stream:
    """What the server sends, and what each client has to receive of it.

    Args:
        sio: The server.
        random: Where its choices come from.
    """

    def __init__(self, sio: Server, random: Random) -> None:
        self._sio = sio
        self._random = random
        self._last = 0
        self._rooms: defaultdict[int, set[str]] = defaultdict(set)
        self.sids: dict[int, str] = {}
        self.expected: defaultdict[int, list[int]] = defaultdict(list)
        self.ups: defaultdict[int, list[int]] = defaultdict(list)
        self.strangers = 0
        sio.on("connect", self._connect)
        sio.on("up", self._up)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: dict[str, Any]) -> None:
        number = auth["number"]
        if self.sids.setdefault(number, sid) != sid:
            self.strangers += 1
        await self._sio.save_session(sid, {"number": number} | await self._sio.get_session(sid))

    async def _up(self, sid: str, value: int) -> None:
        self.ups[(await self._sio.get_session(sid))["number"]].append(value)

    async def tick(self) -> None:
        """Send to everyone, to a room, to all but a room, and to one; and let one change its rooms."""
        room = self._random.choice(ROOMS)
        number = self._random.randrange(len(self.sids))
        everyone = set(self.sids)
        members = {each for each in everyone if room in self._rooms[each]}
        await self._emit(everyone)
        await self._emit(members, room=room)
        await self._emit(everyone - members, skip_sid=room)
        await self._emit({number}, to=self.sids[number])
        await self._move(self._random.randrange(len(self.sids)), self._random.choice(ROOMS))

    async def _emit(self, recipients: set[int], **target: Any) -> None:
        self._last += 1
        for number in recipients:
            self.expected[number].append(self._last)
        await self._sio.emit("n", self._last, **target)

    async def _move(self, number: int, room: str) -> None:
        rooms, sid = self._rooms[number], self.sids[number]
        if room in rooms:
            rooms.remove(room)
            await self._sio.leave_room(sid, room)  # also while the client is away
        else:
            with suppress(ValueError):  # it is away
                await self._sio.enter_room(sid, room)
                rooms.add(room)

    async def end(self) -> int:
        """Send the last event, to everyone, and return its number."""
        await self._emit(set(self.sids))
        return self._last


def break_something(proxy: FaultyProxy, random: Random) -> None:
    """Let something happen to one connection."""
    if proxy.links:
        link = random.choice(list(proxy.links))
        match random.randrange(5):
            case 0 | 1:
                link.reset()
            case 2:
                link.vanish()
            case 3:
                link.swallow()
            case 4:
                link.stall(random.uniform(0.2, 6.0))


@pytest.mark.timeout(180)
async def test_every_event_arrives_once_and_in_order(hosting: Hosting, swarm: Channel) -> None:
    random = Random(20)
    sio = make_server(
        connection_state_recovery=ConnectionStateRecovery(max_disconnection_duration=30.0),
        duplicate_suppression=True,
        ping_interval=2,
        ping_timeout=2,
    )
    stream = Stream(sio, random)
    host = await hosting.server(sio, lane=True)
    async with FaultyProxy(host.port) as proxy:
        await swarm.do("start", 60, url=proxy.url, count=CLIENTS, options=CLIENT_OPTIONS)
        await swarm.do("speak", interval=500)
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        faults = 0
        while loop.time() < end:
            await stream.tick()
            break_something(proxy, random)
            faults += 1
            await asyncio.sleep(TICK)
        last = await stream.end()
        await swarm.do("settle", 60, last=last)
        reports = await swarm.do("reports")

    counters = sio.counters
    assert faults > SECONDS / TICK / 10
    assert counters.recoveries > faults / 4
    assert counters.recoveries_unknown == counters.recoveries_expired == counters.recoveries_too_old == 0
    assert stream.strangers == 0
    for number, report in enumerate(reports):
        assert report["received"] == stream.expected[number], f"client {number}"
        assert report["recoveries"] == report["connects"] - 1, f"client {number}"
        assert stream.ups[number] == list(range(report["sent"])), f"client {number}"


async def test_nothing_is_left_of_clients_that_do_not_come_back(hosting: Hosting, swarm: Channel) -> None:
    sio = make_server(
        connection_state_recovery=ConnectionStateRecovery(max_disconnection_duration=3.0),
        ping_interval=1,
        ping_timeout=1,
    )
    stream = Stream(sio, Random(21))
    host = await hosting.server(sio)
    options = CLIENT_OPTIONS | {"reconnection": False}
    before = measured()
    async with FaultyProxy(host.port) as proxy:
        await swarm.do("start", 60, url=proxy.url, count=CLIENTS, options=options)
        for _ in range(20):
            await stream.tick()
        assert measured() > before + CLIENTS
        recovery = sio._hub.recovery
        assert recovery is not None
        store: Any = recovery.store

        def everyone_is_away() -> bool:
            for link in list(proxy.links):  # a client between two polls opens another
                link.vanish()
            return not sio._hub.namespaces

        await until(everyone_is_away)  # their heartbeats have been missed
        await stream.end()
        assert len(store)  # they, and what was sent meanwhile
        await until(lambda: not len(store))
    assert (recovery._occupants, recovery._waiting, store._users, store._timer) == ({}, {}, {}, None)
    assert sio.counters.recoveries_expired == CLIENTS
    await until(lambda: measured() < before + CLIENTS)  # the connections have been reset just now


def measured() -> int:
    """Return how many of our objects there are."""
    gc.collect()
    return sum(str(type(each).__module__).startswith("rtserver.") for each in gc.get_objects())
