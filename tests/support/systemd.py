"""What systemd does for a service, done by a test."""

from __future__ import annotations

import asyncio
import socket
import sys

__all__ = ["Systemd", "activated"]

_ACTIVATE = """\
import os, sys
passed, *command = sys.argv[1:]
numbers = [int(number) for number in passed.split(",")]
for target, number in enumerate(numbers, 3):
    os.dup2(number, target)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(numbers))}
os.execv(command[0], command)
"""


class Systemd:
    """The socket at which a service manager is told things.

    Args:
        address: Its path, or "@" and a name of the abstract namespace.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(20)

    def heard(self, patience: float = 20) -> list[str]:
        """Return the lines of the next message; in which seconds it must come."""
        self._socket.settimeout(patience)
        return self._socket.recv(4096).decode().split("\n")

    async def next(self) -> list[str]:
        """Return the lines of the next message, while the event loop runs."""
        return await asyncio.to_thread(self.heard)

    async def told(self, line: str) -> list[str]:
        """Wait for the message that begins with a line; signs of life may come before it."""
        while (message := await self.next())[0] != line:
            assert message == ["WATCHDOG=1"], message
        return message

    def close(self) -> None:
        self._socket.close()


def activated(*sockets: socket.socket) -> tuple[str, ...]:
    """Return the beginning of a command line that runs its rest as systemd would with these sockets.

    They must be passed on under their numbers.
    """
    return (sys.executable, "-c", _ACTIVATE, ",".join(str(each.fileno()) for each in sockets))
