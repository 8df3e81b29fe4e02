"""The bus between the worker processes of one machine: Unix sockets, and no broker between them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from rtserver.cluster.bus import Census, Receive
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.reader import Reader
from rtserver.cluster.rooms import LocalRooms
from rtserver.cluster.wire import encode
from rtserver.cluster.workers.events import MARK, EventForm
from rtserver.cluster.workers.frames import frame
from rtserver.cluster.workers.mesh import Mesh
from rtserver.cluster.workers.place import Place
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec

__all__ = ["MAX_BUFFER", "WorkerBus", "WorkerBusStatus"]

MAX_BUFFER: Final = 64 * 1024 * 1024
"""Bytes that may wait for one worker, where nothing else is set."""


@dataclass(frozen=True, slots=True)
class WorkerBusStatus:
    """What has crossed the bus, seen from one worker."""

    peers: tuple[str, ...]
    """The names of the workers that it is in touch with."""
    sent: int
    """Messages, each counted once, however many workers it went to."""
    received: int
    skipped: int
    """Those of the received ones that were for rooms in which this worker has nobody."""
    bytes_sent: int
    bytes_received: int
    bytes_dropped: int
    """What waited for workers that didn't read, and were given up."""
    links_lost: int
    """How often another worker was given up, or has gone."""


class WorkerBus:
    """Carries messages between the workers of one machine. It implements `rtserver.cluster.bus.Bus`.

    The same application runs in all of them, so that each is taken to listen for every namespace.

    Args:
        place: Where this worker is. Its name is its id in the cluster.
        max_buffer: Bytes that may wait for one worker: it is given up when there are more, and connected to
            again should it come to life. A message can't be longer.
    """

    def __init__(self, place: Place, max_buffer: int = MAX_BUFFER) -> None:
        self.place = place
        self._max_buffer = max_buffer
        self._mesh = Mesh(place, max_buffer, self._received, self._lost)
        self._links = self._mesh.links
        self._loop: asyncio.AbstractEventLoop
        self._receive: Receive
        self._rooms: LocalRooms
        self._reader = Reader(place.name, _has_anyone)
        self._events: EventForm | None = None
        self._is_woken = False
        self._sent = 0
        self._received_count = 0

    @property
    def uid(self) -> str:
        """The name of this worker."""
        return self.place.name

    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this worker: what is for others isn't decoded."""
        self._rooms = rooms
        self._reader = Reader(self.place.name, rooms.has_members)

    def carry(self, codec: Codec) -> None:
        """Learn how this worker encodes events: those of the default codec cross as clients are sent them."""
        if isinstance(codec, JsonCodec):
            self._events = EventForm(codec, self._rooms)

    async def start(self, receive: Receive) -> None:
        """Listen at the place, and connect to the workers that are there.

        Raises:
            OSError: The place can't be listened at.
        """
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        await self._mesh.start()

    def open(self, namespace: str) -> None:
        """Do nothing: messages of every namespace come."""

    def shut(self, namespace: str) -> None:
        """Do nothing: messages of every namespace come."""

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other workers.

        Args:
            message: The message.
            room: Not looked at: workers find out that nobody is in it at less cost than that of announcing
                who enters rooms and leaves them.

        Raises:
            TypeError: Something in the message can't be serialized.
            ValueError: It is longer than `max_buffer`.
        """
        if self._links:
            framed = self._frame(message)
            for link in self._links.values():
                link.send(framed)

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to one other worker; to none, if it has gone.

        Raises:
            TypeError: Something in the message can't be serialized.
            ValueError: It is longer than `max_buffer`.
        """
        link = self._links.get(uid)
        if link is not None:
            link.send(self._frame(message))

    async def census(self, namespace: str) -> Census:
        """Count the other workers."""
        return Census(len(self._links), frozenset(self._links))

    async def close(self) -> None:
        """Leave, after what was sent before."""
        await self._mesh.close()

    def status(self) -> WorkerBusStatus:
        """Return what has crossed the bus."""
        mesh = self._mesh
        return WorkerBusStatus(
            tuple(sorted(self._links)),
            self._sent,
            self._received_count,
            self._reader.skipped + (0 if self._events is None else self._events.skipped),
            mesh.bytes_sent,
            mesh.bytes_received,
            mesh.bytes_dropped,
            mesh.links_lost,
        )

    # What goes out.

    def _frame(self, message: Message) -> bytes:
        body = None if self._events is None else self._events.encode(message)
        if body is None:
            body = encode(message)
        if len(body) > self._max_buffer:
            raise ValueError(
                f"a message of {len(body)} bytes for the other workers, expected {self._max_buffer} at most"
            )
        self._sent += 1
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._flush)
        return frame(body)

    def _flush(self) -> None:
        self._is_woken = False
        for link in self._links.values():
            link.flush()

    # What comes in.

    def _received(self, name: str, bodies: list[bytes]) -> None:
        self._received_count += len(bodies)
        receive, events = self._receive, self._events
        for body in bodies:
            if body[:1] != MARK:
                message = self._reader.read(body)
            elif events is not None:
                message = events.decode(name, body)
            else:
                raise ClusterViolation("an event as text, expected another codec: all workers need the same")
            if message is not None:
                receive(message)

    def _lost(self, name: str) -> None:
        self._receive(Message(name, "/", Kind.CLOSE, {}))


def _has_anyone(namespace: str, room: Room) -> bool:
    return True
