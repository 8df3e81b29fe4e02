"""Take the sockets that systemd listens on for the service: socket activation, sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from rtserver.errors import StartError

__all__ = ["activated_sockets"]

FIRST: Final = 3
"""The first descriptor that is passed: SD_LISTEN_FDS_START."""
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def activated_sockets(
    environment: MutableMapping[str, str] = os.environ, first: int = FIRST
) -> list[socket.socket]:
    """Return the listening sockets that this process was started with; usually none.

    Args:
        environment: Says how many there are. Its variables are removed, as they are for this process alone.
        first: The first descriptor.

    Raises:
        StartError: One of them isn't a socket that clients can connect to.
    """
    pid, count, _ = (environment.pop(name, None) for name in _VARIABLES)
    if pid != str(os.getpid()) or count is None:
        return []
    if not count.isdecimal():
        raise StartError(
            f"LISTEN_FDS: received {count!r}, expected the number of sockets that systemd passes"
        )
    taken: list[socket.socket] = []
    try:
        for descriptor in range(first, first + int(count)):
            taken.append(_take(descriptor))
            _check(taken[-1])
    except StartError:
        for each in taken:
            each.close()
        raise
    return taken


def _take(descriptor: int) -> socket.socket:
    """Make a socket of a descriptor, which processes that this one starts don't get."""
    try:
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _unusable(descriptor, f"no socket ({error.strerror})") from None
    taken.set_inheritable(False)
    taken.setblocking(False)
    return taken


def _check(taken: socket.socket) -> None:
    if taken.type is not socket.SOCK_STREAM:
        raise _unusable(taken.fileno(), f"a socket of type {taken.type.name}")
    if not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise _unusable(taken.fileno(), "the socket of one connection")


def _unusable(descriptor: int, received: str) -> StartError:
    return StartError(
        f"socket activation: descriptor {descriptor} is {received}, expected a listening socket;"
        " the socket unit needs ListenStream= and Accept=no"
    )
