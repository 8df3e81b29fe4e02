"""What the parts of a server share: settings, codec, handlers, namespaces, counters and the running loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rtserver.clock import Clock
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.client import Client
from rtserver.server.counters import Counters
from rtserver.server.delivery.slow_clients import Drop, SlowClientPolicy, policy_of
from rtserver.server.dynamic import DynamicNamespaces
from rtserver.server.handlers import EVERY, HandlerRegistry
from rtserver.server.logged import client_fields, clients_fields
from rtserver.server.namespace import Namespace
from rtserver.server.reasons import Reason
from rtserver.server.room_events import RoomObserver
from rtserver.server.room_limit import RoomLimit
from rtserver.server.runtime import Runtime, is_suspended
from rtserver.server.settings import Settings
from rtserver.server.socket import Recipient, Socket
from rtserver.server.spans import Spans
from rtserver.socketio.codec import Codec

if TYPE_CHECKING:
    from rtserver.server.recovery.recovery import Recovery

__all__ = ["Hub", "deliver"]


MAX_EMPTY = 1000
"""Cases of dynamic namespaces that are kept though they have no clients."""


class Hub:
    """The shared state of one server.

    Args:
        settings: What the application chose.
        codec: The serializer.
        logger: Where this server logs.
        make_clock: Returns the clock of the running loop, where another layer has one already.
    """

    __slots__ = (
        "_empty",
        "_kept",
        "_make_clock",
        "_observers",
        "_runtime",
        "codec",
        "counters",
        "dynamic",
        "facade",
        "handlers",
        "logger",
        "namespaces",
        "on_close",
        "on_open",
        "on_socket",
        "recovery",
        "room_limit",
        "settings",
        "shared_data",
        "slow_clients",
        "spans",
    )

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        logger: logging.Logger,
        make_clock: Callable[[], Clock] | None = None,
    ) -> None:
        self.settings = settings
        self.codec = codec
        self.logger = logger
        self.handlers = HandlerRegistry()
        self.dynamic = DynamicNamespaces()
        self.namespaces: dict[str, Namespace] = {}
        self._empty: dict[str, None] = {}
        """Cases of dynamic namespaces without clients, the one that is empty for longest first."""
        self._kept: set[str] = set()
        """What is listened for whether or not clients are there."""
        self.slow_clients = dict(settings.slow_clients)
        """What is done with events while a client is slow, by namespace."""
        self.counters = Counters()
        self.room_limit: RoomLimit | None = None
        if settings.max_rooms is not None:
            self.room_limit = RoomLimit(settings.max_rooms, self.counters)
        self.recovery: Recovery | None = None
        """Who can come back to what; None where it isn't wanted."""
        self._observers: list[tuple[str | None, RoomObserver, bool]] = []
        self.on_open: Callable[[str], object]
        """Called with the name of a namespace before its first client."""
        self.on_close: Callable[[str], object]
        """Called with the name of a namespace that only clients have named, after the last of them."""
        self.facade: Callable[[Socket], Any]
        """Returns what applications see of a socket."""
        self.on_socket: Callable[[Socket], object] | None = None
        """Called with each new socket, before anything is decided about it."""
        self.shared_data: Callable[[Socket], dict[str, Any]] = _data_of
        """Returns what other servers are told of a socket's data."""
        self.spans: Spans | None = None
        """Tells where time goes; None where nobody wants to know."""
        self._make_clock = make_clock
        self._runtime: Runtime | None = None

    def runtime(self) -> Runtime:
        """Return what belongs to the running loop.

        Raises:
            RuntimeError: No loop runs.
        """
        loop = asyncio.get_running_loop()
        runtime = self._runtime
        if runtime is None or runtime.loop is not loop:
            clock = Clock(loop) if self._make_clock is None else self._make_clock()
            runtime = self._runtime = Runtime(loop, clock)
        return runtime

    def clock(self) -> Clock:
        """Return the clock of the running loop."""
        return self.runtime().clock

    def accepts(self, name: str) -> bool:
        """Tell whether clients may join this namespace."""
        if not name.startswith("/"):
            return False
        accepted = self.settings.namespaces
        if name in accepted or EVERY in accepted or self.handlers.has_namespace(name):
            return True
        found = self.namespaces.get(name)
        return found is not None and found.parent is not None

    def may_accept(self, name: str) -> bool:
        """Tell whether a dynamic namespace may have this one as a case."""
        return name.startswith("/") and bool(self.dynamic)

    def keep(self, name: str) -> None:
        """Listen for a namespace from now on, whether or not clients are there."""
        self._kept.add(name)
        self.on_open(name)

    def adopt(self, namespace: Namespace, parent: str) -> None:
        """Make a namespace a case of a dynamic one."""
        self.on_open(namespace.name)
        namespace.parent = parent
        namespace.refresh(self.handlers)

    def open(self, name: str, sid: str, client: Client, recipient: Recipient) -> Socket:
        """Make a socket in a namespace."""
        namespace = self.namespaces.get(name)
        if namespace is None:
            if self.accepts(name):  # else a dynamic namespace is asked first: names come from clients
                self.on_open(name)
            namespace = Namespace(name, policy_of(self.slow_clients, name), self.room_limit)
            self.namespaces[name] = namespace
            namespace.plain = namespace.plain and self.recovery is None
            namespace.refresh(self.handlers)
            namespace.observers = self._observers_of(name)
        self._empty.pop(name, None)
        socket = Socket(sid, client, namespace, recipient)
        namespace.add(socket)
        if self.on_socket is not None:
            self.on_socket(socket)
        return socket

    def accept(self, socket: Socket) -> None:
        """Take note that a socket is connected, and so in its own room."""
        for observer in socket.namespace.observers:
            observer.entered(socket, socket.sid, True)

    def forget(self, socket: Socket, was_accepted: bool) -> None:
        """Forget a socket, its rooms, and its namespace if it was the last one there."""
        namespace = socket.namespace
        namespace.discard(socket, was_accepted)
        if namespace.sockets:
            return
        if namespace.parent is None or self.settings.remove_empty:
            if self.namespaces.pop(namespace.name, None) is not None:
                self._close(namespace)
            return
        self._empty[namespace.name] = None
        if len(self._empty) > MAX_EMPTY:  # names come from clients, and there is no end of them
            oldest = next(iter(self._empty))
            del self._empty[oldest]
            self._close(self.namespaces.pop(oldest))

    def _close(self, namespace: Namespace) -> None:
        """Listen no longer for a namespace that is forgotten, unless the application has named it."""
        self._collect(namespace)
        name = namespace.name
        is_own = name in self.settings.namespaces or self.handlers.has_namespace(name) or name in self._kept
        if not is_own:
            self.on_close(name)

    def collect(self) -> None:
        """Give the counters what the namespaces have counted."""
        for namespace in self.namespaces.values():
            self._collect(namespace)

    def _collect(self, namespace: Namespace) -> None:
        if namespace.received:
            self.counters.receive(namespace.name, namespace.received)
            namespace.received = 0

    def find(self, namespace: str, sid: Any) -> Socket | None:
        """Return the socket of this sid; also while its connect or disconnect handler runs."""
        found = self.namespaces.get(namespace)
        return None if found is None else found.sockets.get(sid)

    def connected(self, namespace: str, sid: Any) -> Socket:
        """Return the socket of this sid.

        Raises:
            KeyError: No such client is connected here.
        """
        socket = self.find(namespace, sid)
        if socket is None:
            raise KeyError(f"no client {sid!r} is connected to namespace {namespace!r} here")
        return socket

    def handler_failed(self, socket: Socket, event: str, error: BaseException) -> None:
        """Log what an application's handler raised. Its client stays connected and learns nothing of it."""
        self.counters.handler_errors += 1
        self.logger.error(
            "the handler of %r failed for client %s in namespace %s",
            event,
            socket.sid,
            socket.namespace.name,
            exc_info=error,
            extra=client_fields(socket, event=event),
        )

    def call(
        self, socket: Socket, event: str, function: Callable[..., Any], is_async: bool, args: Sequence[Any]
    ) -> None:
        """Call a function for the sake of a client, and log what it raises; see `run`."""
        try:
            result = function(*args)
        except Exception as error:  # noqa: BLE001 - whatever an application raises is logged
            self.handler_failed(socket, event, error)
        else:
            if is_async:
                self.run(socket, event, result)

    def run(self, socket: Socket, event: str, coroutine: Any) -> None:
        """Run a coroutine for the sake of a client, and log what it raises.

        Args:
            socket: The client.
            event: What it is for, as the log line names it.
            coroutine: The coroutine, which begins at once.
        """

        def ended(task: asyncio.Task[Any]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self.handler_failed(socket, event, error)

        runtime = self.runtime()
        try:
            task = runtime.start(coroutine)
        except asyncio.CancelledError:  # one that cancels itself has ended
            return
        except Exception as error:  # noqa: BLE001 - whatever it raises is logged
            self.handler_failed(socket, event, error)
            return
        if is_suspended(task):
            runtime.keep(task)
            task.add_done_callback(ended)

    # Rooms.

    def observe(self, namespace: str | None, observer: RoomObserver, *, early: bool = False) -> None:
        """Let `observer` learn what happens to the rooms of a namespace, or of all if that is None.

        Args:
            namespace: The namespace's name.
            observer: Who learns of it.
            early: Ahead of those that aren't early: what happens first is told first.
        """
        count = sum(is_early for _, _, is_early in self._observers)
        self._observers.insert(count if early else len(self._observers), (namespace, observer, early))
        for each in self.namespaces.values():
            each.observers = self._observers_of(each.name)

    def _observers_of(self, name: str) -> tuple[RoomObserver, ...]:
        return tuple(observer for namespace, observer, _ in self._observers if namespace in (None, name))

    # Slow clients.

    def set_slow_clients(self, name: str, policy: SlowClientPolicy) -> None:
        """Choose the policy of a namespace that nobody has joined yet.

        Raises:
            RuntimeError: Somebody has.
        """
        if name in self.namespaces:
            raise RuntimeError(
                f"the policy of namespace {name!r} for slow clients can't change once clients have joined: "
                "set it when the server is made"
            )
        self.slow_clients[name] = policy

    def dropped(self, socket: Socket, event: str, reason: Drop) -> None:
        """Count, and tell the application, that a client isn't sent an event."""
        self.counters.drops[reason] += 1
        on_drop = self.settings.on_drop
        if on_drop is not None:
            try:
                on_drop(socket.sid, socket.namespace.name, event, reason)
            except Exception as error:  # noqa: BLE001 - whatever an application raises is logged
                self.handler_failed(socket, "on_drop", error)

    def too_slow(self, client: Client, waiting: int) -> None:
        """Disconnect a client for which more would have to wait than may.

        Args:
            client: The client.
            waiting: Bytes that wait for it now.
        """
        self.counters.slow_clients += 1
        self.logger.warning(
            "client %s takes what it is sent too slowly: %d bytes wait for it, the limit is %d; "
            "it is disconnected",
            ", ".join(socket.sid for socket in client.sockets()),
            waiting,
            self.settings.max_held,
            extra=clients_fields(client),
        )
        client.session.close(Reason.SLOW_CLIENT)

    def handlers_changed(self) -> None:
        """Let every namespace look its handlers up again."""
        for namespace in self.namespaces.values():
            namespace.refresh(self.handlers)


def _data_of(socket: Socket) -> dict[str, Any]:
    return socket.data or {}


def deliver(recipient: Recipient, packet: bytes | Outgoing) -> None:
    """Send what a codec has encoded."""
    if packet.__class__ is bytes:
        recipient.send_text(packet)
    else:
        recipient.send_outgoing(packet)  # type: ignore[arg-type]
