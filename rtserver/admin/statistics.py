"""What every server of a cluster tells admins of itself, every few seconds."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rtserver.server.hub import Hub
from rtserver.transport.engine_server import EngineServer

__all__ = ["Statistics"]


class Statistics:
    """Reads what a server counts. Made before its event loop runs.

    Args:
        hub: The shared state of the Socket.IO layer.
        engine: The layer beneath it.
        server_id: What the server is called among the others.
    """

    __slots__ = ("_engine", "_hub", "_last", "_self", "_started", "_traffic")

    def __init__(self, hub: Hub, engine: EngineServer, server_id: str) -> None:
        self._hub = hub
        self._engine = engine
        self._traffic = engine.count_traffic()
        self._self = {"serverId": server_id, "hostname": socket.gethostname(), "pid": os.getpid()}
        self._started = time.monotonic()
        self._last = self._totals()

    def read(self) -> dict[str, Any]:
        """Return how the server is now, and what has happened since this was last called."""
        engine, hub = self._engine, self._hub
        names = {*hub.handlers.namespaces(), *hub.namespaces}
        namespaces = ((name, hub.namespaces.get(name)) for name in sorted(names))
        return {
            **self._self,
            "uptime": time.monotonic() - self._started,
            "clientsCount": len(engine.sessions),
            "pollingClientsCount": sum(each.transport_name == "polling" for each in engine.sessions),
            "aggregatedEvents": list(self._happened()),
            "namespaces": [
                {"name": name, "socketsCount": 0 if found is None else len(found.sockets)}
                for name, found in namespaces
            ],
        }

    def skip(self) -> None:
        """Leave out what has happened so far."""
        self._last = self._totals()

    def _happened(self) -> Iterator[dict[str, Any]]:
        last, self._last = self._last, self._totals()
        at = int(time.time() * 1000)
        for (kind, reason), count in (self._last - last).items():
            event: dict[str, Any] = {"timestamp": at, "type": kind, "count": count}
            if reason is not None:
                event["subType"] = reason
            yield event

    def _totals(self) -> Counter[tuple[str, str | None]]:
        counters, traffic = self._engine.counters, self._traffic
        totals: Counter[tuple[str, str | None]] = Counter()
        totals["rawConnection", None] = counters.sessions_opened
        totals["bytesIn", None] = traffic.received
        totals["bytesOut", None] = traffic.sent
        for reason, count in counters.sessions_closed.items():
            totals["rawDisconnection", reason] = count
        return totals
