"""Asks those who come to the admin namespace who they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.admin.credentials import Credentials
from rtserver.admin.sessions import Sessions
from rtserver.server.hub import Hub
from rtserver.server.interface.socket import Socket
from rtserver.server.socket import NOWHERE

__all__ = ["Entrance"]

logger = logging.getLogger("rtserver.admin")

PENALTY: Final = 1.0
"""Seconds that a wrong password costs. A client waits for the answer before it can try the next one."""


class Entrance:
    """A middleware of the admin namespace.

    Args:
        hub: The shared state of the server.
        credentials: Decides who may come in.
        penalty: Seconds after which who may not is told so.
    """

    __slots__ = ("_credentials", "_hub", "_penalty", "_sessions")

    def __init__(self, hub: Hub, credentials: Credentials, penalty: float = PENALTY) -> None:
        self._hub = hub
        self._credentials = credentials
        self._penalty = penalty
        self._sessions = Sessions(credentials.secret)

    async def admit(self, socket: Socket) -> None:
        """Let a client come in that has a session or the right credentials, and give it a session.

        Raises:
            socketio.exceptions.ConnectionRefusedError: It has neither, or too many ask at a time.
        """
        handshake = socket.handshake
        auth = handshake.auth
        if isinstance(auth, Mapping) and self._sessions.holds(auth.get("sessionId")):
            return
        if await self._accepts(socket, auth):
            await socket.emit("session", self._sessions.issue())
            return
        logger.warning("someone at %s has shown no valid credentials for the admin UI", handshake.address)
        await asyncio.sleep(self._penalty)
        raise Refusal("invalid credentials")  # the UI asks for them again when it reads these words

    async def _accepts(self, socket: Socket, auth: Any) -> bool:
        """Look at what a client sends of itself. What is sent to admins meanwhile isn't kept for it."""
        waiting = self._hub.find(socket.namespace, socket.id)
        if waiting is None:
            return False
        recipient, waiting.recipient = waiting.recipient, NOWHERE
        accepted = await self._credentials.accept(auth, lambda: self._has_gone(socket))
        if accepted and not self._has_gone(socket):
            waiting.recipient = recipient
        return accepted

    def _has_gone(self, socket: Socket) -> bool:
        found = self._hub.find(socket.namespace, socket.id)
        return found is None or found.client.reason is not None
