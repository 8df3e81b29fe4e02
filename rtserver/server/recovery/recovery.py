"""How a client that lost its connection gets its id, rooms, data and missed events back.

The official client sends with its CONNECT packet the secret that it was told when it first connected, its
pid, and the offset of the last event that it has received. Where Node's server differs:

- It works for a client that has received no event before its connection was lost.
- It works while the server hasn't noticed yet that the old connection is lost: the new one takes its place.
- The ``disconnect`` handler of the old connection has ended before the ``connect`` handler of the new one
  is called.
- The missed events follow the answer to the CONNECT packet. Node's server sends them before it. The client
  puts what comes before the answer aside, and doesn't forget it when the connection is lost again in
  between: it would handle those events twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from rtserver.errors import TooManyRooms
from rtserver.ids import new_sid
from rtserver.server.client import Client
from rtserver.server.hub import Hub
from rtserver.server.reasons import Reason
from rtserver.server.recovery.claim import Claim
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.recovery.store import RecoveryStore, Restored
from rtserver.server.runtime import is_suspended
from rtserver.server.socket import Held, Socket, State

__all__ = ["RECOVERABLE", "Recovery"]

RECOVERABLE: Final = frozenset(
    {
        Reason.TRANSPORT_CLOSE,
        Reason.TRANSPORT_ERROR,
        Reason.PING_TIMEOUT,
        Reason.SLOW_CLIENT,
        Reason.SERVER_SHUTTING_DOWN,
    }
)
"""Why clients leave that haven't said good-bye, and weren't told to go."""

Then = Callable[[Socket], None]
GoOn = Callable[[bool], object]
"""Called when an occupant is gone, with whether its session is there to be claimed."""


class Waiting:
    """A client that waits until its previous connection has ended, or its state has come from elsewhere.

    Args:
        client: The client.
        name: The namespace.
        claim: What it claims.
        then: What goes on with the socket.
    """

    __slots__ = ("claim", "client", "name", "then")

    def __init__(self, client: Client, name: str, claim: Claim, then: Then) -> None:
        self.client = client
        self.name = name
        self.claim = claim
        self.then = then


class Recovery:
    """The recoverable sessions of a server's clients: the `Occupants` of their store.

    Args:
        hub: The shared state.
        options: What the application chose.
        store: What keeps the state of clients that are away.
    """

    __slots__ = ("_asking", "_hub", "_occupants", "_options", "_store", "_waiting")

    def __init__(self, hub: Hub, options: ConnectionStateRecovery, store: RecoveryStore) -> None:
        self._hub = hub
        self._options = options
        self._store = store
        self._occupants: dict[str, Socket] = {}
        """Whose session it is, by its pid: until its ``disconnect`` handler has ended."""
        self._waiting: dict[str, GoOn] = {}
        """Who waits for an occupant to be gone, by the same pid."""
        self._asking: dict[str, Waiting] = {}
        """Who waits for a session that may be elsewhere."""
        store.attach(self)

    @property
    def store(self) -> RecoveryStore:
        """What keeps the state of clients that are away."""
        return self._store

    def suits(self, client: Client) -> bool:
        """Tell whether a client can recover."""
        session = client.session
        return session.protocol != 3 and self._options.clients(session.handshake)

    def skips_middlewares(self, socket: Socket) -> bool:
        """Tell whether a client has passed the middleware already, when it first came."""
        return socket.recovered and self._options.skip_middlewares

    # A client comes.

    def open(self, client: Client, name: str, claim: Claim | None, then: Then) -> None:
        """Make the socket of a client that can recover.

        Args:
            client: The client.
            name: The namespace.
            claim: What it says it was before; None if it is new.
            then: Called with the socket: at once, or when the client's previous connection has ended and its
                state has been found.
        """
        if claim is None:
            self._begin(client, name, then)
        else:
            self._claim(Waiting(client, name, claim, then))

    def _claim(self, waiting: Waiting) -> None:
        client, name, claim = waiting.client, waiting.name, waiting.claim
        occupant = self._occupants.get(claim.pid)
        if occupant is not None and occupant.namespace.name == name:
            self._evict(occupant)
            if occupant.state is not State.GONE:
                client.decide(name)  # keeps the place: the client is not idle, and needn't ask twice
                self._queue(claim.pid, partial(self._go_on, waiting))
                return
        earlier = self._asking.get(claim.pid)
        if earlier is not None:  # by a connection that may be lost
            if (earlier.name, earlier.claim) == (name, claim):
                client.decide(name)
                self._asking[claim.pid] = waiting
                self._go_on(earlier, False)
            else:
                self._begin(client, name, waiting.then)
            return
        # At most half of what may be held for the client: there must be room for what is sent to it now.
        restored = self._store.restore(name, claim.pid, claim.offset, self._hub.settings.max_held // 2)
        if restored is None or isinstance(restored, Restored):
            self._restored(waiting, restored)
        else:
            client.decide(name)
            self._asking[claim.pid] = waiting
            runtime = self._hub.runtime()
            task = runtime.start(self._restore(claim.pid, restored))
            if is_suspended(task):
                runtime.keep(task)

    async def _restore(self, pid: str, restoring: Awaitable[Restored | None]) -> None:
        """Wait for a session, and give it to the connection that has asked for it last."""
        restored = None
        try:
            async with asyncio.timeout(self._hub.settings.connect_timeout):
                restored = await restoring
        except TimeoutError:
            self._hub.logger.warning("the state of a client was not found in time: it is a new client")
        except Exception:
            self._hub.logger.exception("the state of a client could not be restored: it is a new client")
        finally:
            waiting = self._asking.pop(pid)
            client = waiting.client
            client.decided(waiting.name)
        if client.reason is None and client.session.is_open:
            self._restored(waiting, restored)
        elif restored is not None:
            self._store.save(restored.session)

    def _restored(self, waiting: Waiting, restored: Restored | None) -> None:
        if restored is None:
            self._begin(waiting.client, waiting.name, waiting.then)
        else:
            self._resume(waiting.client, waiting.name, restored, waiting.then)

    def _begin(self, client: Client, name: str, then: Then) -> None:
        socket = self._hub.open(name, new_sid(), client, Held(self._hub.settings.max_held))
        socket.recovery = session = self._store.open(name, socket.sid)
        self._occupants[session.pid] = socket
        then(socket)

    def _resume(self, client: Client, name: str, restored: Restored, then: Then) -> None:
        hub = self._hub
        session, missed = restored
        held = Held(hub.settings.max_held)
        for outgoing in missed:
            held.send_outgoing(outgoing)
        socket = hub.open(name, session.sid, client, held)
        socket.data = session.data
        socket.recovery = session
        with suppress(TooManyRooms):  # the server that it comes from allows more
            for room in session.rooms:
                socket.namespace.enter(socket, room)
        session.recovered = True
        session.rooms = ()
        session.data = None
        self._occupants[session.pid] = socket
        hub.counters.recoveries += 1
        hub.counters.recovered_events += len(missed)
        then(socket)

    def _evict(self, occupant: Socket) -> None:
        # Who knows the secret is that client, and wouldn't come if its connection were any good.
        occupant.client.session.close(Reason.TRANSPORT_CLOSE)

    def release(self, namespace: str, pid: str, then: Callable[[], object]) -> None:
        """Let the session of a client be free, as it has come back to another server."""
        occupant = self._occupants.get(pid)
        if occupant is None or occupant.namespace.name != namespace:
            then()
            return
        self._evict(occupant)
        if occupant.state is State.GONE:
            then()
        else:
            self._queue(pid, lambda may_claim: then())

    def data(self, pid: str) -> dict[str, Any] | None:
        """Return the application's data of a client that is connected."""
        occupant = self._occupants.get(pid)
        return None if occupant is None else occupant.data

    def _queue(self, pid: str, go_on: GoOn) -> None:
        """Wait until an occupant is gone. The latest who does so gets its session."""
        superseded = self._waiting.get(pid)
        self._waiting[pid] = go_on
        if superseded is not None:
            superseded(False)

    def _go_on(self, waiting: Waiting, may_claim: bool) -> None:
        client, name = waiting.client, waiting.name
        client.decided(name)
        if client.reason is None:
            self.open(client, name, waiting.claim if may_claim else None, waiting.then)

    def settle(self, socket: Socket) -> None:
        """Send a client what was emitted for it so far: it is about to be sent something else, or to go."""
        if socket.recovery is not None:
            self._store.settle()

    # A client goes.

    def lost(self, client: Client) -> None:
        """Learn that a session has closed, however long it takes until its sockets have left."""
        now = self._hub.clock().now()
        for socket in (*client.sockets(), *(client.connecting or {}).values()):
            if socket is not None and socket.recovery is not None:
                socket.recovery.lost_at = now

    def left(self, socket: Socket, reason: str) -> None:
        """Learn that a connection has ended: keep what the client can come back to, if it may."""
        session = socket.recovery
        assert session is not None
        if reason in RECOVERABLE:
            session.rooms = tuple(socket.rooms or ())
            session.data = socket.data
            self._store.save(session)
        else:
            self._forget(socket, session)

    def give_up(self, socket: Socket) -> None:
        """Let the client of a connection that has ended not come back."""
        session = socket.recovery
        if session is None or session.left_at is None:  # it is back already
            return
        if socket.state is State.LEAVING:
            self._forget(socket, session)
        else:
            self._store.discard(session)

    def gone(self, socket: Socket) -> None:
        """Learn that a socket is gone, its ``disconnect`` handler has ended."""
        session = socket.recovery
        if session is None:
            return
        if session.left_at is None:  # it was refused
            self._forget(socket, session)
            return
        session.data = socket.data  # the handler may have replaced it
        self._store.update(session)
        del self._occupants[session.pid]
        go_on = self._waiting.pop(session.pid, None)
        if go_on is not None:
            go_on(True)

    def _forget(self, socket: Socket, session: RecoverableSession) -> None:
        socket.recovery = None
        del self._occupants[session.pid]
        self._store.discard(session)
        go_on = self._waiting.pop(session.pid, None)
        if go_on is not None:
            go_on(False)
