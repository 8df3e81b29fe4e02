"""Clients that do not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.engineio_v4.helpers import (
    Serve,
    live,
)
from tests.support.engine import Served


async def flood(served: Served, size: int) -> None:
    session = served.handler.session
    while session.is_open and session.buffered < size:
        session.send("x" * 10_000)
        await asyncio.sleep(0)


async def test_a_client_that_does_not_read(server: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with server(max_buffer_size=2_000_000) as served:
        client = await served.open_websocket()
        client.stop_reading()
        session = served.handler.session
        await flood(served, 10**9)
        assert not session.is_open
        assert session.buffered == 0
        assert served.handler.reasons.get_nowait() == "slow client"
        assert served.engine.counters.slow_clients == 1
        [record] = [r for r in caplog.records if "doesn't read" in r.message]
        assert session.sid in record.message
        assert "the limit is 2000000" in record.message


async def test_in_one_turn(server: Serve) -> None:
    """A handler that sends without ever yielding can't fill the memory either."""
    async with server(max_buffer_size=2_000_000) as served:
        client = await served.open_websocket()
        client.stop_reading()
        session = served.handler.session
        sent = 0
        while session.is_open:
            session.send("x" * 100)
            sent += 100
        assert sent < 20_000_000


async def test_what_waits_arrives_and_drain_is_told(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        transport: Any = client.writer.transport
        transport.pause_reading()
        session = served.handler.session
        await flood(served, 3_000_000)
        assert session.is_open
        session.send("last")
        size = session.buffered
        assert size >= 3_000_000
        transport.resume_reading()
        while await client.packet() != "4last":
            pass
        assert await served.handler.drained.get() is session
        assert session.buffered == 0


async def test_close_waits_for_what_is_queued(server: Serve) -> None:
    async with server() as served:
        client = await served.open_websocket()
        transport: Any = client.writer.transport
        transport.pause_reading()
        await flood(served, 3_000_000)
        served.handler.session.send("last")
        served.handler.session.close()
        transport.resume_reading()
        while await client.packet() != "4last":
            pass
        assert await client.close_code() == 1000


async def test_closing_a_client_that_never_reads_ends(server: Serve) -> None:
    async with server(close_timeout=0.1) as served:
        client = await served.open_websocket()
        client.stop_reading()
        await flood(served, 3_000_000)
        websocket = live(served).carrier
        served.handler.session.close()
        await websocket.gone()
