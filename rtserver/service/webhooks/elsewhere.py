"""What the processes of a cluster tell each other of the backend's clients: who is back, hasn't gone.

A client that has lost its connection may come back to another process than the one that is still to tell the
backend of its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rtserver.server.server import SocketIOServer

__all__ = ["Elsewhere"]

EVENT: Final = "rtserver:returned"
"""The event by which processes tell each other of a client, by its namespace and id."""


class Elsewhere:
    """The other processes.

    Args:
        server: The server of this one.
    """

    __slots__ = ("_server",)

    def __init__(self, server: SocketIOServer) -> None:
        self._server = server

    @property
    def exists(self) -> bool:
        """Whether there may be any."""
        return not self._server.manager.alone

    def listen(self, returned: Callable[[str, str], object]) -> None:
        """Call a function with namespace and id of each client that comes back to another process."""
        self._server.on_server_event(EVENT, returned)

    async def tell(self, namespace: str, sid: str) -> None:
        """Tell them that a client has come back to this process."""
        await self._server.server_side_emit(EVENT, namespace, sid)
