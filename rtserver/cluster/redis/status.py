"""How a server stands with Redis: one value, for readiness and metrics."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RedisStatus"]


@dataclass(frozen=True, slots=True)
class RedisStatus:
    """What a manager knows at one moment. Counts are from its start."""

    connected: bool
    """Whether messages of other servers arrive, and what this one sends leaves."""
    deaf_for: float
    """Seconds since which messages of other servers may have been missed; 0 while they arrive."""
    deaf_seconds: float
    """Seconds for which they may have been missed, in total."""
    lag: float | None
    """Seconds that the last heartbeat took from this server to itself; None before the first."""
    reconnects: int
    """How often a connection was made again."""
    waiting_bytes: int
    """Bytes for other servers that Redis hasn't confirmed."""
    dropped: int
    """Messages for other servers that were dropped, as too many waited."""
    unconfirmed: int
    """Messages for other servers that were under way when a connection was lost."""
    refused: int
    """Messages for other servers that Redis has refused."""
    violations: int
    """Messages of other servers that couldn't be understood."""
    pickled: int
    """Pickled messages of old versions of python-socketio, which are never loaded."""

    # Of streams only.
    gaps: int = 0
    """Times that what others had sent was gone from a stream before this server could read it."""
    missing: int = 0
    """Messages of other servers that never came, as the numbers of those that did tell."""
    repeated: int = 0
    """Messages of other servers that were in a stream twice, and taken once."""
