"""When the token of one connected client expires, and when the client is to be asked for a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from rtserver.clock import Clock, Timer
from rtserver.server.interface.socket import Socket

__all__ = ["Expiry"]

FARTHEST: Final = 3600.0
"""Seconds for which a timer is set at most: the clock of the machine may be set meanwhile."""


class Expiry:
    """A client that has to be asked in time.

    Args:
        socket: The client.
        claims: What its token says.
        user: Whose token it is.
        clock: Fires when the client is to be asked.
        ask: Called then.
    """

    __slots__ = ("_ask", "_asks_at", "_timer", "at", "claims", "is_over", "socket", "user")

    def __init__(
        self,
        socket: Socket,
        claims: Mapping[str, Any],
        user: object,
        clock: Clock,
        ask: Callable[[Expiry], object],
    ) -> None:
        self._ask = ask
        self._asks_at = 0.0
        self._timer = Timer(clock, self._due)
        self.socket = socket
        self.claims = claims
        self.user = user
        self.at = 0.0
        """When the token expires, in seconds since the epoch."""
        self.is_over = False
        """Whether the client has gone."""

    def left(self) -> float:
        """Return the seconds until the token expires; 0 when it has."""
        return max(self.at - time.time(), 0.0)

    def wait(self, at: float, before: float) -> None:
        """Ask some time before the token expires: half of the time that is left, if that is short.

        Args:
            at: When it expires, in seconds since the epoch.
            before: How many seconds before that.
        """
        self.at = at
        left = self.left()
        self._asks_at = at - min(before, left / 2)
        self._set()

    def cancel(self, reason: str) -> None:
        """Don't ask: the client has gone."""
        self.is_over = True
        self._timer.cancel()

    def _set(self) -> None:
        self._timer.set(min(max(self._asks_at - time.time(), 0.0), FARTHEST))

    def _due(self) -> None:
        if time.time() < self._asks_at:
            self._set()
        else:
            self._ask(self)
