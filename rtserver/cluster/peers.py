"""The other servers of a cluster that are known by name, because they send heartbeats."""

from __future__ import annotations

from typing import Final

__all__ = ["BEAT", "Peers"]

BEAT: Final = 5.0
"""Seconds between two heartbeats of a server."""
EXPIRY: Final = 3 * BEAT
"""Seconds without a heartbeat after which a server is taken for dead."""
REMEMBERED: Final = 600.0
"""Seconds after which a dead one is forgotten: whatever it had with others has ended by then."""


class Peers:
    """Who is there. Times are of any clock that doesn't go back, in seconds."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}
        """When a server was last heard, by its id."""

    def heard(self, uid: str, now: float) -> None:
        """Take a heartbeat."""
        self._heard[uid] = now

    def left(self, uid: str) -> None:
        """Forget a server that has said that it leaves."""
        self._heard.pop(uid, None)

    def sort(self, now: float, listening_since: float) -> tuple[list[str], list[str]]:
        """Return the ids of those that are alive, and of those that are dead.

        Args:
            now: The time.
            listening_since: Since when heartbeats arrive here: silence before that says nothing.
        """
        alive, dead = [], []
        for uid, heard in list(self._heard.items()):
            silence = now - max(heard, listening_since)
            if silence <= EXPIRY:
                alive.append(uid)
            elif silence <= REMEMBERED:
                dead.append(uid)
            else:
                del self._heard[uid]
        return alive, dead
