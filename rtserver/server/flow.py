"""How much of one client's work is in progress: reading pauses while its handlers are behind.

A handler that ends in its first step costs nothing here. One that suspends is counted until it ends;
where handlers run one after another, what arrives meanwhile waits in the client's backlog. When either
reaches the limit, reading from that client pauses until half of it is done. The client's own transport
then pushes back, and no other client notices.

What had its turn together with the packet that reached the limit is still taken, so the limit is exceeded
by at most 64 KiB of messages, or a thousand packets of a polling request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rtserver.server.client import Client
from rtserver.server.counters import Counters

__all__ = ["Flow"]

Work = Callable[[], object]


class Flow:
    """The bookkeeping, for all clients of a server.

    Args:
        serial: One after another, instead of concurrently.
        limit: Suspended or waiting handlers of one client at which reading from it pauses.
        counters: Where a pause is counted.
    """

    __slots__ = ("_counters", "_limit", "serial")

    def __init__(self, serial: bool, limit: int, counters: Counters) -> None:
        self.serial = serial
        self._limit = limit
        self._counters = counters

    def must_wait(self, client: Client) -> bool:
        """Tell whether what arrives now has to wait for what runs."""
        return self.serial and (client.running > 0 or bool(client.backlog))

    def defer(self, client: Client, work: Work) -> None:
        """Call `work` when everything before it has ended."""
        if client.backlog is None:
            client.backlog = deque()
        client.backlog.append(work)
        if len(client.backlog) >= self._limit:
            self._pause(client)

    def clear(self, client: Client) -> None:
        """Forget what waits."""
        if client.backlog is not None:
            client.backlog.clear()

    def started(self, client: Client) -> None:
        """Count a handler that has suspended."""
        client.running += 1
        if client.running >= self._limit:
            self._pause(client)

    def ended(self, client: Client) -> None:
        """Count it off again, and start what waited for it."""
        client.running -= 1
        backlog = client.backlog
        if backlog is not None:
            while backlog and not client.running:
                backlog.popleft()()
            if not backlog:
                client.backlog = None
        if client.paused and self._load(client) <= self._limit // 2:
            client.paused = False
            client.session.resume_reading()

    def _load(self, client: Client) -> int:
        return client.running + (0 if client.backlog is None else len(client.backlog))

    def _pause(self, client: Client) -> None:
        if not client.paused:
            client.paused = True
            self._counters.reading_pauses += 1
            client.session.pause_reading()
        elif self._load(client) % self._limit == 0:
            client.session.pause_reading()  # once more: an upgrade to another transport begins with reading
