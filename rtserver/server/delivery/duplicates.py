"""Packets that a client sends again because it hasn't seen their acknowledgment.

The official JavaScript client does so with its options ``retries`` and ``ackTimeout``: it sends one packet
at a time, and sends it again, under another ack id, when no acknowledgment has come in time or when it has
connected anew. So that a handler runs once for it all the same, what was answered is remembered for a
while, and a repeated packet gets the same answer. One whose handler still runs waits for that one.

Nothing on the wire says that a packet is a repetition. It is known by an id that the application puts into
its events, or else by its content: it equals the packet that its client has sent before it.
"""

from __future__ import annotations

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rtserver.clock import Timer
from rtserver.server.counters import Counters
from rtserver.server.runtime import Runtime
from rtserver.server.socket import Socket, State

__all__ = ["DuplicateSuppression", "Duplicates", "Receipt"]

MIN_ID = 16
"""Characters of an id that can be unique among all clients."""
MAX_ID = 128
MAX_WAITING = 16
"""Repetitions of one packet that wait for its handler, the latest: a client has given up on earlier ones."""

Key = tuple[str, str]
Send = Callable[[Socket, int, Sequence[Any]], int]
"""Sends an acknowledgment, and returns its size in bytes."""


@dataclass(frozen=True, slots=True)
class DuplicateSuppression:
    """How repeated packets are recognised, and for how long.

    Args:
        window: Seconds for which an answer is remembered.
        id_field: The field of an event's last argument, an object, that holds the packet's id: a string of
            16 to 128 characters, unique among all clients, such as ``crypto.randomUUID()``. A packet
            without one runs its handler whenever it comes. None to compare each packet with the one before
            it by content: for applications whose events all differ, and clients that send one at a time.
        max_packets: Packets that are remembered at most. The oldest is forgotten first.
        max_bytes: Bytes that their answers may have together.

    Raises:
        ValueError: A number is not positive.
    """

    window: float = 120.0
    id_field: str | None = None
    max_packets: int = 100_000
    max_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:  # noqa: D105
        for name in ("window", "max_packets", "max_bytes"):
            value = getattr(self, name)
            if value <= 0:
                raise ValueError(f"{name}: received {value!r}, expected a number greater than 0")


class Receipt:
    """What is known of one packet that wants an acknowledgment: stands for its ack id.

    Args:
        duplicates: What remembers it.
        key: Whose packet it is, or which.
        content: A digest of the packet, where packets are compared by content.
        expires: When it is forgotten.
    """

    __slots__ = ("_answer", "_duplicates", "_waiting", "content", "expires", "key", "size")

    def __init__(self, duplicates: Duplicates, key: Key, content: bytes, expires: float) -> None:
        self._duplicates = duplicates
        self._waiting: list[tuple[Socket, int]] = []
        self._answer: Sequence[Any] | None = None
        self.key = key
        self.content = content
        self.expires = expires
        self.size = 0
        """Bytes of the answer, once there is one."""

    def request(self, socket: Socket, ack_id: int) -> None:
        """Answer under this ack id: at once, or when the handler has ended."""
        if self._answer is None:
            # Ack ids of a connection that has gone mean nothing to the one that took its place.
            waiting = [(other, id) for other, id in self._waiting if other.state is State.CONNECTED]
            self._waiting = [*waiting[1 - MAX_WAITING :], (socket, ack_id)]
        else:
            self._duplicates.send(socket, ack_id, self._answer)

    def answer(self, args: Sequence[Any]) -> None:
        """Take what the handler answered, and send it to all who wait.

        Raises:
            TypeError: It can't be serialized.
        """
        size = 0
        for socket, ack_id in self._waiting:
            size = self._duplicates.send(socket, ack_id, args)
        self._waiting.clear()
        self._answer = copy.deepcopy(args)  # the application may go on changing its own
        self.size = size
        self._duplicates.grown(self)

    def fail(self) -> None:
        """Forget the packet: there is no answer, and the client may try again."""
        self._waiting.clear()
        self._duplicates.forget(self)


class Duplicates:
    """The packets that were received lately, by all clients of a server.

    Args:
        options: What to remember.
        runtime: Returns the running loop and its clock.
        counters: Where repetitions are counted.
        send: Sends an acknowledgment.
    """

    __slots__ = ("_bytes", "_counters", "_known", "_options", "_runtime", "_timer", "send")

    def __init__(
        self, options: DuplicateSuppression, runtime: Callable[[], Runtime], counters: Counters, send: Send
    ) -> None:
        self._options = options
        self._runtime = runtime
        self._counters = counters
        self._known: OrderedDict[Key, Receipt] = OrderedDict()
        self._bytes = 0
        self._timer: Timer | None = None
        self.send = send

    def __len__(self) -> int:
        """Return how many packets are remembered."""
        return len(self._known)

    def admit(self, socket: Socket, ack_id: int, args: Sequence[Any]) -> Receipt | int | None:
        """Look at an event that wants an acknowledgment.

        Args:
            socket: Whose it is.
            ack_id: The ack id that it came with.
            args: The event's name and its arguments.

        Returns:
            What to answer to, in the place of the ack id; the ack id itself where the packet can't be
            recognised again; None if the packet is a repetition, and nothing is left to do.
        """
        key, content = self._identify(socket, args)
        if key is None:
            return ack_id
        clock = self._runtime().clock
        self._expire()
        receipt = self._known.get(key)
        if receipt is not None:
            if receipt.content == content:
                self._counters.duplicates += 1
                receipt.request(socket, ack_id)
                return None
            self.forget(receipt)
        receipt = self._known[key] = Receipt(self, key, content, clock.now() + self._options.window)
        receipt.request(socket, ack_id)
        self._shrink()
        if self._timer is None:
            self._timer = Timer(clock, self._expire)
            self._timer.set(self._options.window)
        return receipt

    def grown(self, receipt: Receipt) -> None:
        """Count the answer of a packet, if that is remembered still."""
        if self._known.get(receipt.key) is receipt:
            self._bytes += receipt.size
            self._shrink()

    def forget(self, receipt: Receipt) -> None:
        """Forget a packet, if it is remembered still."""
        if self._known.get(receipt.key) is receipt:
            del self._known[receipt.key]
            self._bytes -= receipt.size

    def _identify(self, socket: Socket, args: Sequence[Any]) -> tuple[Key | None, bytes]:
        field = self._options.id_field
        name = socket.namespace.name
        if field is None:
            return (name, socket.sid), hashlib.blake2b(
                repr(args).encode("utf-8", "surrogatepass"), digest_size=16
            ).digest()
        last = args[-1]
        id = last.get(field) if isinstance(last, dict) else None
        if not isinstance(id, str) or not MIN_ID <= len(id) <= MAX_ID:
            return None, b""
        return (name, id), b""

    def _shrink(self) -> None:
        options = self._options
        while len(self._known) > options.max_packets or (self._known and self._bytes > options.max_bytes):
            self.forget(next(iter(self._known.values())))

    def _expire(self) -> None:
        clock = self._runtime().clock
        now = clock.now()
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.expires > now:
                break
            self.forget(oldest)
        timer = self._timer
        if timer is not None and not timer.is_set:
            if self._known:
                timer.set(next(iter(self._known.values())).expires - now)
            else:
                self._timer = None
