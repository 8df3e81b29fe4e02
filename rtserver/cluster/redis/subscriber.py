"""One connection on which Redis pushes messages: it is made again when lost, and knows whether it hears.

A connection that looks open may be dead, and Redis may be another one than that to which others publish. So
the subscriber publishes a heartbeat to a channel of its own and expects it back; if it doesn't come, the
connection is dropped. Messages that were published meanwhile are lost: `Hearing` says for how long.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Final, NamedTuple

from rtserver.causes import cause
from rtserver.cluster.redis.client import FAILURES
from rtserver.cluster.redis.ending import end
from rtserver.cluster.redis.hearing import Hearing
from rtserver.cluster.redis.line import Line, LineOwner
from rtserver.cluster.redis.link import Dial, Link, pack_command

__all__ = ["INTERVAL", "PATIENCE", "Heartbeat", "Lost", "Subscriber", "Subscription", "Take"]

logger = logging.getLogger("rtserver.cluster")

INTERVAL: Final = 2.0
"""Seconds between two heartbeats."""
PATIENCE: Final = 5.0
"""Seconds that a heartbeat may take, and that Redis has to confirm subscriptions."""

Take = Callable[[bytes, bytes], None]
"""Takes a message: its channel, its body. It returns at once."""


class Subscription(Enum):
    """The three kinds of subscriptions of Redis."""

    CHANNEL = b""
    PATTERN = b"p"
    SHARD = b"s"
    """A channel of sharded pub/sub."""


class Heartbeat(NamedTuple):
    """How a subscriber proves that it hears.

    Args:
        channel: A channel of its own.
        publish: Publishes a message there, over another connection; it may raise whatever redis-py does.
        kind: How it subscribes to the channel.
        interval: Seconds between two heartbeats.
        patience: Seconds that one may take.
    """

    channel: str
    publish: Callable[[bytes], Awaitable[object]]
    kind: Subscription = Subscription.CHANNEL
    interval: float = INTERVAL
    patience: float = PATIENCE


Name = tuple[Subscription, bytes]
"""A channel or a pattern."""
Lost = Callable[[Subscription, bytes, str], None]
"""Takes a subscription that Redis has refused or ended, and why. The subscriber has forgotten it."""


class Subscriber(LineOwner):
    """Receives messages of channels.

    Args:
        dial: Makes the connection.
        heartbeat: How it proves that it hears.
        lost: Takes subscriptions that Redis has refused or ended, as where another node of a Redis Cluster
            has the channel; if omitted, the connection is given up and made again, with all of them.
    """

    __slots__ = (
        "_asked",
        "_beat_channel",
        "_beats",
        "_confirmations",
        "_echo",
        "_heartbeat",
        "_lost",
        "_takes",
        "_up",
        "_watch",
        "hearing",
    )

    def __init__(self, dial: Dial, heartbeat: Heartbeat, lost: Lost | None = None) -> None:
        super().__init__(
            Line(
                dial,
                "messages of other servers",
                received=self._received,
                opened=self._opened,
                closed=self._closed,
            )
        )
        self._heartbeat = heartbeat
        self._beat_channel = heartbeat.channel.encode()
        self._lost = lost
        self._takes: dict[bytes, dict[bytes, Take]] = {b"message": {}, b"pmessage": {}, b"smessage": {}}
        """Who takes the messages of each kind, by channel or pattern."""
        self._asked: deque[tuple[bytes, bytes]] = deque()
        """What Redis hasn't confirmed: verb and name, in the order of the commands."""
        self._confirmations: dict[bytes, asyncio.Future[None] | None] = {}
        """Channels of shards whose subscription isn't confirmed, and who waits for that."""
        self._beats = 0
        self._echo: asyncio.Future[None] | None = None
        self._up: asyncio.Future[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.hearing = Hearing()
        """Whether messages arrive."""
        self.subscribe(heartbeat.kind, heartbeat.channel, self._came_back)

    async def start(self) -> None:
        """Connect, and wait until what has been subscribed to is heard; see `Line.start`.

        Raises:
            StartError: Redis refuses what the URL says.
        """
        self.hearing.begin(asyncio.get_running_loop().time())
        self._up = asyncio.get_running_loop().create_future()
        await super().start()
        if self.is_connected:
            await asyncio.wait([self._up], timeout=self._heartbeat.patience)
        self._watch = asyncio.create_task(self._prove(), name="rtserver: heartbeat to itself over Redis")

    async def close(self) -> None:
        """End."""
        await end(self._watch)
        await self._line.close()

    # Subscriptions.

    def subscribe(self, kind: Subscription, name: str, take: Take) -> None:
        """Hear a channel or a pattern from now on, over every connection that there will be.

        Args:
            kind: What it is.
            name: Its name.
            take: Takes its messages. Where that is so already, it takes them from now on.
        """
        takes, encoded = self._takes[kind.value + b"message"], name.encode()
        is_known = encoded in takes
        takes[encoded] = take
        if not is_known and self._line.link is not None:
            self._ask(self._line.link, [(kind.value + b"subscribe", encoded)])

    def unsubscribe(self, kind: Subscription, name: str) -> None:
        """Hear a channel or a pattern no longer."""
        encoded = name.encode()
        if self._takes[kind.value + b"message"].pop(encoded, None) is None:
            return
        if self._line.link is not None:
            self._ask(self._line.link, [(kind.value + b"unsubscribe", encoded)])

    def confirmation(self, channel: str) -> asyncio.Future[None] | None:
        """Return what is done when Redis has confirmed a subscription to a channel of a shard, or can't.

        Returns:
            None if it has, or isn't connected.
        """
        name = channel.encode()
        if name not in self._confirmations:
            return None
        waiting = self._confirmations[name]
        if waiting is None:
            waiting = self._confirmations[name] = asyncio.get_running_loop().create_future()
        return waiting

    def _ask(self, link: Link, asked: list[tuple[bytes, bytes]]) -> None:
        # A command for each name: channels may be in different slots, and an error belongs to one of them.
        self._asked.extend(asked)
        for verb, name in asked:
            if verb == b"ssubscribe":
                self._confirmations.setdefault(name, None)
        link.write(b"".join(map(pack_command, asked)))

    # What comes.

    def _received(self, item: Any) -> None:
        if not isinstance(item, list):
            self._refused(item)
            return
        takes = self._takes.get(item[0])
        if takes is None:
            self._confirmed(item)
            return
        take = takes.get(item[1])
        if take is not None:
            try:
                take(item[-2], item[-1])
            except Exception:
                logger.exception("a message from Redis on %r failed", item[-2])

    def _refused(self, error: Any) -> None:
        if isinstance(error, Exception) and self._asked:
            verb, name = self._asked.popleft()
            self._end_waiting(name)
            kind = Subscription(verb.removesuffix(b"subscribe").removesuffix(b"un"))
            self._forget(kind, name, f"Redis refuses {verb.decode()}: {error}")
            self._check()

    def _confirmed(self, item: list[Any]) -> None:
        verb, name = item[0], item[1] if len(item) > 1 else None
        if self._asked and self._asked[0] == (verb, name):
            self._end_waiting(self._asked.popleft()[1])
            self._check()
        elif verb == b"sunsubscribe" and name in self._takes[b"smessage"]:
            self._forget(Subscription.SHARD, name, "Redis has given its slot away")

    def _forget(self, kind: Subscription, name: bytes, reason: str) -> None:
        """Let go of a subscription that Redis doesn't keep."""
        if self._lost is not None and name != self._beat_channel:
            self._takes[kind.value + b"message"].pop(name, None)
            self._lost(kind, name, reason)
        elif self._line.link is not None:
            self._line.link.drop(f"{reason} (the channel {name.decode()!r})")

    def _end_waiting(self, name: bytes) -> None:
        waiting = self._confirmations.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _check(self) -> None:
        if self._asked or self.hearing.is_hearing:
            return
        self.hearing.again(asyncio.get_running_loop().time())
        if self._up is not None and not self._up.done():
            self._up.set_result(None)

    # The connection.

    def _opened(self, link: Link) -> None:
        self._asked.clear()
        self._ask(
            link,
            [
                (message.removesuffix(b"message") + b"subscribe", name)
                for message, takes in self._takes.items()
                for name in takes
            ],
        )

    def _closed(self, reason: str) -> None:
        self._asked.clear()
        for name in tuple(self._confirmations):
            self._end_waiting(name)
        self.hearing.lose(asyncio.get_running_loop().time(), reason)

    async def _prove(self) -> None:
        """Send heartbeats, and drop the connection when one doesn't come back."""
        interval, patience = self._heartbeat.interval, self._heartbeat.patience
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval)
            link = self._line.link
            if link is None:
                continue
            sent = loop.time()
            self._beats += 1
            self._echo = loop.create_future()
            problem = f"a heartbeat didn't come back within {patience:g} s"
            try:
                async with asyncio.timeout(patience):
                    await self._heartbeat.publish(b"%d" % self._beats)
                    await self._echo
            except TimeoutError:
                self._give_up(link, problem)
            except FAILURES as error:
                self._give_up(link, f"a heartbeat can't be published: {cause(error)}")
            else:
                self.hearing.prove(sent, loop.time())

    def _give_up(self, link: Link, reason: str) -> None:
        if self._line.link is link:
            self.hearing.doubt()
            link.drop(reason)

    def _came_back(self, channel: bytes, body: bytes) -> None:
        with suppress(ValueError):
            if self._echo is not None and int(body) == self._beats and not self._echo.done():
                self._echo.set_result(None)
