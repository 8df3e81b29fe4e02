"""Who may join a namespace: dynamic namespaces, middleware and the ``connect`` handler decide, in that order.

- A ``connect`` handler that fails refuses the client. python-socketio leaves it without an answer.
- What is sent to a client in its ``connect`` handler follows the answer, which both clients need first. So
  does what handlers of rooms send when it enters its own: Node's server sends that before it.
- A client that goes while its ``connect`` handler runs has its ``disconnect`` handler called after that
  one has accepted it, so that what one of them sets up, the other takes down. Neither is called for one
  that goes before, while middleware runs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.server import old_clients
from rtserver.server.client import Client
from rtserver.server.delivery.send_queue import make_queue
from rtserver.server.environ import Environ, environ_of
from rtserver.server.hub import Hub, deliver
from rtserver.server.leaving import REJECTED, Leaving
from rtserver.server.lifecycle import LifecycleTasks
from rtserver.server.logged import client_fields
from rtserver.server.socket import Held, Recipient, Socket, State

__all__ = ["UNKNOWN", "Admission"]

UNKNOWN: Final = {"message": "Invalid namespace"}
REFUSED: Final = {"message": "Connection refused by server"}


class Admission:
    """Lets sockets into their namespaces, for all clients of a server.

    Args:
        hub: The shared state.
        tasks: Runs what decides.
        leaving: Ends sockets that are refused.
    """

    __slots__ = ("_hub", "_leaving", "_tasks")

    def __init__(self, hub: Hub, tasks: LifecycleTasks, leaving: Leaving) -> None:
        self._hub = hub
        self._tasks = tasks
        self._leaving = leaving

    def begin(self, socket: Socket, auth: Any) -> None:
        """Decide about a new socket, at once or when the ``connect`` handler has ended.

        Args:
            socket: The socket.
            auth: What its client sent with its CONNECT packet.
        """
        hub, client, namespace = self._hub, socket.client, socket.namespace
        socket.auth = auth
        if hub.settings.verbose:
            hub.logger.info(
                "%s connects to namespace %s", socket.sid, namespace.name, extra=client_fields(socket)
            )
        is_known = hub.accepts(namespace.name)
        is_open = is_known and namespace.on_connect is None and not namespace.middlewares
        if is_open or (is_known and hub.settings.always_connect):
            self._accept(socket)
        else:
            client.decide(namespace.name, socket)
        if is_open:
            self._release_request(client)
        else:
            self._tasks.start(socket, self._admit(socket, auth, is_known))

    async def _admit(self, socket: Socket, auth: Any, is_known: bool) -> None:
        environ = environ_of(socket)
        socket.client.admissions += 1
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
            self._hub.handler_failed(socket, "connect", failure)
        finally:
            if error is not None:
                self._leaving.refuse(socket, error)
            elif socket.state is State.CONNECTING:
                self._accept(socket)
            socket.client.admissions -= 1
            self._release_request(socket.client)

    def _release_request(self, client: Client) -> None:
        """Let go of the host's request, which weighs some kilobytes, once no handler is to have it."""
        if client.session.handshake.request is None or client.admissions:
            return
        if not self._hub.handlers.may_ask(client.find):
            self._let_go(client)

    def _release_late(self, client: Client) -> None:
        """Let go of the request of a client that hasn't joined every namespace in the time for that."""
        timeout = self._hub.settings.connect_timeout
        if client.admissions and client.timer is not None and timeout is not None:
            client.timer.set(timeout)
        else:
            self._let_go(client)

    def _let_go(self, client: Client) -> None:
        client.session.handshake.request = None
        if client.environ is not None:
            client.environ.release_request()
        if client.socket is not None:
            _stop_timer(client)

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
        client.decided(socket.namespace.name)
        if client.session.handshake.request is None:
            _stop_timer(client)
        elif client.timer is not None:
            client.timer.callback = partial(self._release_late, client)
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
            self._leaving.leave(socket, client.reason)
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


def _stop_timer(client: Client) -> None:
    if client.timer is not None:
        client.timer.cancel()
        client.timer = None


def _has_gone(socket: Socket) -> bool:
    """Tell whether a socket has left, or its client's connection has ended before it was accepted.

    A client that has come back to its state, and is lost again, is let in all the same: else that would end.
    """
    if socket.state in (State.LEAVING, State.GONE):
        return True
    return socket.client.reason is not None and not socket.recovered


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
