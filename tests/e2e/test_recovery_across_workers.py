"""Workers are killed, drained and replaced under a stream of numbers: official clients have each once."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .harness.channel import Channel, NodeProcess
from .harness.command import TIMEOUT, Commands
from .test_workers import Service, gone, pid_of

CLIENTS = 30
CLIENT_OPTIONS = {"reconnectionDelay": 50, "reconnectionDelayMax": 500, "timeout": 5000}
SETTINGS = """\
workers = 3
drain_time = 0.5

[recovery]
enabled = true
"""
APPLICATION = """\
import asyncio
import os


async def setup(server, host):
    ticking = []

    async def tick():
        number = 0
        while True:
            number += 1
            await server.emit("n", [os.getpid(), number], room="all")
            await asyncio.sleep(0.05)

    @server.event
    async def connect(sid, environ):
        if not environ["rtserver.recovered"]:
            await server.enter_room(sid, "all")

    @server.event
    async def pid(sid):
        return os.getpid()

    @server.event
    async def say(sid, value):
        await server.emit("n", value, room="all")

    @server.on_server_event("tick")
    def begin():
        ticking.append(asyncio.create_task(tick()))

    @server.event
    async def everyone_ticks(sid):
        begin()
        await server.server_side_emit("tick")
"""


@pytest.fixture
async def service(commands: Commands, tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path, commands)
    service.write(SETTINGS, APPLICATION)
    service.command = await commands.start("serve", "--config", "rtserver.toml")
    service.url = await service.command.url()
    yield service
    await service.close()


@pytest.fixture
async def swarm(service: Service) -> AsyncIterator[Channel]:
    process = NodeProcess("swarm.js")
    channel = Channel(process)
    await channel.do("start", 60, url=service.url, count=CLIENTS, options=CLIENT_OPTIONS)
    yield channel
    channel.close()
    process.stop()


@pytest.mark.timeout(120)
async def test_workers_are_killed(service: Service, swarm: Channel) -> None:
    speaker = await service.client()
    survivor = await pid_of(speaker)
    number = 0

    async def speak(count: int) -> None:
        nonlocal number
        for _ in range(count):
            number += 1
            await speaker.call("say", number, timeout=TIMEOUT)

    for _ in range(3):
        await speak(100)
        victims = service.workers() - {survivor}
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
            await speak(50)
        await service.command.line(r"worker \d .* serves")
        await service.command.line(r"worker \d .* serves")
    await speak(1)
    await swarm.do("settle", 60, last=number)
    reports = await swarm.do("reports")
    for report in reports:
        assert report["received"] == list(range(1, number + 1))
        assert report["recoveries"] == report["connects"] - 1
    # At least those of the first two workers of three; later most clients are with the third one.
    assert sum(report["recoveries"] for report in reports) > CLIENTS / 2


@pytest.mark.timeout(120)
async def test_workers_are_replaced_one_after_the_other(service: Service, swarm: Channel) -> None:
    old = service.workers()
    speaker = await service.client()
    await speaker.call("everyone_ticks", timeout=TIMEOUT)
    service.command.process.send_signal(signal.SIGHUP)
    await gone(old)
    await speaker.disconnect()
    speaker = await service.client()
    await speaker.call("say", "last", timeout=TIMEOUT)
    await swarm.do("settle", 60, last="last")
    reports = await swarm.do("reports")
    streams = [by_sender(report["received"]) for report in reports]
    for report, stream in zip(reports, streams, strict=True):
        assert report["recoveries"] == report["connects"] - 1
        for pid in old:
            assert stream[pid] == list(range(1, len(stream[pid]) + 1))
        assert stream == streams[0]
    assert sum(report["recoveries"] for report in reports) >= CLIENTS
    assert all(streams[0][pid] for pid in old)


def by_sender(received: list[Any]) -> dict[int, list[int]]:
    streams: defaultdict[int, list[int]] = defaultdict(list)
    for each in received:
        if each != "last":
            streams[each[0]].append(each[1])
    return streams
