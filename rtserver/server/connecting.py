"""How a client joins a namespace and leaves it again.

Socket.IO v5, "Connection to a namespace" and "Disconnection from a namespace". Where Node's server and
python-socketio's differ, the client decides: the official clients were written for Node's.

- An unknown namespace is answered with Node's ``Invalid namespace``.
- A second CONNECT for a namespace that the client is in already closes the connection, as in Node. One
  that comes while the first is being decided is ignored: a browser application that connects,
  disconnects and connects again at once sends two, and one answer serves both.
- A ``connect`` handler that fails refuses the client. python-socketio leaves it without an answer.
- What is sent to a client in its ``connect`` handler follows the answer, which both clients need first. So
  does what handlers of rooms send when it enters its own: Node's server sends that before it.
- ``disconnect`` in the ``connect`` handler refuses the client; python-socketio ignores it.
- A client that goes while its ``connect`` handler runs has its ``disconnect`` handler called after that
  one has accepted it, so that what one of them sets up, the other takes down. Neither is called for one
  that goes before, while middleware runs.
- A client that lost its connection may come back to what it was: `rtserver.server.recovery.recovery`.
- In a ``disconnect`` handler rooms and session are still there, as in python-socketio.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.clock import Timer
from rtserver.errors import SocketViolation
from rtserver.ids import new_sid
from rtserver.server import acks, old_clients
from rtserver.server.client import Client
from rtserver.server.delivery.send_queue import SendQueue, make_queue
from rtserver.server.environ import Environ
from rtserver.server.flow import Flow
from rtserver.server.handlers import Lifecycle
from rtserver.server.hub import Hub, deliver
from rtserver.server.ordered_start import HandlerTask
from rtserver.server.reasons import Reason
from rtserver.server.recovery.claim import split_claim
from rtserver.server.runtime import is_suspended
from rtserver.server.socket import NOWHERE, Held, Recipient, Socket, State

__all__ = ["Connecting"]

UNKNOWN: Final = {"message": "Invalid namespace"}
REJECTED: Final = {"message": "Connection rejected by server"}
REFUSED: Final = {"message": "Connection refused by server"}
TOO_MANY: Final = {"message": "Too many namespaces"}

MAX_OTHERS: Final = 1000
"""Namespaces that a client may join besides its first: where any name is accepted, they have no end."""


class Connecting:
    """The coming and going of sockets, for all clients of a server.

    Args:
        hub: The shared state.
        flow: Counts the handlers that suspend.
    """

    __slots__ = ("_flow", "_hub", "_returning")

    def __init__(self, hub: Hub, flow: Flow) -> None:
        self._hub = hub
        self._flow = flow
        self._returning: dict[Socket, Any] = {}
        """Sockets that are leaving, and what their clients sent to join again meanwhile."""

    # A client comes.

    def welcome(self, client: Client) -> None:
        """Take a new client: an old one joins the main namespace without asking for it."""
        self.watch(client)
        if old_clients.is_old(client):
            self._hub.runtime().loop.call_soon(self._join_main, client)  # the session isn't open yet

    def _join_main(self, client: Client) -> None:
        may_join = client.reason is None and client.session.is_open
        if may_join and client.find(old_clients.MAIN) is None:  # it may have asked for it in its first chunk
            self.connect(client, old_clients.MAIN, None)

    def watch(self, client: Client) -> None:
        """Disconnect `client` if it has joined no namespace in time."""
        timeout = self._hub.settings.connect_timeout
        if timeout is not None:
            client.timer = Timer(self._hub.runtime().clock, partial(self._overdue, client))
            client.timer.set(timeout)

    def _overdue(self, client: Client) -> None:
        if client.connecting:  # that its handler takes long is not the client's fault
            self.watch(client)
        else:
            client.timer = None
            self._hub.counters.connect_timeouts += 1
            client.session.close("connect timeout")

    def connect(self, client: Client, name: str, auth: Any) -> None:
        """Answer a CONNECT packet, at once or when the ``connect`` handler has ended.

        Raises:
            SocketViolation: The client is in that namespace already.
        """
        hub = self._hub
        if client.find(name) is not None:
            raise SocketViolation(f"a second CONNECT for namespace {name!r}")
        if client.connecting is not None and name in client.connecting:
            return
        error = None
        if not hub.accepts(name) and not hub.may_accept(name):
            error = UNKNOWN
        elif client.others is not None and len(client.others) >= MAX_OTHERS:
            error = TOO_MANY
        if error is not None:
            hub.counters.refusals += 1
            deliver(client.session, hub.codec.connect_error(name, old_clients.refusal(client, error)))
            return
        recovery = hub.recovery
        if recovery is not None and recovery.suits(client):
            claim, auth = split_claim(auth)
            recovery.open(client, name, claim, partial(self._join, auth=auth))
            return
        sid = new_sid()
        if old_clients.is_old(client):
            sid = old_clients.sid_for(client, name)
            leaving = hub.find(name, sid)
            if leaving is not None:  # back with the same id: first its disconnect handler ends
                self._returning[leaving] = auth
                return
        self._join(hub.open(name, sid, client, Held(hub.settings.max_held)), auth)

    def _join(self, socket: Socket, auth: Any) -> None:
        hub, client, name = self._hub, socket.client, socket.namespace.name
        socket.auth = auth
        if hub.settings.verbose:
            hub.logger.info("%s connects to namespace %s", socket.sid, name)
        namespace = socket.namespace
        is_known = hub.accepts(name)
        is_open = is_known and namespace.on_connect is None and not namespace.middlewares
        if is_open or (is_known and hub.settings.always_connect):
            self._accept(socket)
        elif client.connecting is None:
            client.connecting = {name: socket}
        else:
            client.connecting[name] = socket
        if not is_open:
            self._start(socket, self._admit(socket, auth, is_known))
        client.session.handshake.request = None

    async def _admit(self, socket: Socket, auth: Any, is_known: bool) -> None:
        environ = self.environ(socket)
        error: dict[str, Any] | None = REJECTED
        try:
            if is_known or await self._is_case(socket, auth):
                if await self._pass(socket) and await _ask(socket, environ, auth):
                    error = None
            else:
                error = UNKNOWN
        except Refusal as refusal:
            error = refusal.error_args
        except ConnectionRefusedError:
            error = REFUSED
        except Exception as failure:  # noqa: BLE001 - whatever an application raises is logged
            self._failed("connect", socket, failure)
        finally:
            if socket.client.environ is environ:
                environ.release_request()
            if error is not None:
                self._refuse(socket, error)
            elif socket.state is State.CONNECTING:
                self._accept(socket)

    async def _is_case(self, socket: Socket, auth: Any) -> bool:
        """Tell whether a dynamic namespace has the socket's as a case."""
        namespace = socket.namespace
        parent = await self._hub.dynamic.find(namespace.name, auth)
        if parent is not None and namespace.parent is None:
            self._hub.adopt(namespace, parent)
        return parent is not None

    async def _pass(self, socket: Socket) -> bool:
        """Let a socket pass the middlewares of its namespace, each of which may refuse it by raising.

        Returns:
            False when it has gone meanwhile: then its ``connect`` handler isn't called, as in Node.
        """
        if self._hub.recovery is None or not self._hub.recovery.skips_middlewares(socket):
            for function, is_async in socket.namespace.middlewares:
                if _has_gone(socket):
                    break
                waiting = function(self._hub.facade(socket))
                if is_async:
                    await waiting
        return not _has_gone(socket)

    def _accept(self, socket: Socket) -> None:
        hub, client = self._hub, socket.client
        held = socket.recipient
        self._decided(socket)
        if client.reason is None and client.timer is not None:
            client.timer.cancel()
            client.timer = None
        hub.counters.connects += 1
        socket.state = State.CONNECTED
        policy = socket.namespace.slow_clients
        socket.recipient = client.session if policy is None else make_queue(hub, socket, policy)
        client.add(socket)
        if client.reason is None:
            self._answer(socket, held)
        if socket.state is State.CONNECTED:  # what was held may have been too much for it
            hub.accept(socket)
        if client.reason is not None:
            self.leave(socket, client.reason)
        elif isinstance(held, Held) and held.overflowed:
            hub.too_slow(client, hub.settings.max_held)

    def _answer(self, socket: Socket, held: Recipient) -> None:
        """Tell a client that it is connected, and send it what was held for it until then."""
        hub, client = self._hub, socket.client
        answer = {"sid": socket.sid}
        if socket.recovery is not None:
            answer["pid"] = socket.recovery.pid
        payload = old_clients.connect_payload(client, answer)
        deliver(client.session, hub.codec.connect(socket.namespace.name, payload))
        if isinstance(held, Held):
            for outgoing in held.outgoing:
                socket.recipient.send_outgoing(outgoing)

    def _refuse(self, socket: Socket, error: dict[str, Any]) -> None:
        hub, client, name = self._hub, socket.client, socket.namespace.name
        if socket.state in (State.LEAVING, State.GONE):
            return
        hub.counters.refusals += 1
        if socket.state is State.CONNECTED:  # always_connect
            packet = hub.codec.disconnect(name)
            client.remove(socket)
            client.drop(name)
        else:
            self._decided(socket)
            try:
                packet = hub.codec.connect_error(name, old_clients.refusal(client, error))
            except Exception:
                hub.logger.exception("what client %s is told about its refusal can't be sent", socket.sid)
                error = {"message": error["message"]}
                packet = hub.codec.connect_error(name, old_clients.refusal(client, error))
        self._gone(socket)
        deliver(client.session, packet)

    def _decided(self, socket: Socket) -> None:
        connecting = socket.client.connecting
        if connecting is not None:
            connecting.pop(socket.namespace.name, None)
            if not connecting:
                socket.client.connecting = None

    # A client goes.

    def lose(self, client: Client, reason: str) -> None:
        """End everything that a session carried: it has closed."""
        client.reason = reason
        client.partial = None
        if client.timer is not None:
            client.timer.cancel()
            client.timer = None
        for socket in tuple((client.connecting or {}).values()):
            socket.recipient = NOWHERE
        for socket in client.sockets():
            self.leave(socket, reason)

    def disconnect(self, socket: Socket) -> HandlerTask | None:
        """End a socket because the application asks for it.

        Returns:
            The ``disconnect`` handler, if it has suspended.
        """
        name, client = socket.namespace.name, socket.client
        if socket.state is State.CONNECTING:
            self._refuse(socket, REJECTED)
            return None
        if socket.state is not State.CONNECTED:
            if self._hub.recovery is not None:
                self._hub.recovery.give_up(socket)
            return None
        client.drop(name)
        if isinstance(socket.recipient, SendQueue):
            socket.recipient.hand_over()
        deliver(client.session, self._hub.codec.disconnect(name))
        return self.leave(socket, Reason.SERVER_DISCONNECT)

    def leave(self, socket: Socket, reason: str) -> HandlerTask | None:
        """End a socket: nothing is sent to it any more, and its ``disconnect`` handler is called.

        Returns:
            The handler, if it has suspended.
        """
        if socket.state is not State.CONNECTED:
            return None
        socket.state = State.LEAVING
        _silence(socket)
        socket.client.remove(socket)
        acks.abandon(socket)
        if socket.recovery is not None and self._hub.recovery is not None:
            self._hub.recovery.left(socket, reason)
        self._hub.counters.disconnects += 1
        if self._hub.settings.verbose:
            self._hub.logger.info("%s leaves namespace %s: %s", socket.sid, socket.namespace.name, reason)
        handler = socket.namespace.on_disconnect
        if handler is None:
            self._gone(socket)
            return None
        return self._start(socket, self._part(socket, handler, reason))

    async def _part(self, socket: Socket, handler: Lifecycle, reason: str) -> None:
        try:
            if handler.takes_last:
                result = handler.function(socket.sid, reason)
            else:
                result = handler.function(socket.sid)
            if handler.is_async:
                await result
        except Exception as failure:  # noqa: BLE001 - whatever an application raises is logged
            self._failed("disconnect", socket, failure)
        finally:
            self._gone(socket)

    def _gone(self, socket: Socket) -> None:
        was_accepted = socket.state is not State.CONNECTING
        socket.state = State.GONE
        _silence(socket)
        acks.abandon(socket)
        self._hub.forget(socket, was_accepted)
        if socket in self._returning:
            auth = self._returning.pop(socket)
            if socket.client.reason is None:
                self.connect(socket.client, socket.namespace.name, auth)
        if socket.recovery is not None and self._hub.recovery is not None:
            self._hub.recovery.gone(socket)

    # Both.

    def environ(self, socket: Socket) -> Environ:
        """Return a client's environ, built anew unless the application has written to it."""
        client = socket.client
        environ = client.environ or Environ(client.session.handshake.environ(), client)
        environ.tell_recovered(socket.recovered)
        return environ

    def _start(self, socket: Socket, coroutine: Any) -> HandlerTask | None:
        runtime = self._hub.runtime()
        try:
            task = runtime.start(coroutine)
        except asyncio.CancelledError:  # a handler that cancels itself has ended
            return None
        if not is_suspended(task):
            return None
        task.socket = socket
        task.add_done_callback(self._ended)
        runtime.keep(task)
        self._flow.started(socket.client)
        return task  # type: ignore[no-any-return]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        assert isinstance(task, HandlerTask)
        self._flow.ended(task.socket.client)

    def _failed(self, event: str, socket: Socket, failure: Exception) -> None:
        self._hub.handler_failed(socket, event, failure)


def _has_gone(socket: Socket) -> bool:
    """Tell whether a socket has left, or its client's connection has ended before it was accepted."""
    return socket.client.reason is not None or socket.state in (State.LEAVING, State.GONE)


async def _ask(socket: Socket, environ: Environ, auth: Any) -> bool:
    """Call the ``connect`` handler, if there is one, and tell whether it accepts the socket."""
    handler = socket.namespace.on_connect
    if handler is None:
        return True
    if handler.takes_last:
        accepted = handler.function(socket.sid, environ, auth or None)
    else:
        accepted = handler.function(socket.sid, environ)
    if handler.is_async:
        accepted = await accepted
    return accepted is not False


def _silence(socket: Socket) -> None:
    """Send nothing more to a socket."""
    recipient = socket.recipient
    socket.recipient = NOWHERE
    if isinstance(recipient, SendQueue):
        recipient.close()
