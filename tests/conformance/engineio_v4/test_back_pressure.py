"""Clients that do not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.engineio.session import Session
from rtserver.ids import veiled
from rtserver.transport.polling import HIGH_WATER, MAX_RESPONSE
from tests.conformance.engineio_v4.helpers import (
    Serve,
    live,
    probe,
    until_polling_is_held,
)
from tests.support.engine import Recorder, Served


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
        assert f"connection {veiled(session.sid)} " in record.message
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


class Refilling(Recorder):
    """Sends on, whenever it may, until it has sent what it was given."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.sizes = sizes
        self.count = 0

    def refill(self, session: Any) -> None:
        while self.sizes and not session.congested:
            session.send(f"{self.count}:".ljust(self.sizes.pop(0), "x"))
            self.count += 1

    def drain(self, session: Any, /) -> None:
        super().drain(session)
        self.refill(session)


def numbers(body: bytes) -> list[int]:
    return [int(packet[1:].partition(b":")[0]) for packet in body.split(b"\x1e")]


async def test_a_polling_client_is_congested_until_it_polls(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        session = served.handler.session
        session.send("x" * HIGH_WATER)
        assert session.congested
        assert served.handler.drained.empty()
        await client.poll(sid)
        assert served.handler.drained.get_nowait() is session
        assert not session.congested
        session.send("x" * 10)
        await client.poll(sid)
        assert served.handler.drained.empty()


async def test_a_poll_that_is_held_is_no_congestion(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        session = served.handler.session
        session.send("x" * HIGH_WATER)
        assert not session.congested
        assert len((await poll).body) == HIGH_WATER + 1
        assert served.handler.drained.empty()


async def test_drain_is_told_when_little_is_left(server: Serve) -> None:
    """The first response has all but what its largest size left over: that is below the mark."""
    async with server() as served:
        client, sid = await served.open_polling()
        session = served.handler.session
        session.send("x" * MAX_RESPONSE)
        session.send("y")
        await client.poll(sid)
        assert served.handler.drained.get_nowait() is session
        assert (await client.poll(sid)).body == b"4y"
        assert served.handler.drained.empty()


async def test_what_is_sent_in_drain_comes_behind(server: Serve) -> None:
    handler = Refilling([HIGH_WATER * 2] * 5 + [10] * 5)
    async with server(handler) as served:
        client, sid = await served.open_polling()
        handler.refill(served.handler.session)
        received: list[int] = []
        while len(received) < 10:
            received += numbers((await client.poll(sid)).body)
        assert received == list(range(10))


async def test_an_upgrade_ends_the_congestion(server: Serve) -> None:
    handler = Refilling([HIGH_WATER * 2, 10, 10])
    async with server(handler) as served:
        _, sid = await served.open_polling()
        websocket = await probe(served, sid)
        session = handler.session
        handler.refill(session)
        assert session.congested
        websocket.send("5")
        assert [int((await websocket.packet())[1:].partition(":")[0]) for _ in range(3)] == [0, 1, 2]
        assert handler.drained.get_nowait() is session


async def test_what_is_sent_while_connecting_is_no_congestion_afterwards(server: Serve) -> None:
    handler = Refilling([HIGH_WATER * 2, 10])
    handler.on_connect = handler.refill
    async with server(handler) as served:
        client, sid = await served.open_polling()
        assert handler.drained.get_nowait() is handler.session
        assert numbers((await client.poll(sid)).body) == [1]


async def test_writable_over_polling(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        session = served.handler.session
        assert not session.writable
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        session.send("one")
        assert not session.writable
        assert (await poll).body == b"4one"
        assert not session.writable


async def test_writable_over_websocket(server: Serve) -> None:
    handler = Recorder()
    seen = []

    def look(session: Any, data: str | bytes) -> None:
        seen.append(session.writable)
        session.send(data)
        seen.append(session.writable)

    handler.on_message = look
    async with server(handler) as served:
        client = await served.open_websocket()
        client.send("4one")
        assert await client.packet() == "4one"
        assert seen == [True, False]
        client.stop_reading()
        session = handler.session
        await flood(served, 1_000_000)
        assert not session.writable
        client.go_on_reading()
        while handler.drained.empty():
            await client.packet()
        assert session.writable


async def test_writable_during_an_upgrade(server: Serve) -> None:
    async with server() as served:
        client, sid = await served.open_polling()
        session: Session = live(served)
        poll = asyncio.ensure_future(client.poll(sid))
        await until_polling_is_held(served)
        websocket = await served.open_websocket(f"&sid={sid}")
        assert session.writable
        websocket.send("2probe")
        await websocket.packet()
        await poll
        assert not session.writable
        session.send("late")
        websocket.send("5")
        assert await websocket.packet() == "4late"
        assert session.writable
