"""How many rooms a client may be in, where that is limited."""

from __future__ import annotations

from typing import NoReturn

from rtserver.errors import TooManyRooms
from rtserver.server.counters import Counters

__all__ = ["RoomLimit"]


class RoomLimit:
    """The limit of all namespaces of a server.

    Args:
        most: Rooms that a client may be in, in one namespace, besides its own.
        counters: Where it is counted that one is kept out.
    """

    __slots__ = ("_counters", "most")

    def __init__(self, most: int, counters: Counters) -> None:
        self.most = most
        """The number."""
        self._counters = counters

    def refuse(self, sid: str) -> NoReturn:
        """Keep a client out of one more room.

        Args:
            sid: The client.

        Raises:
            TooManyRooms: Always.
        """
        self._counters.rooms_refused += 1
        raise TooManyRooms(sid, self.most)
