"""What a manager keeps for clients that lost their connection: one Protocol, whatever is behind it.

The store gives every event that can be sent again a position: a number that grows with each. Clients know
positions as offsets, strings that mean something to the store alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from rtserver.engineio.outgoing import Outgoing
from rtserver.server.namespace import Room
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.target import Target

__all__ = ["Occupants", "RecoveryStore", "Restored"]


class Restored(NamedTuple):
    """A client that is back."""

    session: RecoverableSession
    missed: Sequence[Outgoing]
    """The events that it has missed, in order, each with its offset."""


class Occupants(Protocol):
    """The connected clients whose sessions a store has opened."""

    def release(self, namespace: str, pid: str, then: Callable[[], object]) -> None:
        """Let the session of a client be free, as it has come back to another server.

        Args:
            namespace: The namespace.
            pid: The secret by which it claims the session.
            then: Called when the session was saved, if it is here; or when it can't be.
        """

    def data(self, pid: str) -> dict[str, Any] | None:
        """Return the application's data of a client that is connected, if there is any."""


class RecoveryStore(Protocol):
    """The sessions of clients that are away, and the events that were sent meanwhile."""

    def attach(self, occupants: Occupants) -> None:
        """Learn who has the sessions of those that are connected, before anything else is called."""

    @property
    def stamps(self) -> bool:
        """Whether events are given the store's `offset` as they are sent, not where they are recorded."""

    def offset(self, namespace: str) -> str:
        """Return the offset of a namespace's newest event, as clients are told it."""

    def settle(self) -> None:
        """Send clients here what was emitted so far: what follows must not come before it."""

    def open(self, namespace: str, sid: str) -> RecoverableSession:
        """Begin a session, and to keep events for it.

        Args:
            namespace: The name of the namespace.
            sid: The client's id.

        Returns:
            The session, whose pid nobody can guess.
        """

    def save(self, session: RecoverableSession) -> None:
        """Keep the session of a client that is away."""

    def update(self, session: RecoverableSession) -> None:
        """Take note that the application's data of a client that is away may have been replaced."""

    def restore(
        self, namespace: str, pid: str, offset: str | None, limit: int
    ) -> Restored | Awaitable[Restored | None] | None:
        """Take out the session of a client that is back, now or when another server has answered.

        Args:
            namespace: The namespace that the client connects to.
            pid: The secret that it was told.
            offset: The offset of the last event that it has received; None if there was none.
            limit: Bytes that the missed events may have.

        Returns:
            None if there is no such session, or if not everything that it has missed can be sent again. What
            has to wait returns a coroutine: what that has missed is complete in the step in which it ends, as
            the client gets what is sent from then on.
        """

    def discard(self, session: RecoverableSession) -> None:
        """Forget a session: its client won't come back, or must not. Harmless when that has been done."""

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        """Take those of these clients that are away out of rooms."""

    def disconnect(self, target: Target) -> None:
        """Let those of these clients that are away not come back."""

    def clear(self) -> None:
        """Forget everyone who is away, and all events."""
