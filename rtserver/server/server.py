"""The Socket.IO server as applications see it: the interface of `socketio.AsyncServer`.

Every method keeps python-socketio's name, parameters and meaning. Where its behaviour depends on how it
is built, ours is what its documentation promises; `connecting.py`, `admission.py` and `leaving.py`
list what differs when clients come and go. In short, for who moves an application here:

- ``emit`` to an empty string or an empty list reaches nobody. python-socketio takes either for an
  omitted argument, and sends to everyone.
- A ``call`` whose client leaves fails at once, with the same ``TimeoutError``, instead of when the time
  is up.
- ``call`` works with ``async_handlers=False`` too: acknowledgments don't wait behind a handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Final

import socketio

from rtserver.clock import Clock
from rtserver.server.acks import AckCallback
from rtserver.server.admission import Admission
from rtserver.server.answers import unpack
from rtserver.server.connecting import Connecting
from rtserver.server.counters import Counters
from rtserver.server.dispatch import Dispatch
from rtserver.server.flow import Flow
from rtserver.server.handlers import RESERVED
from rtserver.server.hub import Hub
from rtserver.server.interface.backend import Backend
from rtserver.server.interface.server import NodeInterface
from rtserver.server.interface.socket import Socket as ClientSocket
from rtserver.server.leaving import Leaving
from rtserver.server.lifecycle import LifecycleTasks
from rtserver.server.local import Local
from rtserver.server.manager import Manager
from rtserver.server.membership import Membership, done
from rtserver.server.namespace import Room
from rtserver.server.reasons import Reason
from rtserver.server.recovery.recovery import Recovery
from rtserver.server.registration import MAIN, Registration
from rtserver.server.room_methods import RoomMethods
from rtserver.server.server_events import ServerEvents
from rtserver.server.settings import Settings
from rtserver.server.target import PLAIN, Target, room_names
from rtserver.socketio.codec import Codec

__all__ = ["PATIENCE", "SocketIOServer"]

PATIENCE: Final = 5.0
"""Seconds that handlers have to end when the server shuts down."""


class SocketIOServer(Registration, Membership, RoomMethods, NodeInterface):
    """The Socket.IO layer, without the transports beneath it.

    Args:
        manager: What delivers to this and to other servers.
        codec: The serializer.
        settings: What the application chose.
        logger: Where the server logs.
        make_clock: Returns the clock of the running loop, where another layer has one already.
    """

    reason: ClassVar[type[Reason]] = Reason
    """Why clients leave: the second argument of ``disconnect`` handlers."""
    reserved_events: ClassVar[list[str]] = list(RESERVED)

    def __init__(
        self,
        manager: Manager,
        codec: Codec,
        settings: Settings,
        logger: logging.Logger,
        make_clock: Callable[[], Clock] | None = None,
    ) -> None:
        self.manager = manager
        self.logger = logger
        self._hub = hub = Hub(settings, codec, logger, make_clock)
        flow = Flow(settings.serial, settings.max_running, hub.counters)
        tasks = LifecycleTasks(hub, flow)
        self._leaving = Leaving(hub, tasks)
        connecting = Connecting(hub, Admission(hub, tasks, self._leaving), self._leaving)
        server_events = ServerEvents(hub)
        self._local = Local(hub, self._leaving, server_events)
        self._backend = Backend(hub, manager, self._local, server_events)
        hub.on_open, hub.on_close = manager.open, manager.shut
        hub.facade = partial(ClientSocket, self._backend)
        self._dispatch = Dispatch(hub, connecting, self._leaving, flow)
        self._verbose = settings.verbose
        self._started = False
        self._background: set[asyncio.Future[Any]] = set()
        manager.attach(self._local)
        if settings.recovery is not None:
            store = manager.recover(settings.recovery, settings.unnoticed, hub.clock, hub.counters)
            hub.recovery = Recovery(hub, settings.recovery, store)
        self._set_up_rooms()

    @property
    def counters(self) -> Counters:
        """What this layer has counted, for metrics."""
        return self._hub.counters

    @property
    def codec(self) -> Codec:
        """The serializer."""
        return self._hub.codec

    def events_received(self) -> dict[str, int]:
        """Return how many events clients have sent, by namespace."""
        self._hub.collect()
        return dict(self.counters.events_received)

    def handles(self, event: str, namespace: str) -> bool:
        """Tell whether a handler takes an event of a namespace's clients; ``"*"``: any event there may be."""
        return self._hub.handlers.find(namespace, event) is not None

    def occupancy(self) -> Iterator[tuple[str, int, int]]:
        """Go through the namespaces: the name, how many clients of this server and how many rooms it has."""
        for namespace in self._hub.namespaces.values():
            yield namespace.name, len(namespace.sockets), len(namespace.rooms)

    def is_asyncio_based(self) -> bool:
        """Return True: there is no other form of this server."""
        return True

    # Emits.

    async def emit(  # noqa: PLR0917 - python-socketio's signature
        self,
        event: str,
        data: Any = None,
        to: Room | Sequence[Room] | None = None,
        room: Room | Sequence[Room] | None = None,
        skip_sid: str | Sequence[str] | None = None,
        namespace: str | None = None,
        callback: AckCallback | None = None,
        ignore_queue: bool = False,
    ) -> None:
        """Emit an event to one client, to rooms or to everyone.

        Args:
            event: The event's name.
            data: A tuple for several arguments, None for no argument; anything else is one argument. JSON
                types, and bytes anywhere in them.
            to: A client's sid, a room or a list of rooms; everyone in the namespace if omitted. A client that
                is in several of the rooms receives the event once.
            room: Another name for `to`.
            skip_sid: A client, or a list of them, that doesn't receive the event.
            namespace: The namespace, the main one if omitted.
            callback: Called with the arguments of the client's acknowledgment; with a room, once for each
                client in it. A plain function or an ``async def``.
            ignore_queue: Reach only clients of this server, without asking the manager.

        Raises:
            TypeError: The data can't be serialized.
        """
        target = room if to is None else to
        name = namespace or MAIN
        if self._verbose:
            self.logger.info(
                "emitting event %r to %s [%s]",
                event,
                "all" if target is None else target,
                name,
                extra={"namespace": name, "event": event},
            )
        args = [event, *data] if isinstance(data, tuple) else [event] if data is None else [event, data]
        if target.__class__ is str and skip_sid is None:
            found = self._hub.namespaces.get(name)
            if found is not None and found.plain:
                socket = found.sockets.get(target)
                if socket is not None and target not in found.rooms:
                    self._local.emit_to(socket, args, PLAIN, callback)
                    return
        rooms: Sequence[Room] = ()
        if target is not None:
            rooms = room_names(target)
            if not rooms:
                return
        skipped = () if skip_sid is None else room_names(skip_sid)
        if ignore_queue and not self.manager.alone:
            self._local.emit(Target(name, rooms, skipped), args, PLAIN, callback)
        else:
            waiting = self.manager.emit(Target(name, rooms, skipped), args, PLAIN, callback)
            if waiting is not None:
                await waiting

    async def send(  # noqa: PLR0917 - python-socketio's signature
        self,
        data: Any,
        to: Room | Sequence[Room] | None = None,
        room: Room | Sequence[Room] | None = None,
        skip_sid: str | Sequence[str] | None = None,
        namespace: str | None = None,
        callback: AckCallback | None = None,
        ignore_queue: bool = False,
    ) -> None:
        """Emit the event ``"message"``; see `emit`."""
        await self.emit("message", data, to, room, skip_sid, namespace, callback, ignore_queue)

    async def call(  # noqa: PLR0917 - python-socketio's signature
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = 60,  # noqa: ASYNC109 - python-socketio's signature
        ignore_queue: bool = False,
    ) -> Any:
        """Emit an event to one client and return its acknowledgment.

        Args:
            event: The event's name.
            data: Its arguments, as for `emit`.
            to: The client.
            sid: Another name for `to`.
            namespace: The namespace, the main one if omitted.
            timeout: Seconds to wait; None to wait for as long as the client is connected.
            ignore_queue: Reach only clients of this server, without asking the manager.

        Returns:
            None, the one argument, or a tuple of the arguments that the client answered with.

        Raises:
            ValueError: No client is given.
            socketio.exceptions.TimeoutError: The client didn't answer in time, left, or isn't connected.
        """
        target = sid if to is None else to
        if target is None:
            raise ValueError("Cannot use call() to broadcast.")
        name = namespace or MAIN
        args = [event, *data] if isinstance(data, tuple) else [event] if data is None else [event, data]
        socket = self._hub.find(name, target)
        if socket is None and not ignore_queue and not self.manager.alone:
            asked = self.manager.ask(Target(name, (target,)), args, PLAIN, timeout)
            answers = await self._backend.traced(name, event, asked)
            if not answers:
                raise socketio.exceptions.TimeoutError(f"client {target} didn't answer, or isn't connected")
            return answers[0]
        if socket is None:
            raise socketio.exceptions.TimeoutError(f"client {target} isn't connected")
        answer = self._local.call(socket, args, PLAIN, timeout)
        return unpack(await self._backend.traced(name, event, answer))

    # The event loop.

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run ``target(*args, **kwargs)`` as a task, held until it has ended."""
        task = asyncio.ensure_future(target(*args, **kwargs))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def sleep(self, seconds: float = 0) -> None:
        """Sleep for this many seconds."""
        await asyncio.sleep(seconds)

    async def start(self) -> None:
        """Let the manager begin, once. Attaching to an application sees to it."""
        if not self._started:
            self._started = True
            await done(self.manager.start())

    async def shutdown(self, *, patience: float = PATIENCE) -> None:
        """Give the handlers that still run some time to end, then cancel them.

        Tasks of `start_background_task` are the application's own, as in python-socketio.

        Args:
            patience: Seconds that they have.
        """
        if self._verbose:
            self.logger.info("Socket.IO is shutting down")
        if late := await self._hub.runtime().finish(patience):
            self.logger.warning("handlers that hadn't ended after %g seconds: %d, cancelled", patience, late)
        if self._started:
            self._started = False
            await done(self.manager.close())
