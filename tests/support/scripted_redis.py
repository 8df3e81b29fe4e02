"""A Redis whose every answer a test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import hiredis

__all__ = ["OK", "Answer", "Scripted", "pushed", "scripted"]

OK: Final = b"+OK\r\n"
Answer = Callable[[list[bytes]], bytes]
"""Returns what is answered to a command, as bytes of Redis' protocol."""


class Scripted:
    """The server.

    Attributes:
        answer: Says what is answered to what redis-py doesn't ask when it connects.
        commands: What was asked, without that.
        pings: How often it was asked whether it is there.
        writers: The connections that were made.
        is_silent: Whether nothing at all is answered on the connections that there are.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.commands: list[list[bytes]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.is_silent = False
        self.pings = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        self.writers.append(writer)
        self.is_silent = False
        while data := await reader.read(1 << 16):
            parser.feed(data)
            while command := parser.gets():
                if not self.is_silent:
                    writer.write(self._answer(command))
        writer.close()

    def _answer(self, command: list[bytes]) -> bytes:
        if command == [b"PING"]:
            self.pings += 1
            return b"+PONG\r\n"
        if command[0] in (b"CLIENT", b"AUTH", b"SELECT"):
            return OK
        self.commands.append(command)
        return self.answer(command)


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[Scripted]:
    """Run it on a free port, until the end of the block."""
    server = Scripted(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for writer in server.writers:
            writer.transport.abort()


def pushed(*items: bytes | int) -> bytes:
    """Return what Redis pushes: a confirmation, a message."""
    written = [
        b":%d\r\n" % item if isinstance(item, int) else b"$%d\r\n%s\r\n" % (len(item), item) for item in items
    ]
    return b"*%d\r\n%s" % (len(items), b"".join(written))
