"""Finds the clients that a backend means: by rooms, users or ids."""

from __future__ import annotations

from typing import Literal

from rtserver.server.interface.operator import BroadcastOperator
from rtserver.server.interface.server import NodeInterface
from rtserver.service.api.requests import Some
from rtserver.service.api.users import user_room

__all__ = ["Addresses"]


class Addresses:
    """Where the clients of a server are found.

    Args:
        server: The server.
        user_room: The room that has a user's connections, with `USER` (of users.py) in it.
    """

    __slots__ = ("_server", "_user_room")

    def __init__(self, server: NodeInterface, user_room: str) -> None:
        self._server = server
        self._user_room = user_room

    def chain(
        self, namespace: str, recipients: Literal["all"] | Some, others: Some | None
    ) -> BroadcastOperator:
        """Return the chain that reaches them.

        Args:
            namespace: Where they are.
            recipients: Who is meant.
            others: Who of them isn't.
        """
        chain = self._server.of(namespace).except_(self._rooms(others) if others is not None else [])
        return chain if recipients == "all" else chain.to(self._rooms(recipients))

    def _rooms(self, some: Some) -> list[str]:
        """Return the rooms that have these clients: every client is in one that bears its id."""
        users = (user_room(self._user_room, user) for user in some.users)
        return [*some.rooms, *users, *some.sockets]
