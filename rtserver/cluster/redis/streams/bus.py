"""A bus over Redis streams, as @socket.io/redis-streams-adapter.

What must not be lost, events and what is done to clients, goes to a stream, which every server reads at its
own pace: one that was away from Redis goes on where it was. Questions and answers, which are worth nothing
later, go over pub/sub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from rtserver.clock import Clock
from rtserver.cluster.message import Message, event_of, flags_of, target_of
from rtserver.cluster.redis.bus import RedisBus
from rtserver.cluster.redis.channels import Channels
from rtserver.cluster.redis.connections import FAREWELL, Connections
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.forms import StreamsForm
from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.openings import Channel
from rtserver.cluster.redis.status import RedisStatus
from rtserver.cluster.redis.streams.entries import Entry, is_durable
from rtserver.cluster.redis.streams.keeper import SessionKeeper
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.names import StreamNames
from rtserver.cluster.redis.streams.store import StreamStore
from rtserver.cluster.redis.streams.stream import Stream, StreamOptions
from rtserver.cluster.redis.streams.summons import Summons
from rtserver.cluster.redis.subscriber import Subscription
from rtserver.cluster.rooms import LocalRooms, concerns_any
from rtserver.cluster.wire import decode
from rtserver.errors import ClusterViolation
from rtserver.server.counters import Counters
from rtserver.server.manager import LocalSink
from rtserver.server.recovery.options import ConnectionStateRecovery

__all__ = ["StreamsBus"]

logger = logging.getLogger("rtserver.cluster")

SMALL: Final = 512
"""Bytes of an event that is decoded in the time in which it is found out whom it is for."""
RETURN: Final = 6.0
"""Seconds in which every server has found Redis again."""
PATIENCE: Final = 5.0
"""Seconds in which it is found out where to read a stream, before the server starts without that."""


class StreamsBus(RedisBus):
    """One server's end. It implements `rtserver.cluster.bus.KeepsEvents` as well.

    Args:
        connections: To Redis, of this bus alone.
        channels: The names of its channels.
        names: Those of its streams.
        options: What streams are like.
    """

    def __init__(
        self, connections: Connections, channels: Channels, names: StreamNames, options: StreamOptions
    ) -> None:
        form = StreamsForm(channels, names, options.max_length)
        super().__init__(connections, channels, form, channels.events, channels.server)
        self._names = names
        self._options = options
        self._streams: dict[str, Stream] = {}
        self._rooms: LocalRooms
        self._is_started = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sink: LocalSink | None = None
        self._keeper: SessionKeeper | None = None
        self._summons: Summons | None = None
        self._store: StreamStore | None = None

    def recover(
        self,
        sink: LocalSink,
        options: ConnectionStateRecovery,
        unnoticed: float,
        clock: Callable[[], Clock],
        counters: Counters,
    ) -> StreamStore:
        """Find what clients have missed in the streams. They are sent own events when these are there."""
        self._sink = sink
        for stream in self._streams.values():
            stream.log.hold(self._deliver)
        client = self._connections.client
        self._keeper = SessionKeeper(client, options.max_disconnection_duration, options.max_sessions)
        self._summons = Summons(self, self._keeper, self._is_just_back)
        self._store = StreamStore(
            self._stream,
            self._keeper,
            self._summons,
            sink,
            options,
            unnoticed=unnoticed,
            clock=clock,
            counters=counters,
        )
        return self._store

    def follow(self, rooms: LocalRooms) -> None:
        """Learn which rooms concern this server."""
        self._rooms = rooms

    async def _join(self) -> None:
        """Begin to read, and tell the others that this server is there."""
        try:
            await asyncio.gather(*map(self._begin, self._streams.values()))
        except BaseException:
            await self.close()
            raise
        self._is_started = True
        await super()._join()

    async def _begin(self, stream: Stream) -> None:
        await stream.start()
        if stream.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await stream.reader.started.wait()

    def open(self, namespace: str) -> None:
        """Begin to listen for a namespace, and to read its stream: for good, as it may be that of others."""
        super().open(namespace)
        self._stream(namespace)

    def _channels_of(self, namespace: str) -> Sequence[Channel]:
        names = self._channels.events(namespace), self._channels.server(namespace, self.uid)
        return [(Subscription.CHANNEL, name, self._take) for name in names]

    def _stream(self, namespace: str) -> Stream:
        """Return the stream of a namespace, which is read from when it is first asked for."""
        name = self._names.of(namespace)
        stream = self._streams.get(name)
        if stream is None:
            connections = self._connections
            client, dial = connections.client, dial_of(connections.client, name)
            stream = self._streams[name] = Stream(
                name,
                client,
                dial,
                self._options,
                log=StreamLog(self.uid, self._options.max_waiting),
                receive=self._take_entry,
                violated=connections.violated,
            )
            if self._sink is not None:
                stream.log.hold(self._deliver)
            if self._is_started:
                task = asyncio.create_task(self._begin(stream), name=f"rtserver: begin to read {name}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return stream

    # What is sent.

    def send(self, message: Message, room: str | None = None) -> None:
        """Send a message to all other servers."""
        if is_durable(message):
            self._stream(message.namespace).send(message)
        else:
            super().send(message, room)

    def _is_just_back(self) -> bool:
        """Tell whether others may not have found Redis again yet."""
        subscriber = self._connections.subscriber
        hearing, now = subscriber.hearing, asyncio.get_running_loop().time()
        return not hearing.is_hearing or (subscriber.reconnects > 0 and now - hearing.since < RETURN)

    async def close(self) -> None:
        """Leave the cluster."""
        await end(*self._tasks)
        for waiting in (self._summons, self._store):  # for the keeper
            if waiting is not None:
                await waiting.close()
        if self._keeper is not None:
            await self._keeper.close(FAREWELL)
        await self._roll.close()
        await asyncio.gather(*(stream.close(FAREWELL) for stream in self._streams.values()))
        await self._connections.close()

    def status(self) -> RedisStatus:
        """Return how this server stands with Redis."""
        status, streams = super().status(), self._streams.values()
        writers = [stream.writer for stream in streams]
        return replace(
            status,
            connected=status.connected and all(stream.is_connected for stream in streams),
            reconnects=status.reconnects + sum(stream.reconnects for stream in streams),
            waiting_bytes=status.waiting_bytes + sum(writer.size for writer in writers),
            dropped=status.dropped + sum(writer.dropped for writer in writers),
            unconfirmed=status.unconfirmed + sum(writer.unconfirmed for writer in writers),
            refused=status.refused + sum(writer.refusals for writer in writers),
            gaps=sum(stream.reader.gaps for stream in streams),
            missing=sum(stream.log.missing for stream in streams),
            repeated=sum(stream.log.repeated for stream in streams),
        )

    # What comes.

    def _take(self, channel: bytes, body: bytes) -> None:
        try:
            message = decode(body)
        except ClusterViolation as violation:
            self._connections.violated(channel, violation)
            return
        if message.uid == self.uid or self._roll.take(message):
            return
        if self._summons is None or not self._summons.take(message):
            self._receive(message)

    def _take_entry(self, entry: Entry) -> None:
        if entry.namespace not in self._openings:
            return
        try:
            message = entry.message() if self._concerns(entry) else None
        except ClusterViolation as violation:
            self._connections.violated(self._names.of(entry.namespace).encode(), violation)
            return
        if message is not None:
            self._receive(message)

    def _concerns(self, entry: Entry) -> bool:
        """Tell whether an entry may be for anyone here, without decoding an event for that."""
        rooms = entry.rooms if len(entry.data) > SMALL else None
        return rooms is None or concerns_any(self._rooms.has_members, entry.namespace, rooms)

    def _deliver(self, entry: Entry) -> None:
        """Send an own event to those clients here that can recover: the others have had it."""
        assert self._sink is not None
        try:
            data = entry.message().data
            target, (flags, _) = target_of(entry.namespace, data.get("opts")), flags_of(data["opts"])
            self._sink.emit(target, event_of(data.get("packet")), flags, recoverable=True)
        except Exception:
            logger.exception("an event of this server could not be sent to its own clients")
