"""One Engine.IO session, as the Socket.IO layer sees it: the sockets that it carries.

There is one of these for every connection, most of them idle: what few clients need is None until then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from rtserver.clock import Timer
from rtserver.engineio.handler import Session

if TYPE_CHECKING:
    from rtserver.server.delivery.send_queue import SendQueue
    from rtserver.server.environ import Environ
    from rtserver.server.socket import Socket
    from rtserver.socketio.attachments import Reassembly

__all__ = ["Client", "ClientSession"]

MAX_DROPPED: Final = 100
"""Namespaces that a client is remembered to have been put out of, the latest."""


class ClientSession(Session, Protocol):
    """An Engine.IO session, reading from which can pause."""

    def pause_reading(self) -> None:
        """Take nothing more from the client."""

    def resume_reading(self) -> None:
        """Take from the client again."""


class Client:
    """The state of one session.

    Args:
        session: The Engine.IO session.
    """

    __slots__ = (
        "admissions",
        "backlog",
        "careful",
        "connecting",
        "dropped",
        "environ",
        "others",
        "partial",
        "paused",
        "queues",
        "reason",
        "running",
        "session",
        "socket",
        "timer",
        "watched",
    )

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.socket: Socket | None = None
        """The first namespace that it joined: for most clients the only one."""
        self.others: dict[str, Socket] | None = None
        """The namespaces that it joined after that, by name."""
        self.connecting: dict[str, Socket | None] | None = None
        """Namespaces whose ``connect`` handlers run, by name."""
        self.dropped: dict[str, None] | None = None
        """Namespaces that the server has ended: the client may not have heard of it yet."""
        self.reason: str | None = None
        """Why the session has closed; None while it is open."""
        self.careful = False
        """Whether its messages take the long way, where more than the handler is looked after."""
        self.watched = False
        """Whether something of the application's looks at the events of one of its sockets."""
        self.partial: Reassembly | None = None
        """A packet that waits for its attachments."""
        self.environ: Environ | None = None
        """The environ, once the application has written to it."""
        self.timer: Timer | None = None
        """Fires when the client joins no namespace in time, or joins no other that may want its request."""
        self.admissions = 0
        """Namespaces whose ``connect`` handlers run, those included that it has joined already."""
        self.running = 0
        """Handlers that have suspended and not ended yet."""
        self.paused = False
        """Whether reading from the client has paused because of them."""
        self.backlog: deque[Any] | None = None
        """What arrived behind a running handler, where handlers run one after another."""
        self.queues: list[SendQueue] | None = None
        """The queues of its sockets, in namespaces that have a policy for slow clients."""

    @property
    def is_busy(self) -> bool:
        """True while a handler of the client runs, or the server waits for an acknowledgment of it."""
        return self.running > 0 or bool(self.backlog) or any(socket.acks for socket in self.sockets())

    def find(self, namespace: str) -> Socket | None:
        """Return the socket that is connected to `namespace`."""
        socket = self.socket
        if socket is not None and socket.namespace.name == namespace:
            return socket
        return None if self.others is None else self.others.get(namespace)

    def add(self, socket: Socket) -> None:
        """Take a socket that is now connected."""
        if self.dropped is not None:
            self.dropped.pop(socket.namespace.name, None)
        if self.socket is None:
            self.socket = socket
        elif self.others is None:
            self.others = {socket.namespace.name: socket}
        else:
            self.others[socket.namespace.name] = socket

    def remove(self, socket: Socket) -> None:
        """Forget a socket that was connected."""
        if self.socket is not socket:
            if self.others is not None:
                self.others.pop(socket.namespace.name, None)
        elif self.others:
            self.socket = self.others.pop(next(iter(self.others)))
        else:
            self.socket = None
        if not self.others:
            self.others = None

    def decide(self, namespace: str, socket: Socket | None = None) -> None:
        """Note that it is being decided whether the client joins this namespace: with a socket, or before."""
        if self.connecting is None:
            self.connecting = {}
        self.connecting[namespace] = socket

    def decided(self, namespace: str) -> None:
        """Note that this has been decided, or needn't be."""
        if self.connecting is not None:
            self.connecting.pop(namespace, None)
            self.connecting = self.connecting or None

    def drop(self, namespace: str) -> None:
        """Note that the server has ended the client's connection to this namespace."""
        if self.dropped is None:
            self.dropped = {}
        self.dropped[namespace] = None
        if len(self.dropped) > MAX_DROPPED:  # a client may go from one namespace to the next
            del self.dropped[next(iter(self.dropped))]

    def has_dropped(self, namespace: str) -> bool:
        """Tell whether a packet for this namespace may have been sent in good faith."""
        return self.dropped is not None and namespace in self.dropped

    @property
    def namespaces(self) -> int:
        """How many namespaces the client is in, or has asked for and waits to be let into."""
        return (self.socket is not None) + len(self.others or ()) + len(self.connecting or ())

    def sockets(self) -> tuple[Socket, ...]:
        """Return the connected sockets."""
        others = () if self.others is None else self.others.values()
        return tuple(others) if self.socket is None else (self.socket, *others)
