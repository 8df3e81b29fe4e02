"""How far this server has come with one stream: what it has read there, and what it has sent."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.redis.streams.entries import Entry, encode
from rtserver.cluster.redis.streams.offsets import START, Offset, StreamId
from rtserver.cluster.redis.streams.outstanding import Outstanding

__all__ = ["PATIENCE", "StreamLog"]

logger = logging.getLogger("rtserver.cluster")

PATIENCE: Final = 0.5
"""Seconds that an own event may take through Redis. Then clients here get it at once, and what follows it."""
MAX_PEERS: Final = 10_000
"""Servers whose last number is remembered."""

Deliver = Callable[[Entry], None]
"""Sends an event to those clients here that can recover, with the log's `offset`. It raises nothing."""


class StreamLog:
    """The state of one stream.

    Args:
        uid: The id of this server.
        limit: Bytes of own events that are kept at most until they have come back.
    """

    __slots__ = (
        "_deliver",
        "_is_away",
        "_numbers",
        "_outstanding",
        "_timer",
        "missing",
        "position",
        "read_back",
        "repeated",
        "sent",
        "uid",
    )

    def __init__(self, uid: str, limit: int) -> None:
        self.uid = uid
        self.position: StreamId = START
        """The last entry that was read."""
        self.sent = 0
        """The number of the newest own entry."""
        self.read_back = 0
        """The number of the newest own entry that has come back."""
        self.repeated = 0
        """Entries of other servers that were there twice, and taken once."""
        self.missing = 0
        """Entries of other servers that never came, as their numbers tell."""
        self._outstanding = Outstanding(limit)
        self._deliver: Deliver | None = None
        self._is_away = False
        self._timer: asyncio.TimerHandle | None = None
        self._numbers: OrderedDict[str, int] = OrderedDict()
        """The last number of each other server, the one longest silent at the front."""

    # What is sent.

    def hold(self, deliver: Deliver) -> None:
        """Keep own events back from now on, until it is known where in the stream they are.

        Args:
            deliver: Sends them then.
        """
        self._deliver = deliver

    def add(self, message: Message) -> Entry:
        """Make the entry of a message that is sent now.

        Raises:
            TypeError: Something in it can't be serialized.
        """
        entry = encode(message, self.sent + 1)
        self.sent += 1
        if self._deliver is not None and entry.kind is Kind.BROADCAST:
            self._outstanding.add(entry)
            if self._is_away:
                self.settle()
            elif self._timer is None:
                self._expect()
        return entry

    def settle(self) -> None:
        """Deliver at once what was sent so far: something follows that mustn't come before it."""
        if self._deliver is not None:
            for entry in self._outstanding.flush():
                self._deliver(entry)

    def _expect(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._check, self.sent)

    def _check(self, sent: int) -> None:
        """See whether what was sent when the time began has come back."""
        self._timer = None
        oldest = self._outstanding.oldest
        if oldest is None:
            return
        if oldest <= sent and not self._is_away:
            self._is_away = True
            self.settle()
        self._expect()

    def close(self) -> None:
        """Deliver what was kept back, and end."""
        self.settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What is read.

    def read(self, entry: Entry) -> bool:
        """Take an entry that was read; `position` is there already.

        Returns:
            Whether it is another server's, and has not been read before.
        """
        if entry.uid == self.uid:
            if entry.seq is None:
                return False
            self.read_back = max(self.read_back, entry.seq)
            if self._deliver is not None:
                for each in self._outstanding.read_back(entry.seq):
                    self._deliver(each)
                if not self._outstanding:
                    self._is_away = False
            return False
        return entry.seq is None or self._is_new(entry.uid, entry.seq)

    def _is_new(self, uid: str, seq: int) -> bool:
        numbers = self._numbers
        last = numbers.get(uid)
        if last is not None and seq <= last:
            self.repeated += 1
            return False
        if last is not None and seq > last + 1:
            self.missing += seq - last - 1
            logger.error(
                "server %s has sent %d messages that never came: Redis was away for longer than they could "
                "wait, or has lost them, or the stream was trimmed before they were read",
                uid,
                seq - last - 1,
            )
        numbers[uid] = seq
        numbers.move_to_end(uid)
        if len(numbers) > MAX_PEERS:
            numbers.popitem(last=False)
        return True

    # Where clients are.

    @property
    def offset(self) -> Offset:
        """How far clients here have come that have been sent everything."""
        return Offset(self.position, self._outstanding.ahead, self.uid)

    @property
    def marker(self) -> Offset:
        """The same, with everything that was sent, whether it has come back or not."""
        return Offset(self.position, self.sent, self.uid)

    @property
    def early(self) -> tuple[Entry, ...]:
        """The own events that clients here have been sent, and that haven't come back."""
        return self._outstanding.early

    @property
    def forgotten(self) -> int:
        """The number of the newest own event that was too much to keep until it comes back; 0 for none."""
        return self._outstanding.forgotten
