"""What an application has attached to one socket: handlers, catch-alls and middleware of its own.

Hardly any socket has any. One that has makes its client's messages take the long way through `Dispatch`,
and one with outgoing catch-alls does the same to what is sent in its namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rtserver.server.handlers import Found, is_coroutine_function
from rtserver.server.reasons import Reason
from rtserver.server.socket import Socket, State

if TYPE_CHECKING:
    from rtserver.server.hub import Hub

__all__ = ["ENDINGS", "Hooks", "Listener", "with_sid"]

ENDINGS: Final = ("disconnecting", "disconnect")
"""What a socket tells of its own end: before it has left its rooms, and when nothing is left of it."""


class Listener(NamedTuple):
    """A function of the application's."""

    function: Callable[..., Any]
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Listener:
        """Inspect a function."""
        return cls(function, is_coroutine_function(function))


def with_sid(function: Callable[..., Any]) -> Found:
    """Return a handler as `HandlerRegistry` has them, of a function that is called without the sid."""
    return (lambda _sid, *args: function(*args)), is_coroutine_function(function)


class Hooks:
    """What is attached to one socket. The tuples are replaced, so that going through one is safe."""

    __slots__ = ("endings", "handlers", "incoming", "lock", "middleware", "once", "outgoing", "reason")

    def __init__(self) -> None:
        self.handlers: dict[str, Found] = {}
        """Handlers of this socket's own, by event: as `HandlerRegistry` has them, with the sid first."""
        self.once: dict[str, Found] = {}
        """What handles the next event of a name, in the place of the others."""
        self.incoming: tuple[Listener, ...] = ()
        """What is told of every event of the client."""
        self.outgoing: tuple[Listener, ...] = ()
        """What is told of every event for the client."""
        self.middleware: tuple[Listener, ...] = ()
        """What every event of the client comes through before its handler."""
        self.endings: dict[str, tuple[Listener, ...]] = {}
        """What is told of the socket's end, by event."""
        self.reason: str = Reason.SERVER_DISCONNECT
        """Why it ends."""
        self.lock = asyncio.Lock()
        """Held while an event comes through the middleware: the next one waits, so that none overtakes."""

    def handle(self, event: str, found: Found) -> None:
        """Let events of a name be handled here from now on."""
        self.once.pop(event, None)
        self.handlers[event] = found

    def handle_once(self, event: str, found: Found) -> None:
        """Let the next event of a name be handled here."""
        self.once[event] = found

    def take(self, event: str) -> Found | None:
        """Return what handles an event that is to be handled now; None where it isn't handled here."""
        return self.once.pop(event, None) or self.handlers.get(event)

    def forget(self, event: str) -> None:
        """Forget what handles events of a name here, and what is told of an end of that name."""
        for kept in (self.handlers, self.once, self.endings):
            kept.pop(event, None)

    def on_end(self, event: str, function: Callable[..., Any]) -> None:
        """Tell `function` of one of `ENDINGS`, with the reason, after those that are told already."""
        self.endings[event] = (*self.endings.get(event, ()), Listener.of(function))

    def ended(self, hub: Hub, socket: Socket, event: str) -> None:
        """Tell of one of `ENDINGS`."""
        for function, is_async in self.endings.get(event, ()):
            hub.call(socket, event, function, is_async, (self.reason,))

    def received(self, hub: Hub, socket: Socket, args: Sequence[Any]) -> None:
        """Tell the incoming catch-alls of an event: its name, then its arguments."""
        for function, is_async in self.incoming:
            hub.call(socket, "on_any", function, is_async, args)

    async def let_through(self, socket: Socket, event: str, args: list[Any]) -> bool:
        """Call the middleware, one after another, for as long as the socket is connected.

        Args:
            socket: The socket.
            event: The event's name.
            args: Its arguments, which the middleware may change.

        Returns:
            Whether it still is, so that the event's handler is to be called.

        Raises:
            Exception: What the middleware raised.
        """
        for function, is_async in self.middleware:
            if socket.state is not State.CONNECTED:
                break
            result = function(event, args)
            if is_async:
                await result
        return socket.state is State.CONNECTED

    def sent(self, hub: Hub, socket: Socket, args: Sequence[Any]) -> None:
        """Tell the outgoing catch-alls of an event: its name, then its arguments."""
        for function, is_async in () if socket.state is State.LEAVING else self.outgoing:
            hub.call(socket, "on_any_outgoing", function, is_async, args)
