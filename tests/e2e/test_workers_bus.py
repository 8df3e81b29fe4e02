"""Servers in processes of their own, joined by Unix sockets: what crosses, and what becomes of failures."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import socketio

from rtserver.cluster.workers.place import Place

from .harness.events import EventLog
from .harness.joined_server import JoinedServer


class Joined:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._servers: list[JoinedServer] = []

    async def start(self, count: int) -> list[JoinedServer]:
        """Start servers, and wait until each knows all."""
        started = [await JoinedServer(self._directory).start() for _ in range(count)]
        self._servers += started
        alive = [server for server in self._servers if server.process.returncode is None]
        for server in started:
            await knows(await server.client(), len(alive) - 1)
        return started

    async def close(self) -> None:
        for server in self._servers:
            await server.close()


@pytest.fixture
async def joined(tmp_path: Path) -> AsyncIterator[Joined]:
    servers = Joined(tmp_path)
    yield servers
    await servers.close()


async def status(client: socketio.AsyncClient) -> dict[str, Any]:
    answer: dict[str, Any] = await client.call("status")
    return answer


async def knows(client: socketio.AsyncClient, peers: int) -> None:
    """Wait until a client's server is in touch with so many others."""
    async with asyncio.timeout(20):
        while len((await status(client))["peers"]) != peers:  # each question takes a round trip
            pass


def log_of(client: socketio.AsyncClient) -> EventLog:
    log = EventLog("a client")
    client.on("shouted", lambda *args: log.add("shouted", *args))
    return log


async def test_everything_crosses(joined: Joined) -> None:
    servers = await joined.start(3)
    clients = [await server.client("lobby" if server is not servers[2] else "other") for server in servers]
    logs = [log_of(client) for client in clients]
    await clients[0].emit("shout", (None, "all", {"n": 1}))
    for log in logs:
        assert (await log.next("shouted")) == ["all", {"n": 1}]
    await clients[0].emit("shout", ("lobby", "text"))
    await clients[0].emit("shout", ("lobby", "bytes", b"\x00\xff" * 100_000))
    await clients[1].emit("shout", ("other", "other"))
    for log in logs[:2]:
        assert (await log.next("shouted")) == ["text"]
        assert (await log.next("shouted")) == ["bytes", b"\x00\xff" * 100_000]
    assert (await logs[2].next("shouted")) == ["other"]  # and nothing before it
    answer = await clients[0].call("who")
    assert (answer["count"], answer["silent"]) == (6, [])


async def test_a_server_that_dies_is_noticed_at_once_and_another_takes_its_place(
    joined: Joined, tmp_path: Path
) -> None:
    first, _, third = await joined.start(3)
    client = await first.client()
    third.process.send_signal(signal.SIGSTOP)
    asked = asyncio.ensure_future(client.call("who", timeout=60))
    await asyncio.sleep(0)
    assert len((await status(client))["peers"]) == 2  # it has been asked, and nobody has noticed anything
    third.process.kill()
    await third.process.wait()
    answer = await asked
    assert (answer["count"], answer["silent"]) == (3, [third.name])
    assert answer["seconds"] < 30  # of the 60 that there were
    Place(tmp_path, third.name).clear()
    (fourth,) = await joined.start(1)
    await knows(client, 2)
    log = log_of(client)
    await (await fourth.client()).emit("shout", (None, "new"))
    assert (await log.next("shouted")) == ["new"]


async def test_a_server_that_hangs_is_given_up_and_comes_back(joined: Joined) -> None:
    first, second, third = await joined.start(3)
    client, other = await first.client(), await second.client("busy")
    log = log_of(other)
    os.kill(third.process.pid, signal.SIGSTOP)
    for _ in range(60):
        await client.emit("shout", ("busy", "x" * 50_000))
        await log.next("shouted")
    await knows(client, 1)
    said = await status(client)
    assert said["lost"] == 1
    assert said["bytes_dropped"] > 1_000_000
    await client.emit("shout", (None, "still here"))
    assert (await log.next("shouted")) == ["still here"]
    os.kill(third.process.pid, signal.SIGCONT)
    await knows(client, 2)
    log = log_of(await third.client())
    await client.emit("shout", (None, "back"))
    assert (await log.next("shouted")) == ["back"]
