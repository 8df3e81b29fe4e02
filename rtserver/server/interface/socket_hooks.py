"""What an application attaches to one socket, beside the handlers that it registers for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rtserver.server.handlers import RESERVED, Found
from rtserver.server.hooks import ENDINGS, Hooks, Listener, with_sid
from rtserver.server.socket import State

if TYPE_CHECKING:
    from rtserver.server.interface.backend import Backend
    from rtserver.server.socket import Socket

__all__ = ["SocketHooks"]

Function = TypeVar("Function", bound=Callable[..., Any])


class SocketHooks:
    """The methods of a socket that attach functions to it: plain ones or ``async def``, also as decorators.

    What is attached goes with the socket. A function that fails is logged, as a handler is.
    """

    __slots__ = ()

    _backend: Backend
    _socket: Socket

    # Handlers.

    @overload
    def on(self, event: str, handler: None = None) -> Callable[[Function], Function]: ...

    @overload
    def on(self, event: str, handler: Callable[..., Any]) -> None: ...

    def on(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Handle an event of this client alone, in the place of the handler that is registered for all.

        ``"disconnecting"`` and ``"disconnect"`` are its own end, before and after it has left its rooms. They
        can have several handlers, which are called with the reason and beside the one that is registered
        for all; also for a client that is refused after all.

        Args:
            event: The event's name.
            handler: Called with the event's arguments, without a sid. What it returns acknowledges the
                event. Without it, a decorator is returned.

        Raises:
            ValueError: The name is reserved.
        """
        return self._register(event, handler, Hooks.handle)

    @overload
    def once(self, event: str, handler: None = None) -> Callable[[Function], Function]: ...

    @overload
    def once(self, event: str, handler: Callable[..., Any]) -> None: ...

    def once(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Handle the next event of this name alone, as `on` does; those after it go where they went before.

        An event that the socket's middleware refuses isn't the one.

        Args:
            event: The event's name.
            handler: Called with the event's arguments. Without it, a decorator is returned.

        Raises:
            ValueError: The name is reserved.
        """
        return self._register(event, handler, Hooks.handle_once)

    def off(self, event: str) -> None:
        """Forget the handlers of this client alone."""
        if self._socket.hooks is not None:
            self._socket.hooks.forget(event)

    def _register(
        self,
        event: str,
        handler: Callable[..., Any] | None,
        keep: Callable[[Hooks, str, Found], object],
    ) -> Any:
        """Let a handler be kept as a method of the socket says, or return a decorator that does."""
        if event in RESERVED and event not in ENDINGS:
            raise ValueError(f"a socket has no handler of its own for {event!r}: register it on the server")

        def register(function: Function) -> Function:
            if event in ENDINGS:
                hooks = self._attached()
                if hooks is not None:
                    hooks.on_end(event, function)
            else:
                hooks = self._hooks()
                if hooks is not None:
                    found, spans = with_sid(function), self._backend.hub.spans
                    if spans is not None:
                        found = spans.handler(found, self._socket.namespace.name, event, True)
                    keep(hooks, event, found)
            return function

        if handler is None:
            return register
        register(handler)
        return None

    # Catch-alls.

    def on_any(self, listener: Function) -> Function:
        """Call ``listener(event, *args)`` for every event of the client, before anything else is."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.incoming = (*hooks.incoming, Listener.of(listener))
        return listener

    def prepend_any(self, listener: Function) -> Function:
        """Do what `on_any` does, before the listeners that are there already."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.incoming = (Listener.of(listener), *hooks.incoming)
        return listener

    def off_any(self, listener: Callable[..., Any] | None = None) -> None:
        """Forget a listener of `on_any`; all of them if none is given."""
        hooks = self._socket.hooks
        if hooks is not None:
            hooks.incoming = _without(hooks.incoming, listener)

    def listeners_any(self) -> tuple[Callable[..., Any], ...]:
        """Return the listeners of `on_any`, in the order in which they are called."""
        return () if self._socket.hooks is None else _functions(self._socket.hooks.incoming)

    def on_any_outgoing(self, listener: Function) -> Function:
        """Call ``listener(event, *args)`` for every event that is emitted to the client, by broadcasts, too.

        While a socket has such a listener, emitting in its namespace takes longer.
        """
        self._set_outgoing((*self._outgoing(), Listener.of(listener)))
        return listener

    def prepend_any_outgoing(self, listener: Function) -> Function:
        """Do what `on_any_outgoing` does, before the listeners that are there already."""
        self._set_outgoing((Listener.of(listener), *self._outgoing()))
        return listener

    def off_any_outgoing(self, listener: Callable[..., Any] | None = None) -> None:
        """Forget a listener of `on_any_outgoing`; all of them if none is given."""
        self._set_outgoing(_without(self._outgoing(), listener))

    def listeners_any_outgoing(self) -> tuple[Callable[..., Any], ...]:
        """Return the listeners of `on_any_outgoing`, in the order in which they are called."""
        return _functions(self._outgoing())

    # Middleware.

    def use(self, middleware: Function) -> Function:
        """Let every event of the client come through ``middleware(event, args)`` before its handler.

        The middleware may change `args`, a list, in place. It refuses the event by raising
        `rtserver.EventRefused`, whose arguments the client receives as its acknowledgment. Events of a
        client come through one after another: none overtakes one that the middleware still ponders.
        """
        hooks = self._hooks()
        if hooks is not None:
            hooks.middleware = (*hooks.middleware, Listener.of(middleware))
        return middleware

    def _attached(self) -> Hooks | None:
        """Return what is attached to the socket; None when it is gone, and nothing is kept for it."""
        socket = self._socket
        if socket.state is State.GONE:
            return None
        if socket.hooks is None:
            socket.hooks = Hooks()
        return socket.hooks

    def _hooks(self) -> Hooks | None:
        """Return the same, for what makes the messages of its client take the long way."""
        hooks = self._attached()
        if hooks is not None:
            self._socket.client.watched = self._socket.client.careful = True
        return hooks

    def _outgoing(self) -> tuple[Listener, ...]:
        return () if self._socket.hooks is None else self._socket.hooks.outgoing

    def _set_outgoing(self, listeners: tuple[Listener, ...]) -> None:
        hooks = self._hooks()
        if hooks is None:
            return
        had_any, hooks.outgoing = bool(hooks.outgoing), listeners
        if listeners and not had_any:
            self._socket.namespace.listen()
        elif had_any and not listeners:
            self._socket.namespace.unlisten()


def _functions(listeners: tuple[Listener, ...]) -> tuple[Callable[..., Any], ...]:
    return tuple(listener.function for listener in listeners)


def _without(listeners: tuple[Listener, ...], function: Callable[..., Any] | None) -> tuple[Listener, ...]:
    """Return the listeners without the first one of a function; without any if none is given."""
    if function is None:
        return ()
    for position, listener in enumerate(listeners):
        if listener.function == function:
            return (*listeners[:position], *listeners[position + 1 :])
    return listeners
