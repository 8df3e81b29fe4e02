"""The examples of the page about workers."""

from __future__ import annotations

import asyncio
import signal

import socketio

from tests.support.examples import example

from .harness.command import TIMEOUT, Commands

PAGE = "docs/workers.md"


async def test_the_application(commands: Commands) -> None:
    commands.write(chat=example(PAGE, "application"))
    command = await commands.serve(example(PAGE, "config"))
    await command.line(r"workers: 4$")
    url = await command.url()
    clients = [socketio.AsyncClient(reconnection=False) for _ in range(4)]
    visits: asyncio.Queue[int] = asyncio.Queue()
    clients[0].on("visited", visits.put)
    for client in clients:
        await client.connect(url, transports=["websocket"])
    assert len({await client.call("visit", timeout=TIMEOUT) for client in clients}) == 4
    async with asyncio.timeout(TIMEOUT):
        assert [await visits.get() for _ in clients] == [1, 1, 1, 1]
    for client in clients:
        await client.disconnect()
    assert (await command.end(signal.SIGTERM))[0] == 0
