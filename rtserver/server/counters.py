"""What the Socket.IO layer counts, for metrics: plain integers that are cheap to add to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

__all__ = ["MAX_NAMES", "OTHER", "Counters"]

MAX_NAMES: Final = 100
"""Namespaces that are counted by name. Clients choose names, and there is no end of them."""
OTHER: Final = "other"
"""Stands for all others."""


@dataclass(slots=True)
class Counters:
    """Events since the server was made, and one size."""

    connects: int = 0
    """Connections to a namespace that were accepted."""
    refusals: int = 0
    """Connections to a namespace that were answered with a CONNECT_ERROR."""
    namespaces_refused: int = 0
    """Those of them whose client is in as many namespaces as it may be."""
    rooms_refused: int = 0
    """Times that a client could not enter a room, as it is in as many as it may be."""
    disconnects: int = 0
    """Connections to a namespace that ended."""
    connect_timeouts: int = 0
    """Clients that joined no namespace in time."""
    violations: int = 0
    """Clients that were disconnected for breaking the protocol."""
    handler_errors: int = 0
    """Handlers and callbacks that raised, or whose answer could not be sent."""
    events_received: dict[str, int] = field(default_factory=lambda: {OTHER: 0})
    """Events of clients by namespace, but for what namespaces have counted since: see `Hub.collect`."""
    events_sent: int = 0
    """Events that were emitted, counted once for each client that they were for."""
    refused_events: int = 0
    """Events that a socket's middleware refused."""
    unhandled_events: int = 0
    """Events without a handler."""
    unknown_acks: int = 0
    """Acknowledgments that nobody waits for (any more)."""
    duplicates: int = 0
    """Packets that a client sent again, whose handler did not run again."""
    ack_timeouts: int = 0
    """Calls that were not answered in time."""
    recoveries: int = 0
    """Clients that lost their connection and came back to the same state."""
    recovered_events: int = 0
    """Events that they had missed and were sent again."""
    recoveries_unknown: int = 0
    """Clients that wanted to come back to a state that there isn't: it was given up, or never was."""
    recoveries_expired: int = 0
    """Clients that weren't back in time, or were too many to keep."""
    recoveries_too_old: int = 0
    """Clients that were back, but had missed more than was kept."""
    recovery_evictions: int = 0
    """Events that had to make room for newer ones while they might still have been asked for."""
    reading_pauses: int = 0
    """Times that reading from a client paused because its handlers were behind."""
    drops: Counter[str] = field(default_factory=Counter)
    """Events that a client was not sent, once for each client, by reason: see `Drop`."""
    slow_clients: int = 0
    """Clients disconnected because too much waited for them in this layer; the transports count theirs."""
    queued_bytes: int = 0
    """Bytes that wait now for slow clients, in the namespaces that have a policy for them."""

    def receive(self, namespace: str, events: int) -> None:
        """Count events of clients."""
        name = namespace if namespace in self.events_received else OTHER
        if name == OTHER and len(self.events_received) < MAX_NAMES:
            name = namespace
        self.events_received[name] = self.events_received.get(name, 0) + events
