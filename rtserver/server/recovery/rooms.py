"""The rooms that clients will come back to who are away: what is sent there must still reach this server."""

from __future__ import annotations

from collections.abc import Callable

from rtserver.server.namespace import Room
from rtserver.server.recovery.session import RecoverableSession

__all__ = ["AwaitedRooms", "Released"]

Released = Callable[[str, Room], None]
"""Called with a namespace and a room to which nobody will come back any more."""


class AwaitedRooms:
    """How many clients that are away are in each room."""

    __slots__ = ("_clients", "_counts", "on_release")

    def __init__(self) -> None:
        self._clients: dict[str, int] = {}
        self._counts: dict[tuple[str, Room], int] = {}
        self.on_release: Released | None = None
        """Who is told that a room isn't awaited any more."""

    def __contains__(self, key: tuple[str, Room]) -> bool:
        """Return True for a namespace and a room to which somebody may come back."""
        return key in self._counts

    def __len__(self) -> int:
        """Return how many rooms there are."""
        return len(self._counts)

    def has_namespace(self, namespace: str) -> bool:
        """Tell whether somebody may come back to a namespace."""
        return namespace in self._clients

    def add(self, session: RecoverableSession) -> None:
        """Take note that a client is away."""
        self._clients[session.namespace] = self._clients.get(session.namespace, 0) + 1
        counts = self._counts
        for room in (session.sid, *session.rooms):
            key = (session.namespace, room)
            counts[key] = counts.get(key, 0) + 1

    def remove(self, session: RecoverableSession) -> None:
        """Take note that a client is back, or won't come."""
        clients = self._clients[session.namespace] - 1
        if clients:
            self._clients[session.namespace] = clients
        else:
            del self._clients[session.namespace]
        for room in (session.sid, *session.rooms):
            self.leave(session, room)

    def leave(self, session: RecoverableSession, room: Room) -> None:
        """Take note that a client which is away was taken out of one of its rooms."""
        key = (session.namespace, room)
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
            return
        del self._counts[key]
        if self.on_release is not None:
            self.on_release(*key)
