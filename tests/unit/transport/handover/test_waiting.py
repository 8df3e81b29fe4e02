"""A process that is behind: what happens to the connections for it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from rtserver.transport.handover import waiting
from rtserver.transport.handover.passage import MAX_DATA, MAX_MESSAGE, Passage, decode
from rtserver.transport.handover.sender import Outcome, Sender
from rtserver.transport.handover.waiting import MAX_BYTES, WaitingSender

from ....support.engine import until
from .support import descriptors, pair, room

SIZE = MAX_DATA // 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.door"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with pair() as (_, server):
        yield server


@asynccontextmanager
async def full(path: Path, server: socket.socket) -> AsyncIterator[tuple[WaitingSender, socket.socket]]:
    """Fill a door that nobody looks after, until a first connection waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        sender = Sender(path)
        waiting = WaitingSender(asyncio.get_running_loop(), sender)
        assert sender.connect() is Outcome.SENT
        accepted, _ = listener.accept()
        with accepted:
            while sender.send(server.fileno(), Passage(bytes(SIZE))) is Outcome.SENT:
                pass
            assert waiting.send(server.fileno(), Passage(b"%d" % 0 + bytes(SIZE))) is Outcome.SENT
            yield waiting, accepted
        waiting.close()


def take(accepted: socket.socket) -> list[bytes]:
    """Take what is in the door: return the bytes, and close the connections."""
    taken: list[bytes] = []
    accepted.setblocking(False)
    with suppress(BlockingIOError):
        while received := socket.recv_fds(accepted, MAX_MESSAGE, 1):
            message, sockets, _, _ = received
            if not message:
                break
            for descriptor in sockets:
                os.close(descriptor)
            taken.append(decode(message).data)
    return taken


async def test_they_arrive_later_and_in_order(path: Path, server: socket.socket) -> None:
    before = descriptors()
    async with full(path, server) as (sender, accepted):
        for number in range(1, 10):  # behind the first one, small ones as well
            assert sender.send(server.fileno(), Passage(b"%d" % number)) is Outcome.SENT
        got: list[bytes] = []
        async with asyncio.timeout(10):
            while b"9" not in got:
                got += take(accepted)
                await asyncio.sleep(0)
        assert [each[:1] for each in got[-10:]] == [b"%d" % number for number in range(10)]
        assert sender._writer == -1
        assert sender.send(server.fileno(), Passage(b"x")) is Outcome.SENT
        assert len(take(accepted)) == 1
    assert descriptors() == before


async def test_there_is_an_end_to_their_number(
    path: Path, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 5)
    before = descriptors()
    async with full(path, server) as (sender, _):
        outcomes = [sender.send(server.fileno(), Passage()) for _ in range(6)]
        assert outcomes == [Outcome.SENT] * 4 + [Outcome.FULL] * 2
    assert descriptors() == before


async def test_there_is_an_end_to_their_bytes(path: Path, server: socket.socket) -> None:
    async with full(path, server) as (sender, _):
        count = 1
        while sender.send(server.fileno(), Passage(bytes(SIZE))) is Outcome.SENT:
            count += 1
        assert count == MAX_BYTES // SIZE - 1  # the first has a byte more


async def test_the_process_goes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = descriptors()
    with pair() as (client, server):
        async with full(path, server) as (sender, accepted):
            server.close()
            accepted.close()
            await until(lambda: not sender._waiting)
            assert "a process has gone: 1 connections" in caplog.text
            assert await asyncio.to_thread(client.recv, 1) == b""
    assert descriptors() == before


async def test_the_process_stands_still(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.01)
    before = descriptors()
    with pair() as (client, server):
        async with full(path, server) as (sender, accepted):
            server.close()
            await until(lambda: not sender._waiting)
            assert "took no connection for 0.01 seconds: 1 " in caplog.text
            take(accepted)
            assert await asyncio.to_thread(client.recv, 1) == b""
    assert descriptors() == before


async def test_nobody_is_there(path: Path, server: socket.socket) -> None:
    sender = WaitingSender(asyncio.get_running_loop(), Sender(path))
    assert sender.send(server.fileno(), Passage()) is Outcome.GONE
    with room(path) as opened:
        assert sender.send(server.fileno(), Passage()) is Outcome.SENT
        (await opened.next())[0].close()
    assert sender.send(server.fileno(), Passage()) is Outcome.GONE
    sender.close()
