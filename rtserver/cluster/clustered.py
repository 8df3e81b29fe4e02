"""A manager of many servers, whatever carries their messages: what is done here and what others are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from rtserver.clock import Clock
from rtserver.cluster.answering import ACK_TIMEOUT, Answering
from rtserver.cluster.bus import Bus, CarriesText, KeepsEvents
from rtserver.cluster.here import Here
from rtserver.cluster.message import (
    Kind,
    Message,
    details_of,
    event_of,
    flags_of,
    options,
    target_of,
)
from rtserver.cluster.namespaces import Namespaces
from rtserver.cluster.recovery.store import ClusterStore
from rtserver.cluster.recovery.transfer import Transfers
from rtserver.cluster.requests import Requests
from rtserver.cluster.rooms import FollowsRooms, LocalRooms
from rtserver.cluster.tasks import Tasks
from rtserver.errors import ClusterViolation
from rtserver.server.acks import AckCallback
from rtserver.server.answers import Answers, Fetched
from rtserver.server.counters import Counters
from rtserver.server.manager import LocalSink
from rtserver.server.namespace import Room
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import RecoveryStore
from rtserver.server.target import PLAIN, Flags, Target

__all__ = ["ClusterManager"]

logger = logging.getLogger("rtserver.cluster")


class ClusterManager(Here):
    """Delivers to the clients of every server on a bus. It implements `rtserver.server.manager.Manager`.

    Args:
        bus: What carries the messages.
    """

    alone: ClassVar[bool] = False

    def __init__(self, bus: Bus) -> None:
        super().__init__()
        self._bus = bus
        self._namespaces = Namespaces(bus, self.is_awaited)
        self._requests = Requests(bus, self._namespaces)
        self._rooms: LocalRooms
        self._answering: Answering
        self._tasks = Tasks()
        self.violations = 0
        """Messages of other servers that could not be understood."""
        self._shared: ClusterStore | None = None
        """What clients can come back to, here or at another server; None where that isn't wanted."""
        self._is_kept = False
        """Whether the bus sees to it instead."""
        self._transfers: Transfers | None = None
        self._receivers: dict[Kind, Callable[[Message], None]] = {
            Kind.BROADCAST: self._broadcast,
            Kind.JOIN: self._join,
            Kind.LEAVE: self._leave,
            Kind.DISCONNECT: self._disconnect,
            Kind.CLOSE: self._closed,
            **self._requests.receivers,
        }

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is, and let the bus know of it what it asks for."""
        super().attach(sink)
        self._answering = Answering(self._bus, sink, self._tasks)
        self._receivers |= self._answering.receivers
        self._rooms = LocalRooms(self.has_clients, self.has_history, sink.observe)
        if isinstance(self._bus, FollowsRooms):
            self._bus.follow(self._rooms)
        if isinstance(self._bus, CarriesText):
            self._bus.carry(sink.codec)

    def recover(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> RecoveryStore:
        """Keep what clients miss that lose their connection, from now on."""
        if isinstance(self._bus, KeepsEvents):
            self._store = self._bus.recover(self._sink, options, unnoticed, clock, counters)
            self._is_kept = True
            return self._store
        store = self.make_store(options, unnoticed, clock, counters)
        store.awaited.on_release = self._released
        self._rooms.on_pass = lambda uid, number: store.progress.note((uid, number))
        self._transfers = Transfers(self._bus, store, counters, self._listen)
        self._receivers |= self._transfers.receivers
        self._store = self._log = self._shared = store
        return store

    def make_store(
        self,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> ClusterStore:
        """Make what keeps what clients miss; see `recover`."""
        return ClusterStore(self._bus.uid, options, unnoticed, clock, counters)

    def _listen(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        self._namespaces.expect(namespace)
        return self._rooms.expect(namespace, rooms)

    def _released(self, namespace: str, room: Room) -> None:
        self._namespaces.expect(namespace)
        self._rooms.released(namespace, room)

    async def start(self) -> None:
        """Join the cluster."""
        await self._bus.start(self.receive)

    def open(self, namespace: str) -> None:
        """Listen for a namespace from now on."""
        self._namespaces.open(namespace)

    def shut(self, namespace: str) -> None:
        """Listen for a namespace no longer, before long."""
        self._namespaces.shut(namespace)

    def settle(self, namespace: str, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Wait, for a limited time, until what any server sends to rooms reaches this one."""
        return self._rooms.settle(namespace, rooms)

    async def close(self) -> None:
        """Leave the cluster."""
        await self._bus.close()
        self._tasks.cancel()
        self.forget()

    # What the server asks for.

    def emit(
        self, target: Target, args: Sequence[Any], flags: Flags = PLAIN, ack: AckCallback | None = None
    ) -> None:
        """Send an event to those clients, wherever they are connected, that it is for."""
        if ack is not None:
            self._tasks.keep(self._emit_with_callback(target, args, flags, ack))
            return
        opts = options(target, flags)
        if self._is_kept:
            self.deliver(target, args, flags, recoverable=False)
        elif self._shared is None or flags.volatile:
            self.deliver(target, args, flags)
        else:
            source = self._shared.progress.next()
            opts["seq"] = source[1]
            self.deliver(target, args, flags, source=source)
        data = {"opts": opts, "packet": {"type": 2, "data": list(args)}}
        room = target.rooms[0] if len(target.rooms) == 1 and isinstance(target.rooms[0], str) else None
        self._bus.send(self._message(target.namespace, Kind.BROADCAST, data), room)

    async def _emit_with_callback(
        self, target: Target, args: Sequence[Any], flags: Flags, ack: AckCallback
    ) -> None:
        def answered(answer: Any) -> None:
            ack(*(answer if isinstance(answer, tuple) else () if answer is None else (answer,)))

        await self._ask(target, args, flags, None, answered)

    async def ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Send an event that each of its recipients is to acknowledge, and wait for that."""
        return await self._ask(target, args, flags, timeout, None)

    async def _ask(
        self,
        target: Target,
        args: Sequence[Any],
        flags: Flags,
        timeout: float | None,  # noqa: ASYNC109
        on_answer: Callable[[Any], None] | None,
    ) -> Answers:
        seconds = ACK_TIMEOUT if timeout is None else timeout
        inquiry = self._sink.ask(target, args, flags, on_answer)
        data = {"opts": options(target, flags, seconds), "packet": {"type": 2, "data": list(args)}}
        try:
            _, request = await asyncio.gather(
                inquiry.wait(seconds),
                self._requests.ask(target.namespace, Kind.BROADCAST, data, seconds, on_answer),
            )
        finally:
            inquiry.close()
        return Answers(
            [*inquiry.answers, *request.answers],
            missing=inquiry.missing,
            missing_count=len(inquiry.missing) + request.owed,
            silent=request.silent(),
        )

    async def fetch(self, target: Target, timeout: float) -> Fetched:  # noqa: ASYNC109 - the Protocol's
        """Describe the clients that are connected to other servers."""
        data = {"opts": options(target)}
        request = await self._requests.ask(target.namespace, Kind.FETCH, data, timeout)
        sockets = [details_of(each) for sockets in request.answers for each in sockets]
        return Fetched(sockets, request.silent())

    def join(self, target: Target, rooms: Sequence[Room]) -> Awaitable[object] | None:
        """Put clients, wherever they are connected, into rooms."""
        super().join(target, rooms)
        self._tell(target, Kind.JOIN, {"rooms": list(rooms)})
        return self.settle(target.namespace, rooms)

    def leave(self, target: Target, rooms: Sequence[Room]) -> None:
        """Take clients, wherever they are connected, out of rooms."""
        super().leave(target, rooms)
        self._tell(target, Kind.LEAVE, {"rooms": list(rooms)})

    def disconnect(self, target: Target, close: bool = False) -> Awaitable[object] | None:
        """Disconnect clients, wherever they are connected."""
        self._tell(target, Kind.DISCONNECT, {"close": close})
        return super().disconnect(target, close)

    def server_side_emit(self, namespace: str, args: Sequence[Any]) -> None:
        """Send an event to the other servers themselves."""
        self._bus.send(self._message(namespace, Kind.SERVER_SIDE_EMIT, {"packet": list(args)}))

    async def server_side_ask(
        self,
        namespace: str,
        args: Sequence[Any],
        timeout: float,  # noqa: ASYNC109 - the Protocol's
    ) -> Answers:
        """Send an event to the other servers themselves, and wait for their answers."""
        data = {"packet": list(args)}
        request = await self._requests.ask(namespace, Kind.SERVER_SIDE_EMIT, data, timeout)
        return Answers(request.answers, silent=request.silent())

    def _tell(self, target: Target, kind: Kind, data: dict[str, Any]) -> None:
        self._bus.send(self._message(target.namespace, kind, {"opts": options(target), **data}))

    def _message(self, namespace: str, kind: Kind, data: dict[str, Any]) -> Message:
        return Message(self._bus.uid, namespace, kind, data)

    # What other servers tell.

    def receive(self, message: Message) -> None:
        """Take a message of another server."""
        receiver = self._receivers.get(message.kind)
        if receiver is None or message.uid == self._bus.uid:
            return
        try:
            receiver(message)
        except ClusterViolation as violation:
            self.violations += 1
            logger.warning("server %s sent %s", message.uid, violation)
        except Exception:
            self.violations += 1
            logger.exception("a message of server %s failed: %s", message.uid, message.kind.name)

    def _broadcast(self, message: Message) -> None:
        data = message.data
        opts: Any = data.get("opts")
        target = target_of(message.namespace, opts)
        flags, seconds = flags_of(opts)
        args = event_of(data.get("packet"))
        if "requestId" in data:
            self._answering.ask(message, target, args, flags, seconds)
            return
        source = None
        if self._shared is not None and type(number := opts.get("seq")) is int:
            source = (message.uid, number)
            target = self._shared.arrived(source, target)
        self.deliver(target, args, flags, source=source)

    def _join(self, message: Message) -> None:
        target, rooms = target_of(message.namespace, message.data.get("opts")), _names(message)
        self._answering.confirm(message, target)
        super().join(target, rooms)

    def _leave(self, message: Message) -> None:
        target, rooms = target_of(message.namespace, message.data.get("opts")), _names(message)
        self._answering.confirm(message, target)
        super().leave(target, rooms)

    def _disconnect(self, message: Message) -> None:
        target = target_of(message.namespace, message.data.get("opts"))
        self._answering.confirm(message, target)
        super().disconnect(target, bool(message.data.get("close")))

    def _closed(self, message: Message) -> None:
        self._requests.lost(message.uid)
        if self._transfers is not None:
            self._transfers.gone(message.uid)


def _names(message: Message) -> Sequence[Room]:
    rooms = message.data.get("rooms")
    if not isinstance(rooms, (list, tuple)) or not all(isinstance(room, (str, int)) for room in rooms):
        raise ClusterViolation(f"rooms of a message: received {rooms!r:.80}, expected an array of names")
    return rooms
