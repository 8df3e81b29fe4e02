"""One client's connection to one namespace."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from rtserver.engineio.outgoing import Outgoing

if TYPE_CHECKING:
    from rtserver.server.acks import AckCallback
    from rtserver.server.client import Client
    from rtserver.server.hooks import Hooks
    from rtserver.server.namespace import Namespace, Room
    from rtserver.server.recovery.session import RecoverableSession

__all__ = ["NOWHERE", "Held", "Recipient", "Socket", "State"]


class State(Enum):
    """How far a socket has come. It only moves downward in this list.

    CONNECTING -> CONNECTED -> LEAVING -> GONE, or CONNECTING -> GONE when it is refused.
    """

    CONNECTING = auto()
    """The ``connect`` handler runs. What is sent to the socket is held until it was accepted."""
    CONNECTED = auto()
    LEAVING = auto()
    """The ``disconnect`` handler runs: rooms and session data are there, nothing is sent any more."""
    GONE = auto()


class Recipient(Protocol):
    """Where a socket's packets go: its Engine.IO session, once it is connected."""

    def send_text(self, packet: bytes, /) -> None:
        """Send one whole text packet."""

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Send a message that may go to many."""


class Held:
    """Keep what is sent to a socket whose ``connect`` handler still runs.

    A client must see the answer to its CONNECT packet first, and one that is refused must see nothing.

    Args:
        limit: Bytes that are kept at most, as in an outgoing buffer.
    """

    __slots__ = ("_left", "outgoing")

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.outgoing: list[Outgoing] = []

    def send_text(self, packet: bytes, /) -> None:
        """Keep a text packet."""
        self.send_outgoing(Outgoing(packet))

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Keep a message."""
        self._left -= len(outgoing)
        if self._left >= 0:
            self.outgoing.append(outgoing)
        else:
            self.outgoing.clear()

    @property
    def overflowed(self) -> bool:
        """True once more was sent than is kept. Nothing is kept from then on."""
        return self._left < 0


class _Nowhere:
    """The recipient of a socket that has left."""

    __slots__ = ()

    def send_text(self, packet: bytes, /) -> None:
        pass

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        pass


NOWHERE = _Nowhere()


class Socket:
    """One client's connection to one namespace.

    Args:
        sid: Its session id, which is also a room of its own.
        client: The client whose connection carries it.
        namespace: The namespace that it is connected to.
        recipient: Where its packets go for now.
    """

    __slots__ = (
        "ack_counter",
        "acks",
        "auth",
        "client",
        "data",
        "hooks",
        "namespace",
        "recipient",
        "recovery",
        "rooms",
        "sid",
        "state",
    )

    def __init__(self, sid: str, client: Client, namespace: Namespace, recipient: Recipient) -> None:
        self.sid = sid
        self.client = client
        self.namespace = namespace
        self.recipient = recipient
        self.state = State.CONNECTING
        self.rooms: dict[Room, None] | None = None
        """The rooms that it has entered, in that order, without its own; None for none."""
        self.data: dict[str, Any] | None = None
        """The application's session; None until it is first asked for."""
        self.auth: Any = None
        """What the client sent as its auth; None for nothing."""
        self.hooks: Hooks | None = None
        """What the application has attached to this socket; None for nothing."""
        self.acks: dict[int, AckCallback] | None = None
        """What waits for the client's acknowledgments, by id; None for nothing."""
        self.ack_counter = 0
        self.recovery: RecoverableSession | None = None
        """What its client can come back to; None for one that can't."""

    @property
    def recovered(self) -> bool:
        """True when the client has come back, with the state that it had before."""
        return self.recovery is not None and self.recovery.recovered
