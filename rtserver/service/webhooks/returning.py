"""What becomes of what the backend said of a client when that one loses its connection and comes back.

The backend is asked anew, and only its new answer counts: claims and rooms of the earlier one are taken away,
and a client that has become another user doesn't get the other's place. What it has to be compared with is
kept in the client's session, so that it is there wherever the client comes back to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.server.interface.socket import Socket
from rtserver.service.namespaces.claims import CLAIMS

__all__ = ["GIVEN", "NO_TOKENS", "Tokens", "forget_claims", "settle"]

GIVEN: Final = "rtserver.backend"
"""The key of a client's session under which it is what the backend has given it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What clients show before the backend is asked about them.

    Args:
        namespaces: Where they show tokens, by name; ``"*"`` for everywhere.
        name: What a token is called in what a client sends.
        user: The claim that names the user; the backend may give it, too.
    """

    namespaces: Collection[str] = ()
    name: str = "token"
    user: str = "sub"

    def shown(self, namespace: str) -> str | None:
        """Return what the token is called that clients of a namespace have shown; None if they needn't."""
        return self.name if "*" in self.namespaces or namespace in self.namespaces else None


NO_TOKENS: Final = Tokens()
"""Clients show none."""


def forget_claims(socket: Socket, tokens: Tokens) -> None:
    """Forget what was known of a client that is back, unless a token that it has just shown says it."""
    if tokens.shown(socket.namespace) is None:
        socket.data.pop(CLAIMS, None)


async def settle(socket: Socket, claims: Mapping[str, Any], rooms: Sequence[str], user: str) -> None:
    """Take a client that is back out of rooms that the backend gave it and doesn't any more.

    Args:
        socket: The client; for a new one it is only kept what the backend gives it.
        claims: What is known of it by now.
        rooms: The rooms that the backend gives it.
        user: The claim that names the user.

    Raises:
        socketio.exceptions.ConnectionRefusedError: It is another user's than the connection that was lost, or
            whose that was isn't known any more.
    """
    name = claims.get(user)
    if socket.recovered:
        earlier = socket.data.get(GIVEN)
        if earlier is None or earlier["user"] != name:  # an application may have replaced the whole session
            message = "Another user may have lost this connection: connect again, as a new client"
            raise Refusal(message, {"code": "another_user"})
        await socket.leave([room for room in earlier["rooms"] if room not in rooms])
    socket.data[GIVEN] = {"user": name, "rooms": list(rooms)}
