"""Lets only those clients in that have a valid token, for as long as it is valid.

A client that is refused learns a code and a sentence; which of its token's properties was expected how is
logged here alone. Before a token expires the client is asked for a new one, by an event whose acknowledgment
is the new token; a client that has none to give is disconnected when the old one has expired.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal
from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.clock import Clock
from rtserver.errors import TokenError
from rtserver.server.interface.socket import Socket
from rtserver.service.auth.expiry import Expiry
from rtserver.service.auth.options import Manners
from rtserver.service.auth.sources import find_token
from rtserver.service.auth.verifier import Claims, Verifier
from rtserver.service.logged import socket_fields
from rtserver.service.namespaces.claims import CLAIMS

__all__ = ["Guard"]

logger = logging.getLogger("rtserver.auth")

TOKEN_USER: Final = "rtserver.user"
"""The key of a client's session under which its token's user is: in the claims somebody may have put another
in its place."""


class Guard:
    """A middleware for namespaces.

    Args:
        verifier: Tells which tokens are valid.
        manners: How clients are asked.
        clock: Returns the clock of the running loop.
    """

    def __init__(self, verifier: Verifier, manners: Manners, clock: Callable[[], Clock]) -> None:
        self._verifier = verifier
        self._manners = manners
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._users: Counter[tuple[str, Any]] = Counter()
        """Clients of each user in each namespace, where their number is limited."""
        self.on_renewed: list[Callable[[Socket], Awaitable[object]]] = []
        """Called with a client that has shown a new token, when its claims are in its session."""
        self.crowded = 0
        """Clients that were not let in because their user has too many."""
        self.refused = 0
        """Clients that were not let in."""
        self.refreshed = 0
        """Tokens that were replaced in time."""
        self.expired = 0
        """Clients that were disconnected because their token had expired."""

    async def admit(self, socket: Socket) -> None:
        """Let a client in, and put its claims into its session.

        Raises:
            socketio.exceptions.ConnectionRefusedError: It has no valid token.
        """
        handshake = socket.handshake
        token = find_token(handshake, self._manners.sources, self._manners.name)
        try:
            if token is None:
                raise TokenError("token_missing", f"none in {', '.join(self._manners.sources)}")
            claims = await self._verifier.verify(token)
            if socket.recovered and socket.data.get(TOKEN_USER) != self._user(claims):
                raise TokenError("another_user", "it is another's than who has lost this connection")
        except TokenError as error:
            self.refused += 1
            logger.info(
                "refused client at %s, namespace %s: %s: %s",
                handshake.address,
                socket.namespace,
                error.code,
                error,
                extra=socket_fields(socket),
            )
            raise Refusal(error.told, {"code": error.code}) from None
        self._count(socket, self._user(claims))
        socket.data[CLAIMS] = dict(claims)
        socket.data[TOKEN_USER] = self._user(claims)
        self._watch(socket, claims)

    def _count(self, socket: Socket, user: Any) -> None:
        """Count a client as its user's.

        Raises:
            socketio.exceptions.ConnectionRefusedError: The user has too many.
        """
        most, key = self._manners.connections, (socket.namespace, user)
        if most is None or not isinstance(user, (str, int)):
            return
        if self._users[key] >= most:
            self.crowded += 1
            message = f"You have {most} connections, the most that one user may have"
            raise Refusal(message, {"code": "too_many_connections"})
        self._users[key] += 1

        @socket.on("disconnect")
        def gone(reason: str) -> None:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]

    def _user(self, claims: Claims) -> Any:
        return claims.get(self._manners.user)

    async def close(self) -> None:
        """Ask nobody any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._verifier.close()

    # Expiry.

    def _watch(self, socket: Socket, claims: Claims) -> None:
        if "exp" in claims:
            expiry = Expiry(socket, claims, self._user(claims), self._clock(), self._ask_soon)
            socket.on("disconnect", expiry.cancel)
            self._wait(expiry, claims)

    def _wait(self, expiry: Expiry, claims: Claims) -> None:
        expiry.wait(float(claims["exp"]) + self._verifier.leeway, self._manners.refresh_before)

    def _ask_soon(self, expiry: Expiry) -> None:
        task = asyncio.create_task(self._ask(expiry), name="rtserver: refresh a token")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, expiry: Expiry) -> None:
        socket, left = expiry.socket, expiry.left()
        try:
            if left:
                asking = {"expires_in": round(left)}
                answer = await socket.timeout(left).emit_with_ack(self._manners.refresh_event, asking)
                await self._renew(expiry, answer)
                return
        except NoAnswer:
            logger.info(
                "client %s, namespace %s: no new token",
                socket.id,
                socket.namespace,
                extra=socket_fields(socket),
            )
        except TokenError as error:
            logger.info(
                "client %s, namespace %s: %s: %s",
                socket.id,
                socket.namespace,
                error.code,
                error,
                extra=socket_fields(socket),
            )
            await asyncio.sleep(expiry.left())
        except Exception:
            logger.exception(
                "client %s can't be asked for a new token", socket.id, extra=socket_fields(socket)
            )
            await asyncio.sleep(expiry.left())
        if not expiry.is_over:  # it may also be one that isn't let in yet: what else decides takes its time
            self.expired += 1
            await socket.disconnect()

    async def _renew(self, expiry: Expiry, answer: Any) -> None:
        if not isinstance(answer, str):
            raise TokenError("token_missing", f"received {type(answer).__name__} as a new token")
        claims = await self._verifier.verify(answer)
        if self._user(claims) != expiry.user:
            raise TokenError("token_invalid", "the new token is another user's")
        self.refreshed += 1
        if expiry.socket.connected:
            self._replace(expiry, claims)
            if "exp" in claims:
                self._wait(expiry, claims)
            for renewed in self.on_renewed:
                await renewed(expiry.socket)

    def _replace(self, expiry: Expiry, claims: Claims) -> None:
        """Put a new token's claims in the place of the old one's. What others have added or changed stays."""
        session, old = expiry.socket.data, expiry.claims
        kept = {
            name: value
            for name, value in session.get(CLAIMS, {}).items()
            if name not in old or old[name] != value
        }
        session[CLAIMS] = {**claims, **kept}
        expiry.claims = claims
