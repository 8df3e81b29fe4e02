from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtserver.transport.handover import relay as relay_module
from rtserver.transport.handover.relay import Relay

from ....support.engine import until
from .support import descriptors

MUCH = 20_000_000


class Ends:
    """A relay, its client and the process behind it, as streams."""

    def __init__(self) -> None:
        self.ended: list[Relay] = []
        self.relay: Relay
        self.client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
        self.process: tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def relayed(data: bytes = b"", *, gone: bool = False) -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    client, server = socket.socketpair()
    ours, theirs = socket.socketpair()
    ends = Ends()
    ends.client = await asyncio.open_unix_connection(sock=client)
    ends.process = await asyncio.open_unix_connection(sock=theirs)
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, server)
    if gone:
        transport.abort()
    ends.relay = Relay(loop, transport, False, ends.ended.append)
    ends.relay.begin(ours, data)
    try:
        yield ends
    finally:
        for _, writer in (ends.client, ends.process):
            writer.close()
        await until(lambda: ends.ended)


async def test_both_ways() -> None:
    before = descriptors()
    async with relayed(b"first ") as ends:
        (from_client, to_client), (from_process, to_process) = ends.client, ends.process
        to_client.write(b"then")
        assert await from_process.readexactly(10) == b"first then"
        to_process.write(b"answer")
        assert await from_client.readexactly(6) == b"answer"
    await until(lambda: descriptors() == before)


@pytest.mark.parametrize("way", ["in", "out"])
async def test_who_does_not_read_slows_the_other_down(way: str) -> None:
    async with relayed() as ends:
        ends_of_way = (ends.client, ends.process) if way == "in" else (ends.process, ends.client)
        (_, writer), (reader, _) = ends_of_way
        writer.write(bytes(MUCH))
        await until(lambda: writer.transport.get_write_buffer_size() < MUCH)
        transport = writer.transport
        before = -1
        while before != transport.get_write_buffer_size():  # until nothing moves any more
            before = transport.get_write_buffer_size()
            for _ in range(100):
                await asyncio.sleep(0)
        assert before > MUCH // 2
        assert await reader.readexactly(MUCH) == bytes(MUCH)


@pytest.mark.parametrize("which", ["client", "process"])
async def test_the_end_of_one_is_the_end_of_the_other(which: str) -> None:
    """What was sent before arrives."""
    async with relayed() as ends:
        (first, second) = (ends.client, ends.process) if which == "client" else (ends.process, ends.client)
        first[1].write(b"x" * 100_000)
        first[1].close()
        assert len(await second[0].read()) == 100_000
        await until(lambda: ends.ended)


async def test_a_client_that_has_gone_meanwhile() -> None:
    async with relayed(b"x", gone=True) as ends:
        assert await ends.process[0].read() == b""


async def test_a_client_that_does_not_read_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "PATIENCE", 0.01)
    async with relayed() as ends:
        ends.client[1].transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: ends.relay._process.transport)
        transport = ends.relay._client.transport
        assert transport is not None
        while not transport.get_write_buffer_size():  # until a little of it waits
            ends.process[1].write(bytes(10_000))
            for _ in range(5):
                await asyncio.sleep(0)
        assert not ends.relay._client.write_paused
        ends.process[1].close()
        await until(lambda: ends.ended)


async def test_a_client_that_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the process has gone isn't noticed while it isn't read from."""
    monkeypatch.setattr(relay_module, "STALL", 0.2)
    async with relayed() as ends:
        ends.client[1].transport.pause_reading()  # type: ignore[attr-defined]
        ends.process[1].write(bytes(MUCH))
        await until(lambda: ends.relay._client.write_paused)
        ends.process[1].transport.abort()
        await until(lambda: ends.ended)


async def test_a_client_that_reads_on_is_not_cut_off() -> None:
    async with relayed() as ends:
        ends.client[1].transport.pause_reading()  # type: ignore[attr-defined]
        ends.process[1].write(bytes(MUCH))
        await until(lambda: ends.relay._client.write_paused)
        assert ends.relay._stall is not None
        ends.client[1].transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await ends.client[0].readexactly(MUCH)) == MUCH
        assert ends.relay._stall is None


@pytest.mark.parametrize("at_once", [True, False])
async def test_it_is_closed(at_once: bool) -> None:
    async with relayed() as ends:
        if not at_once:
            await until(lambda: ends.relay._open == 2)
        ends.relay.close()
        assert await ends.client[0].read() == b""
        assert await ends.process[0].read() == b""
