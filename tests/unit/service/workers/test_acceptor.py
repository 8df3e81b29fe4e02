from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rtserver.service.listen_settings import ListenSettings
from rtserver.service.listening import open_listeners
from rtserver.service.workers.acceptor import Acceptor
from rtserver.transport.handover import sender
from rtserver.transport.handover.door import Door
from rtserver.transport.handover.passage import Passage


class Entry:
    """An acceptor, clients of it, and the doors of workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clients: list[socket.socket] = []
        self._doors: dict[str, Door] = {}
        self.came: asyncio.Queue[tuple[str, socket.socket, Passage]] = asyncio.Queue()
        (listener,) = open_listeners(ListenSettings(port=0)).sockets
        self._address = listener.getsockname()
        self.acceptor: Acceptor[str] = Acceptor([listener], secure=True)

    def worker(self, name: str) -> Path:
        """Open the door of a worker."""
        path = self._folder / name

        def receive(connection: socket.socket, passage: Passage) -> None:
            self.came.put_nowait((name, connection, passage))

        self._doors[name] = Door(path, receive)
        self._doors[name].open()
        return path

    def leave(self, name: str) -> None:
        """Close a door."""
        self._doors.pop(name).close()

    def connect(self, count: int = 1) -> None:
        """Connect clients."""
        for _ in range(count):
            self._clients.append(socket.create_connection(self._address, timeout=10))

    async def next(self, count: int = 1) -> list[str]:
        """Return which workers got the next connections."""
        names = []
        for _ in range(count):
            async with asyncio.timeout(10):
                name, connection, passage = await self.came.get()
            assert passage == Passage(tls=True)
            assert connection.getpeername() in {client.getsockname() for client in self._clients}
            connection.close()
            names.append(name)
        return names

    def close(self) -> None:
        self.acceptor.close()
        for name in list(self._doors):
            self.leave(name)
        for client in self._clients:
            client.close()


@pytest.fixture
async def entry(tmp_path: Path) -> AsyncIterator[Entry]:
    made = Entry(tmp_path)
    yield made
    made.close()


async def test_all_workers_get_as_many(entry: Entry) -> None:
    for name in ("a", "b"):
        entry.acceptor.add(name, entry.worker(name))
    entry.connect(6)
    assert sorted(await entry.next(6)) == ["a", "a", "a", "b", "b", "b"]


async def test_one_that_says_that_it_has_more_gets_none(entry: Entry) -> None:
    for name in ("a", "b"):
        entry.acceptor.add(name, entry.worker(name))
    entry.acceptor.report("a", 10, 0)
    entry.connect(3)
    assert await entry.next(3) == ["b", "b", "b"]


async def test_connections_wait_while_there_is_no_worker(entry: Entry) -> None:
    entry.connect(2)
    await asyncio.sleep(0.02)
    entry.acceptor.add("a", entry.worker("a"))
    assert await entry.next(2) == ["a", "a"]
    entry.acceptor.remove("a")
    entry.connect()
    await asyncio.sleep(0.02)
    assert entry.came.empty()
    entry.acceptor.add("b", entry.worker("b"))
    assert await entry.next() == ["b"]


async def test_one_that_has_gone_gets_none(entry: Entry) -> None:
    for name in ("a", "b"):
        entry.acceptor.add(name, entry.worker(name))
    entry.leave("a")
    entry.connect(3)
    assert await entry.next(3) == ["b", "b", "b"]


async def test_a_connection_is_kept_when_all_have_gone(entry: Entry) -> None:
    entry.acceptor.add("a", entry.worker("a"))
    entry.leave("a")
    entry.connect(2)
    await asyncio.sleep(0.02)
    entry.acceptor.remove("a")
    entry.acceptor.add("b", entry.worker("b"))
    assert await entry.next(2) == ["b", "b"]


async def test_when_no_worker_has_room_connections_come_later(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BUFFER", 1)  # the least that the system gives
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(tmp_path / "slow"))
        listener.listen(1)
        listener.setblocking(False)
        entry.acceptor.add("slow", tmp_path / "slow")
        entry.connect(60)
        door, _ = await asyncio.get_running_loop().sock_accept(listener)
        with door:
            await asyncio.sleep(0.02)  # it is full
            counts: list[int] = []
            async with asyncio.timeout(20):
                while sum(counts) < 60:
                    counts.append(take(door))
                    await asyncio.sleep(0.005)
            assert max(counts) < 60


def take(door: socket.socket) -> int:
    """Take what has come through a door until now, as a worker does that is behind."""
    count = 0
    door.setblocking(False)
    while True:
        try:
            _, descriptors, _, _ = socket.recv_fds(door, 1000, 4)
        except BlockingIOError:
            return count
        for descriptor in descriptors:
            socket.close(descriptor)
            count += 1


async def test_a_listener_that_fails_is_tried_again(
    entry: Entry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("rtserver.service.workers.acceptor.LONG_PAUSE", 0.01)
    monkeypatch.setattr(socket.socket, "accept", fail)
    entry.acceptor.add("a", entry.worker("a"))
    entry.connect()
    async with asyncio.timeout(10):
        while "can't accept connections" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0)
    monkeypatch.undo()
    assert await entry.next() == ["a"]
