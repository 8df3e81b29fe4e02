"""Clients that only poll, and four workers: each of their requests arrives at any of them."""

from __future__ import annotations

from collections import Counter

import pytest

from .harness.channel import Channel
from .harness.command import Commands
from .harness.node import Node, Transport

WORKERS = 4
CLIENTS = 40
EVENTS = 200
APPLICATION = """\
def setup(server):
    @server.event
    async def up(sid, number):
        pass

    @server.event
    async def say(sid, number):
        await server.emit("n", number)
"""


@pytest.fixture
async def url(commands: Commands) -> str:
    """Where the service listens."""
    commands.write(chat=APPLICATION)
    return await (await commands.serve(f'app = "chat:setup"\nworkers = {WORKERS}\n')).url()


async def test_no_session_is_ever_unknown(url: str, swarm: Channel, node: Node) -> None:
    """A client has no second try: with a session that its worker doesn't know it would stay disconnected."""
    options = {"transports": ["polling"], "reconnection": False}
    await swarm.do("start", 60, url=url, count=CLIENTS, options=options)
    await swarm.do("speak", interval=50)
    speaker = await node.connect(url, transport=Transport.POLLING)
    await speaker.stream("say", EVENTS, batch=1)
    await swarm.do("settle", 60, last=EVENTS - 1)
    reports = await swarm.do("reports")

    assert [report["connects"] for report in reports] == [1] * CLIENTS
    assert all(report["received"] == list(range(EVENTS)) for report in reports)
    assert all(report["acknowledged"] == report["sent"] > 0 for report in reports)
    workers = Counter(report["session"][:4] for report in reports)  # a session's id begins with its worker
    assert len(workers) == WORKERS
