"""How a client leaves a namespace, or is refused by it.

Socket.IO v5, "Disconnection from a namespace".

- In a ``disconnect`` handler rooms and session are still there, as in python-socketio.
- ``disconnect`` in the ``connect`` handler refuses the client; python-socketio ignores it.
- Nothing is left of a socket when its ``disconnect`` handler has ended, unless its client may come back:
  `rtserver.server.recovery.recovery`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rtserver.engineio.logged import connection_fields
from rtserver.server import acks, old_clients
from rtserver.server.client import Client
from rtserver.server.delivery.send_queue import SendQueue
from rtserver.server.handlers import Lifecycle
from rtserver.server.hub import Hub, deliver
from rtserver.server.lifecycle import LifecycleTasks
from rtserver.server.logged import client_fields
from rtserver.server.ordered_start import HandlerTask
from rtserver.server.reasons import Reason
from rtserver.server.socket import NOWHERE, Socket, State

__all__ = ["REJECTED", "Leaving"]

REJECTED: Final = {"message": "Connection rejected by server"}


class Leaving:
    """The end of sockets, for all clients of a server.

    Args:
        hub: The shared state.
        tasks: Runs ``disconnect`` handlers.
    """

    __slots__ = ("_hub", "_tasks", "_then")

    def __init__(self, hub: Hub, tasks: LifecycleTasks) -> None:
        self._hub = hub
        self._tasks = tasks
        self._then: dict[Socket, Callable[[], object]] = {}
        """Sockets that are leaving, and what waits for them to be gone."""

    # Refused.

    def turn_away(self, client: Client, name: str, error: dict[str, Any]) -> None:
        """Answer a CONNECT packet with an error.

        Args:
            client: Who sent it.
            name: The namespace.
            error: What the client is told: a ``message``, and perhaps ``data``.
        """
        hub = self._hub
        hub.counters.refusals += 1
        try:
            packet = hub.codec.connect_error(name, old_clients.refusal(client, error))
        except Exception:
            hub.logger.exception(
                "what client %s is told about its refusal by namespace %s can't be sent",
                client.session.handshake.remote[0],
                name,
                extra={**connection_fields(client.session), "namespace": name},
            )
            packet = hub.codec.connect_error(name, old_clients.refusal(client, {"message": error["message"]}))
        deliver(client.session, packet)

    def refuse(self, socket: Socket, error: dict[str, Any]) -> None:
        """End a socket that its namespace doesn't let in. Its ``disconnect`` handler isn't called."""
        client, name = socket.client, socket.namespace.name
        if socket.state is State.CONNECTING:
            client.decided(name)
            self._gone(socket)
            self.turn_away(client, name, error)
        elif socket.state is State.CONNECTED:  # always_connect
            self._hub.counters.refusals += 1
            self._hub.counters.disconnects += 1
            client.remove(socket)
            self._tell(socket)
            self._gone(socket)

    # Accepted once, and leaving.

    def lose(self, client: Client, reason: str) -> None:
        """End everything that a session carried: it has closed."""
        client.reason = reason
        client.partial = None
        if client.timer is not None:
            client.timer.cancel()
            client.timer = None
        for connecting in tuple((client.connecting or {}).values()):
            if connecting is not None:
                connecting.recipient = NOWHERE
        for socket in client.sockets():
            self.leave(socket, reason)

    def disconnect(self, socket: Socket) -> HandlerTask | None:
        """End a socket because the application asks for it.

        Returns:
            The ``disconnect`` handler, if it has suspended.
        """
        if socket.state is State.CONNECTING:
            self.refuse(socket, REJECTED)
            return None
        if socket.state is not State.CONNECTED:
            if self._hub.recovery is not None:
                self._hub.recovery.give_up(socket)
            return None
        if self._hub.recovery is not None:
            self._hub.recovery.settle(socket)
        self._tell(socket)
        return self.leave(socket, Reason.SERVER_DISCONNECT)

    def leave(self, socket: Socket, reason: str) -> HandlerTask | None:
        """End a socket: nothing is sent to it any more, and its ``disconnect`` handler is called.

        Returns:
            The handler, if it has suspended.
        """
        if socket.state is not State.CONNECTED:
            return None
        hub = self._hub
        socket.state = State.LEAVING
        _silence(socket)
        socket.client.remove(socket)
        acks.abandon(socket)
        if socket.hooks is not None:
            socket.hooks.reason = reason
            socket.hooks.ended(hub, socket, "disconnecting")
        if socket.recovery is not None and hub.recovery is not None:
            hub.recovery.left(socket, reason)
        hub.counters.disconnects += 1
        if hub.settings.verbose:
            hub.logger.info(
                "%s leaves namespace %s: %s",
                socket.sid,
                socket.namespace.name,
                reason,
                extra=client_fields(socket, reason=reason),
            )
        handler = socket.namespace.on_disconnect
        if handler is None:
            self._gone(socket)
            return None
        return self._tasks.start(socket, self._part(socket, handler, reason))

    def after(self, socket: Socket, then: Callable[[], object]) -> None:
        """Call `then` when a socket that is leaving is gone. The latest call for a socket counts."""
        self._then[socket] = then

    async def _part(self, socket: Socket, handler: Lifecycle, reason: str) -> None:
        try:
            if handler.takes_last:
                result = handler.function(socket.sid, reason)
            else:
                result = handler.function(socket.sid)
            if handler.is_async:
                await result
        except Exception as failure:  # noqa: BLE001 - whatever an application raises is logged
            self._hub.handler_failed(socket, "disconnect", failure)
        finally:
            self._gone(socket)

    def _tell(self, socket: Socket) -> None:
        """Tell a client that it is in the namespace no longer, behind what waits for it."""
        name, client = socket.namespace.name, socket.client
        client.drop(name)
        if isinstance(socket.recipient, SendQueue):
            socket.recipient.hand_over()
        deliver(client.session, self._hub.codec.disconnect(name))

    def _gone(self, socket: Socket) -> None:
        was_accepted, hooks = socket.state is not State.CONNECTING, socket.hooks
        socket.state = State.GONE
        _silence(socket)
        acks.abandon(socket)
        self._hub.forget(socket, was_accepted)
        if hooks is not None:
            hooks.ended(self._hub, socket, "disconnect")
        then = self._then.pop(socket, None)
        if then is not None:
            then()
        if socket.recovery is not None and self._hub.recovery is not None:
            self._hub.recovery.gone(socket)


def _silence(socket: Socket) -> None:
    """Send nothing more to a socket."""
    recipient = socket.recipient
    socket.recipient = NOWHERE
    if isinstance(recipient, SendQueue):
        recipient.close()
