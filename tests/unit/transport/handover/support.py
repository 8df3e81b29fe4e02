"""A door, and what came in through it; connections to hand over; descriptors to count."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtserver.transport.handover.door import Door
from rtserver.transport.handover.passage import Passage


class Room:
    """What is behind a door."""

    def __init__(self, path: Path) -> None:
        self.door = Door(path, self.receive)
        self.came: list[tuple[socket.socket, Passage]] = []
        self._changed = asyncio.Event()

    def receive(self, connection: socket.socket, passage: Passage) -> None:
        self.came.append((connection, passage))
        self._changed.set()

    async def next(self) -> tuple[socket.socket, Passage]:
        async with asyncio.timeout(10):
            while not self.came:
                self._changed.clear()
                await self._changed.wait()
        return self.came.pop(0)

    def clear(self) -> None:
        for connection, _ in self.came:
            connection.close()
        self.came.clear()


@contextmanager
def room(path: Path) -> Iterator[Room]:
    """Open a door."""
    made = Room(path)
    made.door.open()
    try:
        yield made
    finally:
        made.door.close()
        made.clear()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Make two sockets that are connected."""
    first, second = socket.socketpair()
    with first, second:
        first.settimeout(10)
        second.settimeout(10)
        yield first, second


def descriptors() -> dict[str, str]:
    """Return what this process has open, by number, without the descriptor that libuv keeps in reserve."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one with which they are listed
            name = os.readlink(f"/proc/self/fd/{number}")
            if name != os.devnull:
                found[number] = name
    return found
