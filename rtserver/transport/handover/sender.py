"""The way to another process's door: a connection goes through, or it is known at once that it can't."""

from __future__ import annotations

import array
import errno
import socket
from enum import Enum
from pathlib import Path

from rtserver.transport.handover.passage import MAX_MESSAGE, Passage, encode

__all__ = ["Outcome", "Sender"]

BUFFER = 4 * MAX_MESSAGE
"""Bytes that are asked for, for messages that aren't taken yet; the system may give less."""
_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS, errno.EMFILE, errno.ENFILE})
"""What passes. ETOOMANYREFS: too many sockets are on their way."""


class Outcome(Enum):
    """What has become of a connection."""

    SENT = "sent"
    """The other process has it, or gets it: the caller closes its own descriptor, without a shutdown."""
    FULL = "full"
    """Too much is on its way to the other process; try later, or another process."""
    GONE = "gone"
    """The other process has ended, or takes no connections any more."""


class Sender:
    """Gives connections to one process. It knows no event loop, and never waits.

    Args:
        path: The process's door.
    """

    __slots__ = ("_path", "_socket")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def connect(self) -> Outcome:
        """Find out whether the process is there.

        Returns:
            SENT when a connection can be tried.
        """
        if self._socket is not None:
            return Outcome.SENT
        made = None
        try:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            made.connect(str(self._path))
        except OSError as error:
            if made is not None:
                made.close()
            return _outcome(error)
        self._socket = made
        return Outcome.SENT

    def send(self, descriptor: int, passage: Passage) -> Outcome:
        """Send a connection. Its descriptor stays the caller's, to close.

        Args:
            descriptor: The socket's.
            passage: What goes with it.

        Raises:
            ValueError: The passage can't be sent to any door; see `encode`.
        """
        message = encode(passage)
        outcome = self.connect()
        if self._socket is None:
            return outcome
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
        try:
            self._socket.sendmsg([message], [rights])
        except OSError as error:
            outcome = _outcome(error)
            if outcome is Outcome.GONE:
                self.close()
        return outcome

    def fileno(self) -> int:
        """Return the descriptor to wait for when the door is full: it becomes writable. -1 without one."""
        return -1 if self._socket is None else self._socket.fileno()

    def close(self) -> None:
        """Let go of the door. What was sent arrives all the same."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _outcome(error: OSError) -> Outcome:
    return Outcome.FULL if error.errno in _FULL else Outcome.GONE
