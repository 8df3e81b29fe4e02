from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rtserver.engineio.counters import Counters
from rtserver.service import descriptors
from rtserver.service.descriptors import Descriptors


class Table:
    """A table of file descriptors that a test fills, and what looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.used = 0
        self.looks = 0
        self.counters = Counters()
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (most, most))  # type: ignore[attr-defined]
        monkeypatch.setattr(descriptors, "_used", self._look)
        self.descriptors = Descriptors(asyncio.Protocol, self.counters)

    def _look(self, most: int) -> int:
        self.looks += 1
        return min(self.used, most)

    def lets_in(self) -> bool:
        return type(self.descriptors.protocol()) is asyncio.Protocol


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize(("most", "reserve"), [(64, 16), (1024, 51), (1_000_000, 1000)])
async def test_a_few_descriptors_stay_free(monkeypatch: pytest.MonkeyPatch, most: int, reserve: int) -> None:
    table = Table(monkeypatch, most)
    table.used = most - reserve - 1
    assert table.lets_in()
    table.used = most - reserve
    assert not table.lets_in()
    table.used = most
    assert not table.lets_in()
    assert table.counters.connections_turned_away == 2
    table.used = 0
    assert table.lets_in()


async def test_with_much_room_the_table_is_hardly_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(monkeypatch, 10_000)
    for number in range(9_500):
        table.used = number
        assert table.lets_in()
    assert table.looks < 30
    table.used = 9_500
    assert not table.lets_in()


async def test_the_log_has_one_line_for_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = Table(monkeypatch, 64)
    table.used = 60
    for _ in range(100):
        assert not table.lets_in()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == (
        "connections are refused, because only 4 of 64 file descriptors are free: raise the limit of"
        " open files (LimitNOFILE= of systemd, ulimit -n), or set limits.connections"
    )


async def test_who_is_turned_away_is_answered(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    table = Table(monkeypatch, 64)
    table.used = 50
    loop = asyncio.get_running_loop()
    server = await loop.create_server(table.descriptors.protocol, sock=listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(b"GET /socket.io/ HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 10\r\n" in head
    assert f"\r\nContent-Length: {len(body)}".encode() in head
    assert b"Unavailable: the server has no room for a connection; try again in 10 s" in body
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    server.close()


@pytest.mark.parametrize(("patience", "used"), [(0.01, 50), (3600, 56)])
async def test_who_sends_nothing_is_put_out(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket, patience: float, used: int
) -> None:
    monkeypatch.setattr(descriptors, "PATIENCE", patience)
    table = Table(monkeypatch, 64)
    table.used = used
    loop = asyncio.get_running_loop()
    server = await loop.create_server(table.descriptors.protocol, sock=listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    answer = b""
    with suppress(ConnectionResetError):  # uvloop lets a client know that its connection was cut
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert answer == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    server.close()


def test_the_lowest_free_number_tells_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = os.dup(2)
    assert descriptors._used(10**6) > taken
    os.close(taken)
    assert descriptors._used(10**6) <= taken

    def full(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    assert descriptors._used(64) == 64
