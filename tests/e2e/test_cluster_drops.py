"""The numbered stream of `test_drops.py`, where servers of a cluster end."""

from __future__ import annotations

import os
import signal

import pytest

from .harness.channel import Channel
from .harness.command import Commands
from .harness.node import Node

CLIENTS = 30
EVENTS = 300
OPTIONS = {"reconnectionDelay": 50, "reconnectionDelayMax": 500, "timeout": 5000}
APPLICATION = """\
import os


def setup(server):
    @server.event
    async def worker(sid):
        return os.getpid()

    @server.event
    async def say(sid, number):
        await server.emit("n", number)
"""
SETTINGS = """\
app = "chat:setup"
workers = 3
[recovery]
enabled = true
"""


@pytest.fixture
async def url(commands: Commands) -> str:
    """Where a service of three workers listens."""
    commands.write(chat=APPLICATION)
    return await (await commands.serve(SETTINGS)).url()


async def test_nothing_is_lost_with_workers_that_are_killed(url: str, swarm: Channel, node: Node) -> None:
    speaker = await node.connect(url)
    (own,) = await speaker.call("worker")
    await swarm.do("start", 60, url=url, count=CLIENTS, options=OPTIONS)
    others: set[int] = set()
    while len(others) < 2:  # connections are spread over the workers
        client = await node.connect(url)
        (pid,) = await client.call("worker")
        if pid != own:
            others.add(pid)
    victims = iter(others)
    for number in range(EVENTS):
        await speaker.call("say", number)
        if number in (100, 200):
            os.kill(next(victims), signal.SIGKILL)
    await swarm.do("settle", 60, last=EVENTS - 1)
    reports = await swarm.do("reports")

    assert [report["received"] for report in reports] == [list(range(EVENTS))] * CLIENTS
    assert all(report["recoveries"] == report["connects"] - 1 for report in reports)
    assert sum(report["recoveries"] for report in reports) >= CLIENTS // 2
