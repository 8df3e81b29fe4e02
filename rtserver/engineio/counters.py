"""What a server counts: plain integers, cheap enough to be kept always."""

from __future__ import annotations

from collections import Counter

__all__ = ["Counters"]


class Counters:
    """The counters of one server, from its start. They only grow."""

    __slots__ = (
        "bad_packets",
        "connections_moved",
        "connections_relayed",
        "connections_turned_away",
        "handler_errors",
        "payloads_refused",
        "requests_refused",
        "sessions_closed",
        "sessions_opened",
        "sessions_refused",
        "slow_clients",
        "untranslatable",
        "upgrades",
        "upgrades_failed",
    )

    def __init__(self) -> None:
        self.sessions_opened = 0
        """Sessions that the handler took."""
        self.sessions_refused = 0
        """Sessions that the handler refused."""
        self.sessions_closed: Counter[str] = Counter()
        """Sessions that ended, by reason."""
        self.upgrades = 0
        """Sessions that went from polling to WebSocket."""
        self.upgrades_failed = 0
        """Upgrades that were begun and not completed; the session goes on polling."""
        self.slow_clients = 0
        """Clients disconnected because they didn't read."""
        self.untranslatable = 0
        """Messages that have no form for plain WebSocket clients, and didn't reach those."""
        self.bad_packets = 0
        """Packets, payloads and frames that broke a protocol; each closes its session."""
        self.connections_turned_away = 0
        """Connections for which too few file descriptors were left."""
        self.requests_refused = 0
        """HTTP requests answered with an error."""
        self.payloads_refused = 0
        """Polling bodies above the limit."""
        self.connections_moved = 0
        """Connections handed to the process that has the session which a request on them named."""
        self.connections_relayed = 0
        """Those of them whose bytes go on passing through this process."""
        self.handler_errors = 0
        """Exceptions that a handler's callback raised."""
