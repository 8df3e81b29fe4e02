"""What one process tells of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING

from rtserver.host import Server
from rtserver.server.event_limits import EventLimiter
from rtserver.service.cluster import in_touch
from rtserver.service.monitoring.collect import Parts, collect
from rtserver.service.monitoring.families import Families, Family
from rtserver.service.monitoring.lag import LoopLag
from rtserver.transport.traffic import Traffic

if TYPE_CHECKING:
    from rtserver.service.auth.guard import Guard

__all__ = ["Monitor"]


class Monitor:
    """Watches a server. Made before the server has clients.

    Args:
        server: The server.
        guard: What asks clients for tokens, if anything does.
        limiter: What limits the events of clients, if anything does.
        counts: Whether bytes and the lag of the loop are measured, which costs something.
    """

    def __init__(
        self, server: Server, guard: Guard | None, limiter: EventLimiter | None, *, counts: bool
    ) -> None:
        self._server = server
        self._guard = guard
        self._limiter = limiter
        self._lag = LoopLag(asyncio.get_running_loop())
        self._traffic: Traffic | None = None
        if counts:
            self._traffic = server.eio.count_traffic()
            self._lag.start()
        self._others: list[Callable[[], Iterable[Family]]] = []
        self.is_draining = False
        """True from the moment when no client should come any more."""

    def add(self, source: Callable[[], Iterable[Family]]) -> None:
        """Measure something else, too.

        Args:
            source: Returns its metrics.
        """
        self._others.append(source)

    def measure(self) -> list[Family]:
        """Return the metrics of this process."""
        parts = Parts(self._guard, self._limiter, self._traffic)
        others = chain.from_iterable(source() for source in self._others)
        return [*collect(self._server, parts, self._lag), *others]

    async def families(self) -> Families:
        """Return all metrics: those of this process."""
        return Families(self.measure())

    async def problems(self) -> list[str]:
        """Return why no client should come now; nothing if the service is ready."""
        return self.troubles()

    def troubles(self) -> list[str]:
        """Return the same, at once."""
        found = ["draining"] if self.is_draining else []
        if not in_touch(self._server):
            found.append("not in touch with the cluster")
        return found

    def close(self) -> None:
        """Stop watching."""
        self._lag.stop()
