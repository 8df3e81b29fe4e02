"""Keeps a few file descriptors free: without one a service can't read a key, reach Redis, or say no.

A connection is accepted by the event loop, which fails badly at the end: with asyncio it fills the log, with
uvloop it closes connections without a word. So those that come before the end are told to try again.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import resource
from collections.abc import Callable
from typing import Final, cast

from rtserver.engineio.counters import Counters

__all__ = ["Descriptors"]

logger = logging.getLogger("rtserver.service")

MAX_RESERVE: Final = 1000
"""Descriptors that are kept free where there are very many."""
MIN_RESERVE: Final = 16
"""Those that are kept free where there are few."""
PATIENCE: Final = 1.0
"""Seconds that a client has for its request, before it is turned away without an answer. It has none while
those that have some take up half of what is to be free."""
LOG_INTERVAL: Final = 10.0
"""Seconds between two log lines: there may be as many connections."""
RETRY: Final = 10
"""Seconds after which a client may try again."""

_BODY: Final = json.dumps(
    {"code": 4, "message": f"Unavailable: the server has no room for a connection; try again in {RETRY} s"}
).encode()
_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    b"Connection: close\r\nRetry-After: %d\r\nContent-Length: %d\r\n\r\n%b" % (RETRY, len(_BODY), _BODY)
)


class Descriptors:
    """Decides for each connection whether there is room for it.

    Args:
        factory: Makes the protocol of a connection for which there is.
        counters: Where the others are counted.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol], counters: Counters) -> None:
        self._factory = factory
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._reserve = max(MIN_RESERVE, min(MAX_RESERVE, self._most // 20))
        self._unasked = 0
        """Connections for which there is room for certain."""
        self._logged_at = -LOG_INTERVAL

    def protocol(self) -> asyncio.Protocol:
        """Make the protocol of a connection."""
        if self._has_room():
            return self._factory()
        self._counters.connections_turned_away += 1
        free = self._most - _used(self._most)
        now = self._loop.time()
        if now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            logger.error(
                "connections are refused, because only %d of %d file descriptors are free: raise the limit of"
                " open files (LimitNOFILE= of systemd, ulimit -n), or set limits.connections",
                free,
                self._most,
            )
        return _TurnedAway(self._loop, PATIENCE if free > self._reserve // 2 else 0)

    def _has_room(self) -> bool:
        if self._unasked:  # there was much room a moment ago
            self._unasked -= 1
            return True
        room = self._most - self._reserve - _used(self._most)
        self._unasked = max(0, room // 2)
        return room > 0


def _used(most: int) -> int:
    """Return how many descriptors there are, about: a new one gets the lowest number that is free."""
    try:
        free = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in {errno.EMFILE, errno.ENFILE}:
            raise
        return most
    os.close(free)
    return free


class _TurnedAway(asyncio.Protocol):
    """Answers one request, whatever it is: an answer before it could get lost.

    Args:
        loop: The running loop.
        patience: Seconds until the connection is closed in any case.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._loop = loop
        self._patience = patience
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(self._patience, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
