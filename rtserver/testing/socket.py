"""One namespace of a test client: emit, call, receive, and handlers for what the server asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from socketio.exceptions import ConnectionError as NotConnected
from socketio.exceptions import ConnectionRefusedError as Refused
from socketio.exceptions import DisconnectedError as Disconnected

from rtserver.server.answers import unpack
from rtserver.server.reasons import Reason
from rtserver.socketio.packet import RESERVED_EVENTS, Packet, PacketType
from rtserver.testing.connection import Connection
from rtserver.testing.events import Event, Inbox
from rtserver.testing.handlers import Handlers

__all__ = ["TestSocket"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class TestSocket:
    """One namespace of a `TestClient`, connected by `connect` or by ``async with``.

    Args:
        connection: The connection that it shares with the client's other namespaces.
        name: The namespace.
        auth: What the client sends of itself: what ``connect`` handlers receive as `auth`.

    Raises:
        ValueError: The name doesn't begin with a slash.
    """

    __test__ = False  # its name doesn't make it a test

    def __init__(self, connection: Connection, name: str, auth: Any = None) -> None:
        if not name.startswith("/"):
            raise ValueError(f"namespace: received {name!r}, expected a name that begins with '/'")
        self.name = name
        self.auth = auth
        self.sid = ""
        """The client's id, once it is connected; it is kept when the connection ends."""
        self.connected = False
        self.recovered = False
        """Whether the server has given it back what it had before its connection was lost."""
        self.disconnected: str | None = None
        """Why the last connection has ended, as the server's ``disconnect`` handler is told."""
        self.received: list[Event] = []
        """Every event that has come, whoever took it, since the first `connect`."""
        self._connection = connection
        self._inbox = Inbox()
        self._handlers = Handlers(connection)
        self._deciding: asyncio.Future[None] | None = None
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._last_ack = 0
        self._pid: str | None = None
        self._offset: str | None = None
        connection.receivers[name] = self

    def __repr__(self) -> str:
        """Say which namespace it is and how far it has come."""
        state = "connected" if self.connected else self.disconnected or "not connected yet"
        return f"<{type(self).__name__} {self.name!r}: {state}>"

    # Coming and going.

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - python-socketio's
        """Connect, over a new connection if there is none.

        Args:
            timeout: Seconds to wait for the server's decision; the client's own if None.

        Raises:
            socketio.exceptions.ConnectionRefusedError: The server has refused; `error_args` has what the
                client is told: a dictionary with ``message``, and ``data`` if there are any.
            socketio.exceptions.ConnectionError: It is connected already, or the connection was closed.
            socketio.exceptions.TimeoutError: The server hasn't decided in time.
        """
        self._connection.check()
        if self.connected or self._deciding is not None:
            raise NotConnected(f"the client is connected to {self.name!r} already, or about to be")
        await self._connection.open()
        self._deciding = asyncio.get_running_loop().create_future()
        try:
            self._connection.send(self._connection.codec.connect(self.name, self._claim()))
            await self._connection.within(
                timeout, self._deciding, lambda: f"the server didn't decide about {self.name!r}"
            )
        finally:
            self._deciding = None
            self._connection.release()

    async def disconnect(self) -> None:
        """Leave the namespace, and the connection with the last one. A no-op once it is disconnected.

        Raises:
            Exception: What a handler of the client has raised.
        """
        if self.connected:
            self._connection.send(self._connection.codec.disconnect(self.name))
            self.ended(Reason.CLIENT_DISCONNECT)
        self._connection.check()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        try:
            await self.disconnect()
        except BaseException:
            if error is None:  # a test's own failure says more
                raise

    # Events.

    async def emit(self, event: str, data: Any = None) -> None:
        """Emit an event. When this returns, the server has taken it, and its handler has begun.

        Args:
            event: The event's name.
            data: A tuple for several arguments, None for no argument; anything else is one argument.

        Raises:
            ValueError: The name is reserved.
            TypeError: The data can't be serialized.
            socketio.exceptions.DisconnectedError: The client isn't connected.
        """
        self._send_event(event, data, None)

    async def call(
        self,
        event: str,
        data: Any = None,
        timeout: float | None = None,  # noqa: ASYNC109 - python-socketio's
    ) -> Any:
        """Emit an event and return the handler's answer.

        Args:
            event: The event's name.
            data: Its arguments, as for `emit`.
            timeout: Seconds to wait; the client's own if None.

        Returns:
            None, the one argument, or a tuple of the arguments that the server answered with.

        Raises:
            ValueError: The name is reserved.
            TypeError: The data can't be serialized.
            socketio.exceptions.DisconnectedError: The client isn't connected, or was disconnected meanwhile.
            socketio.exceptions.TimeoutError: No answer came in time. That is also what a real client sees of
                a handler that doesn't exist, or that has failed: the server's log says so.
        """
        self._last_ack += 1
        number = self._last_ack
        future = self._acks[number] = asyncio.get_running_loop().create_future()
        try:
            self._send_event(event, data, number)
            return await self._connection.within(timeout, future, lambda: f"no answer to {event!r} came")
        finally:
            self._acks.pop(number, None)

    def _send_event(self, event: str, data: Any, ack_id: int | None) -> None:
        self._connection.check()
        if event in RESERVED_EVENTS:
            raise ValueError(f"the event name {event!r} is reserved: choose another one")
        if not self.connected:
            raise self._not_connected()
        args = [event, *data] if isinstance(data, tuple) else [event] if data is None else [event, data]
        self._connection.send(self._connection.codec.encode_event(self.name, ack_id, args))

    async def receive(
        self,
        event: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - python-socketio's
    ) -> Event:
        """Return the next event that no one has received yet, and wait for it if need be.

        Args:
            event: Its name; the next event of any name if None. Those that have a handler go there instead.
            timeout: Seconds to wait; the client's own if None.

        Raises:
            socketio.exceptions.DisconnectedError: The client isn't connected, or was disconnected meanwhile.
            socketio.exceptions.TimeoutError: None came in time.
        """
        self._connection.check()
        found = self._inbox.take(event)
        if found is not None:
            return found
        if not self.connected:
            raise self._not_connected()
        return await self._connection.within(timeout, self._inbox.wait(event), partial(self._missed, event))

    def _missed(self, event: str | None) -> str:
        names = [each.name for each in self.received[-10:]]
        return f"no {'event' if event is None else repr(event)} came; the last events were {names}"

    @overload
    def on(self, event: str, handler: None = None) -> Callable[[Handler], Handler]: ...

    @overload
    def on(self, event: str, handler: Handler) -> Handler: ...

    def on(self, event: str, handler: Handler | None = None) -> Any:
        """Let a function handle an event, instead of `receive`: a decorator, or a call with the function.

        Args:
            event: The event's name.
            handler: A plain function or an ``async def``. It gets the event's arguments; what it returns is
                the acknowledgment: None for no argument, a tuple for several. What it raises, the client's
                next method raises.
        """
        if handler is None:
            return partial(self.on, event)
        self._handlers.add(event, handler)
        return handler

    # What the connection calls.

    @property
    def active(self) -> bool:
        """True while it is connected, or waits for the server's decision."""
        return self.connected or self._deciding is not None

    def packet_received(self, packet: Packet, /) -> None:
        """Take a packet of the server. What comes after the end is ignored."""
        kind, _, ack_id, data, _ = packet
        if not self.active:
            return
        if kind is PacketType.EVENT:
            self._event(ack_id, data)
        elif kind is PacketType.ACK:
            future = self._acks.pop(ack_id or 0, None)
            if future is not None and not future.done():
                future.set_result(unpack(data))
        elif kind is PacketType.CONNECT:
            self._accepted(data)
        elif kind is PacketType.CONNECT_ERROR:
            self._decided(_refusal(data))
        else:
            self.ended(Reason.SERVER_DISCONNECT)

    def ended(self, reason: str, /) -> None:
        """Learn that the connection has ended. A no-op where the namespace isn't connected."""
        self._decided(NotConnected(f"the connection was closed: {reason}{self._violation()}"))
        if not self.connected:
            return
        self.connected = False
        self.disconnected = reason
        error = self._not_connected()
        self._inbox.fail(error)
        for future in self._acks.values():
            if not future.done():
                future.set_exception(error)
        self._connection.release()

    def _claim(self) -> Any:
        """Return what the client sends of itself, and of the state that it had."""
        if self._pid is None or not isinstance(self.auth, dict | None):
            return self.auth
        offset = {} if self._offset is None else {"offset": self._offset}
        return {"pid": self._pid, **offset, **(self.auth or {})}

    def _accepted(self, data: Any) -> None:
        pid = data.get("pid")
        self.recovered = pid is not None and pid == self._pid
        self._pid = pid
        self.sid = data["sid"]
        self.connected = True
        self.disconnected = None
        self._decided(None)

    def _decided(self, error: Exception | None) -> None:
        deciding = self._deciding
        if deciding is None or deciding.done():
            return
        if error is None:
            deciding.set_result(None)
        else:
            deciding.set_exception(error)

    def _event(self, ack_id: int | None, data: Sequence[Any]) -> None:
        # The server adds an offset wherever the last argument would be a string already.
        if self._pid is not None and ack_id is None and isinstance(data[-1], str):
            self._offset = data[-1]
            data = data[:-1]
        event = Event(data[0], tuple(data[1:]))
        self.received.append(event)
        if not self._handlers.handle(event, partial(self._answer, ack_id)):
            self._inbox.add(event)

    def _answer(self, ack_id: int | None, result: Any) -> None:
        if ack_id is not None and self.connected:
            args = result if isinstance(result, tuple) else () if result is None else (result,)
            self._connection.send(self._connection.codec.encode_ack(self.name, ack_id, args))

    def _not_connected(self) -> Disconnected:
        if self.disconnected is None:
            return Disconnected(
                f"the client isn't connected to {self.name!r}: connect() it, or use it in `async with`"
            )
        return Disconnected(
            f"the client was disconnected from {self.name!r}: {self.disconnected}{self._violation()}"
        )

    def _violation(self) -> str:
        violation = self._connection.violation
        return "" if violation is None else f" (the server sent what its codec can't decode: {violation})"


def _refusal(data: Any) -> Refused:
    """Return the error for what a client is told, as the handler that refused it raised it."""
    told = data if isinstance(data, dict) else {"message": data}
    refusal = Refused(told.get("message", ""))
    refusal.error_args = told
    return refusal
