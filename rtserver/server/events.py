"""What becomes of an event once its packet is taken apart: catch-alls, middleware, handler, acknowledgment.

The events of nearly all clients take the short way in `Dispatch.packet`, which does the same in one piece
for clients without anything but handlers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rtserver.errors import EventRefused, SocketViolation, TooManyRooms
from rtserver.server import acks
from rtserver.server.delivery.duplicates import Duplicates, Receipt
from rtserver.server.flow import Flow
from rtserver.server.handlers import RESERVED, Found
from rtserver.server.hooks import Hooks
from rtserver.server.hub import Hub, deliver
from rtserver.server.logged import client_fields
from rtserver.server.ordered_start import HandlerTask
from rtserver.server.runtime import is_suspended
from rtserver.server.socket import Socket, State

__all__ = ["Events"]


class Events:
    """The events of all clients of a server, and their acknowledgments.

    Args:
        hub: The shared state.
        flow: Counts the handlers that suspend.
    """

    __slots__ = ("_duplicates", "_encode_ack", "_flow", "_hub", "_verbose", "start")

    def __init__(self, hub: Hub, flow: Flow) -> None:
        self._hub = hub
        self._flow = flow
        self._verbose = hub.settings.verbose
        self._encode_ack = hub.codec.encode_ack
        self._duplicates: Duplicates | None = None
        if hub.settings.duplicates is not None:
            self._duplicates = Duplicates(hub.settings.duplicates, hub.runtime, hub.counters, self._send_ack)
        self.start: Callable[[Any], Any]
        """`Runtime.start` of the running loop, from the first client on."""

    def received(self, socket: Socket, ack_id: int | None, args: list[Any]) -> None:
        """Take an event of a client.

        Args:
            socket: The client.
            ack_id: The id of the acknowledgment that it wants; None for none.
            args: The event's name, then its arguments.

        Raises:
            SocketViolation: The name is reserved.
        """
        event = args[0]
        socket.namespace.received += 1
        hooks, found = socket.hooks, None
        if hooks is None:
            found = socket.namespace.events.get(event) or self._find(socket, event)
            if found is None:
                return
        elif event in RESERVED:
            raise _reserved(event)
        if self._verbose:
            self._log_event(socket, event)
        ack: int | Receipt | None = ack_id
        if ack_id is not None and self._duplicates is not None:
            ack = self._duplicates.admit(socket, ack_id, args)
            if ack is None:
                return
        if hooks is not None:
            hooks.received(self._hub, socket, args)
            if hooks.middleware and socket.state is State.CONNECTED:
                passing = self.start(self._passing(socket, hooks, args, ack))
                if passing.__class__ is HandlerTask:
                    self.suspended(socket, passing, event, None)
                return
            if socket.state is State.CONNECTED:  # else a catch-all has disconnected it
                found = self._take(socket, hooks, event)
        if found is not None:
            self._call(socket, found, args, ack)
        elif isinstance(ack, Receipt):
            ack.fail()

    async def _passing(
        self,
        socket: Socket,
        hooks: Hooks,
        args: list[Any],
        ack: int | Receipt | None,
    ) -> None:
        """Let an event come through its socket's middleware, then start its handler."""
        event, *rest = args
        try:
            async with hooks.lock:
                try:
                    is_wanted = await hooks.let_through(socket, event, rest)
                except EventRefused as refusal:
                    is_wanted = False
                    self._hub.counters.refused_events += 1
                    if ack is not None and refusal.args:
                        self._acknowledge(socket, ack, refusal.args)
                        return
                found = self._take(socket, hooks, event) if is_wanted else None
                if found is not None:
                    self._call(socket, found, [event, *rest], ack)
                elif isinstance(ack, Receipt):
                    ack.fail()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is logged
            self.failed(socket, event, error, ack)

    def _call(self, socket: Socket, found: Found, args: list[Any], ack: int | Receipt | None) -> None:
        event = args[0]
        function, is_async = found
        args[0] = socket.sid
        try:
            result = function(*args)
            if is_async:
                result = self.start(result)
                if result.__class__ is HandlerTask:
                    self.suspended(socket, result, event, ack)
                    return
            if ack is not None:
                self._acknowledge(socket, ack, result)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is logged
            self.failed(socket, event, error, ack)

    def _take(self, socket: Socket, hooks: Hooks, event: str) -> Found | None:
        """Return what handles an event now, where the socket may have handlers of its own."""
        return hooks.take(event) or socket.namespace.events.get(event) or self._find(socket, event)

    def _find(self, socket: Socket, event: str) -> Found | None:
        """Return what handles an event that the namespace hasn't remembered; None for nothing.

        Raises:
            SocketViolation: The name is reserved.
        """
        if event in RESERVED:
            raise _reserved(event)
        known = self._hub.handlers.find(socket.namespace.name, event, socket.namespace.parent)
        if known is None:
            self._hub.counters.unhandled_events += 1
            if self._verbose:
                self._log_event(
                    socket, event, "received event %r from %s [%s], for which there is no handler"
                )
            return None
        found, holds = known
        if self._hub.spans is not None:
            found = self._hub.spans.handler(found, socket.namespace.name, event, holds)
        if holds:
            socket.namespace.events[event] = found
        return found

    def _acknowledge(self, socket: Socket, ack: int | Receipt, result: Any) -> None:
        if result is None:
            result = ()
        elif not isinstance(result, tuple):
            result = (result,)
        if isinstance(ack, Receipt):
            ack.answer(result)
        else:
            self._send_ack(socket, ack, result)

    def _send_ack(self, socket: Socket, ack_id: int, args: Sequence[Any]) -> int:
        packet = self._encode_ack(socket.namespace.name, ack_id, args)
        deliver(socket.recipient, packet)
        return len(packet)

    def suspended(self, socket: Socket, task: HandlerTask, event: str, ack: int | Receipt | None) -> None:
        """Take note that a handler goes on as a task."""
        task.socket = socket
        task.event = event
        task.ack = ack
        task.add_done_callback(self._ended)
        self._hub.runtime().tasks.add(task)
        self._flow.started(socket.client)

    def _ended(self, task: Any) -> None:
        socket: Socket = task.socket
        self._hub.runtime().tasks.discard(task)
        try:
            result = task.result()
            if task.ack is not None:
                self._acknowledge(socket, task.ack, result)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is logged
            self.failed(socket, task.event, error, task.ack)
        self._flow.ended(socket.client)

    def acknowledged(self, socket: Socket, ack_id: int | None, args: list[Any]) -> None:
        """Take an acknowledgment of a client."""
        callback = acks.take(socket, ack_id)
        if self._verbose:
            self._hub.logger.info(
                "received ack from %s [%s]", socket.sid, socket.namespace.name, extra=client_fields(socket)
            )
        if callback is None:
            self._hub.counters.unknown_acks += 1
            return
        try:
            result = callback(*args)
            if asyncio.iscoroutine(result):
                result = self.start(result)
                if is_suspended(result):
                    self.suspended(socket, result, "acknowledgment", None)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is logged
            self.failed(socket, "acknowledgment", error)

    def failed(
        self, socket: Socket, event: str, error: BaseException, ack: int | Receipt | None = None
    ) -> None:
        """Take note that a handler has failed: its client isn't answered, and learns nothing of it.

        But one that had too many rooms to enter another is told so.
        """
        if isinstance(error, TooManyRooms):
            if ack is not None:
                self._acknowledge(socket, ack, error.answer)
            return
        if isinstance(ack, Receipt):
            ack.fail()
        if not isinstance(error, asyncio.CancelledError):
            self._hub.handler_failed(socket, event, error)

    def _log_event(self, socket: Socket, event: str, text: str = "received event %r from %s [%s]") -> None:
        self._hub.logger.info(
            text,
            event,
            socket.sid,
            socket.namespace.name,
            extra=client_fields(socket, event=event),
        )


def _reserved(event: str) -> SocketViolation:
    return SocketViolation(f"an event named {event!r}: the name is reserved")
