"""A process's door: a Unix socket on which other processes of the machine hand it connections of clients.

Each message has one descriptor with it (unix(7), SCM_RIGHTS). The socket is of the kind SOCK_SEQPACKET: a
message comes whole or not at all, and its sender sees when the process has gone.
"""

from __future__ import annotations

import array
import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from rtserver.errors import PassageViolation
from rtserver.transport.handover.passage import MAX_MESSAGE, Passage, decode

__all__ = ["Door"]

logger = logging.getLogger("rtserver.transport")

BACKLOG = 1024
"""Processes that may wait to be let in."""
PAUSE = 1.0
"""Seconds until they are let in when no descriptor was free."""
PER_TURN = 32
"""Connections that are taken from one sender before others have their turn."""
INTEGER = array.array("i").itemsize
ROOM = socket.CMSG_SPACE(4 * INTEGER)
"""Bytes for descriptors: more than the one that is expected, so that others can be closed."""


class Door:
    """Takes connections that other processes hand over.

    Args:
        path: Where; see `rtserver.cluster.workers.place.Place`.
        receive: Called with each connection's socket, which is its own from then on, and what came with it.
    """

    def __init__(self, path: Path, receive: Callable[[socket.socket, Passage], None]) -> None:
        self._path = path
        self._receive = receive
        self._listener: socket.socket | None = None
        self._senders: set[socket.socket] = set()
        self._buffer = bytearray(MAX_MESSAGE)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.taken = 0
        """Connections that came in."""
        self.refused = 0
        """Messages that weren't understood, or came without their connection."""

    def open(self) -> None:
        """Let other processes in, in the running event loop.

        Raises:
            OSError: The path can't be used.
        """
        self._loop = asyncio.get_running_loop()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.setblocking(False)
            listener.bind(str(self._path))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        self._listen()

    def close(self) -> None:
        """Take what was sent until now, and nothing more: later senders are told that nobody is there."""
        listener, self._listener = self._listener, None
        if listener is None or self._loop is None:
            return
        self._loop.remove_reader(listener.fileno())
        self._path.unlink(missing_ok=True)
        # unix(7): after a shutdown nobody gets in, while what has come in can still be taken
        listener.shutdown(socket.SHUT_RD)
        self._accept(listener)
        listener.close()
        for sender in list(self._senders):
            sender.shutdown(socket.SHUT_RD)
            while self._take(sender):  # up to its end, at which it is forgotten
                pass

    def _listen(self) -> None:
        if self._listener is not None and self._loop is not None:
            self._loop.add_reader(self._listener.fileno(), self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        assert self._loop is not None
        while True:
            try:
                sender, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # no descriptor is free, or the listener is shut down
                self._loop.remove_reader(listener.fileno())
                if listener is self._listener:
                    logger.warning("can't let in a process that hands over connections: %s", error)
                    self._loop.call_later(PAUSE, self._listen)
                return
            sender.setblocking(False)
            self._senders.add(sender)
            self._loop.add_reader(sender.fileno(), self._read, sender)

    def _read(self, sender: socket.socket) -> None:
        for _ in range(PER_TURN):
            if not self._take(sender):
                return

    def _take(self, sender: socket.socket) -> bool:
        """Take one message; return False when there is none."""
        if sender not in self._senders:
            return False
        try:
            size, ancillary, flags, _ = sender.recvmsg_into(
                [self._buffer], ROOM, socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return False
        except OSError as error:
            logger.warning("a process that hands over connections has gone: %s", error)
            self._forget(sender)
            return False
        descriptors = _descriptors(ancillary)
        if not size:
            _close(descriptors)
            self._forget(sender)  # its end; an empty message is none of ours either
            return False
        try:
            passage = _understand(memoryview(self._buffer)[:size], flags, descriptors)
            connection = _socket(descriptors[0])
        except PassageViolation as violation:
            _close(descriptors)
            self.refused += 1
            logger.error("a connection that was handed over is closed: %s", violation)
            return True
        self.taken += 1
        self._receive(connection, passage)
        return True

    def _forget(self, sender: socket.socket) -> None:
        assert self._loop is not None
        self._senders.discard(sender)
        self._loop.remove_reader(sender.fileno())
        sender.close()


def _understand(message: memoryview, flags: int, descriptors: list[int]) -> Passage:
    """Read a message.

    Raises:
        PassageViolation: It can't be used.
    """
    if flags & socket.MSG_TRUNC:
        raise PassageViolation(f"received a message of more than {MAX_MESSAGE} bytes")
    if len(descriptors) != 1:
        cause = ": no descriptor is free, raise the limit of open files" if flags & socket.MSG_CTRUNC else ""
        raise PassageViolation(f"received {len(descriptors)} descriptors, expected one{cause}")
    return decode(message)


def _socket(descriptor: int) -> socket.socket:
    """Make a descriptor a socket.

    Raises:
        PassageViolation: It is none of a connection.
    """
    try:
        connection = socket.socket(fileno=descriptor)
    except OSError as error:
        raise PassageViolation(f"received a descriptor that is no socket: {error}") from None
    if connection.type is not socket.SOCK_STREAM:
        connection.detach()
        raise PassageViolation(f"received a socket of type {connection.type!r}, expected SOCK_STREAM")
    return connection


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % INTEGER])
    return found.tolist()


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
