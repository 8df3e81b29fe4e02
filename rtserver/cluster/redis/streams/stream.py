"""One stream of Redis: what this server writes to it, and what it reads there, now or of what is past."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import ResponseError

from rtserver.cluster.message import Message
from rtserver.cluster.redis.client import Client, answer
from rtserver.cluster.redis.forms import add_to_stream
from rtserver.cluster.redis.link import Dial
from rtserver.cluster.redis.streams.entries import Entry, Fields, number_of, read
from rtserver.cluster.redis.streams.log import StreamLog
from rtserver.cluster.redis.streams.offsets import START, StreamId, parse_id
from rtserver.cluster.redis.streams.reader import StreamReader
from rtserver.cluster.redis.streams.writer import StreamWriter
from rtserver.errors import ClusterViolation

__all__ = ["Stream", "StreamOptions"]

logger = logging.getLogger("rtserver.cluster")

PAGE: Final = 500

Receive = Callable[[Entry], None]
"""Takes an entry of another server. It raises nothing."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What all streams of a cluster are like.

    Args:
        max_length: How many entries one keeps, about.
        max_waiting: Bytes that wait at most while Redis doesn't take them.
    """

    max_length: int
    max_waiting: int


class Stream:
    """A stream. It implements `rtserver.cluster.redis.streams.replay.Source`.

    Args:
        name: Its name.
        client: Of redis-py, for what is past.
        dial: Makes connections.
        options: What it is like.
        log: Its state.
        receive: Takes the entries of others.
        violated: Told of an entry that can't be understood.
    """

    def __init__(
        self,
        name: str,
        client: Client,
        dial: Dial,
        options: StreamOptions,
        *,
        log: StreamLog,
        receive: Receive,
        violated: Callable[[bytes, ClusterViolation], None],
    ) -> None:
        self.name = name
        self.log = log
        self.writer = StreamWriter(dial, options.max_waiting, self._not_written)
        self.reader = StreamReader(dial, name, self._place, self._take)
        self._client = client
        self._max_length = options.max_length
        self._receive = receive
        self._violated = violated

    @property
    def is_connected(self) -> bool:
        """Whether what is sent leaves, and entries arrive."""
        return self.writer.is_connected and self.reader.is_connected

    @property
    def reconnects(self) -> int:
        """How often a connection was made again."""
        return self.writer.reconnects + self.reader.reconnects

    async def start(self) -> None:
        """Connect; see `Line.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        await self.writer.start()
        await self.reader.start()

    async def close(self, patience: float) -> None:
        """Send what waits, for so many seconds, and end."""
        self.log.close()
        await self.writer.close(patience)
        await self.reader.close()

    # What is written.

    def send(self, message: Message) -> None:
        """Add a message.

        Raises:
            TypeError: Something in it can't be serialized.
        """
        self.writer.send(add_to_stream(self.name, self._max_length, self.log.add(message)))

    async def _not_written(self, commands: Sequence[bytes]) -> Sequence[bytes]:
        """Return which of the commands that were under way Redis hasn't carried out: the stream shows it."""
        newest, at = self.log.read_back, self.log.position
        while True:
            entries = await self.after(at, PAGE)
            for id, fields in entries:
                at = id
                if fields.get(b"uid") == self.log.uid.encode():
                    newest = max(newest, number_of(fields) or 0)
            if len(entries) < PAGE:
                break
        return [command for command in commands if _number(command) > newest]

    # What is read.

    def _place(self, id: StreamId) -> None:
        self.log.position = id

    def _take(self, id: StreamId, fields: Fields) -> None:
        self.log.position = id
        try:
            entry = read(fields)
        except ClusterViolation as violation:
            if fields:
                self._violated(self.name.encode(), violation)
            return
        if self.log.read(entry):
            self._receive(entry)

    # What is past.

    async def after(self, id: StreamId, count: int) -> list[tuple[StreamId, Fields]]:
        """Return the entries that follow on an id, so many at most.

        Raises:
            FAILURES: Redis can't be reached.
        """
        begin = str(id._replace(number=id.number + 1))  # exclusive ranges are Redis 6.2's
        found = await answer(self._client.xrange, self.name, begin, "+", count)
        return [(_id(id), fields or {}) for id, fields in found]

    async def is_whole_after(self, id: StreamId) -> bool:
        """Tell whether nothing that followed on an id is gone.

        Raises:
            FAILURES: Redis can't be reached.
        """
        if id != START:
            return bool(await answer(self._client.xrange, self.name, str(id), str(id)))
        try:
            about: Any = await answer(self._client.xinfo_stream, self.name)
        except ResponseError:  # there is no stream
            return True
        return bool(about.get("entries-added") == about["length"])


def _id(id: bytes | str) -> StreamId:
    found = parse_id(id.decode() if isinstance(id, bytes) else id)
    assert found is not None
    return found


def _number(command: bytes) -> int:
    """Return the number of the entry that a command adds: its last argument."""
    return int(command.rsplit(b"\r\n", 2)[1])
