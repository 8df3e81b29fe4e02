"""How many events, and how many bytes of them, a client may send, where that is limited.

It stands between Engine.IO and the server, and only where there is such a limit. Each client has two token
buckets that one timer fills for all: no message looks at a clock.

Only events are left out, each with its attachments. Other packets count, but the server needs them: a client
that sends too many of those is disconnected. What a plain WebSocket client sends counts as a packet, but its
bytes don't.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from rtserver.clock import Clock, Timer
from rtserver.engineio.handler import PacketHandler, Session
from rtserver.errors import SocketViolation
from rtserver.server.codecs import has_binary_packets
from rtserver.server.hub import deliver
from rtserver.socketio.codec import Codec
from rtserver.socketio.packet import PacketType

__all__ = ["EventLimiter", "EventLimits"]

INTERVAL: Final = 0.25
"""Seconds between two fillings."""
REASON: Final = "rate limit exceeded"
"""Why a client is disconnected that doesn't stop."""
POLICY_VIOLATION: Final = 1008
"""The close code for it (RFC 6455, 7.4.1)."""
_EVENTS: Final = (PacketType.EVENT, PacketType.BINARY_EVENT)


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What one client may send; None for what isn't limited.

    Args:
        events_per_second: Packets, on average.
        events_burst: How many of them may come at once.
        bytes_per_second: Bytes of packets, on average.
        bytes_burst: How many of them may come at once.
        tolerance: Packets over the limit that are left out before the client is disconnected.
    """

    events_per_second: float | None = None
    events_burst: int = 100
    bytes_per_second: float | None = None
    bytes_burst: int = 1_000_000
    tolerance: int = 100


class _Bucket:
    """What one client may send now."""

    __slots__ = ("attachments", "bytes", "events", "excess", "filled")

    def __init__(self, limits: EventLimits, filled: float) -> None:
        self.events: float = inf if limits.events_per_second is None else limits.events_burst
        self.bytes: float = inf if limits.bytes_per_second is None else limits.bytes_burst
        self.excess = 0
        """Packets over the limit."""
        self.attachments = 0
        """Attachments to come of an event that was left out."""
        self.filled = filled
        """When that was so."""


class EventLimiter:
    """An Engine.IO handler in front of a server's.

    Args:
        handler: The server's.
        codec: Encodes the answers to what is left out.
        limits: What is limited.
        clock: Returns the clock of the running loop.
    """

    def __init__(
        self, handler: PacketHandler, codec: Codec, limits: EventLimits, clock: Callable[[], Clock]
    ) -> None:
        self._handler = handler
        self._codec = codec
        self._limits = limits
        self._clock = clock
        self._message = handler.message
        self._packet = handler.packet
        self._counts_bytes = limits.bytes_per_second is not None
        self._is_binary = has_binary_packets(codec)
        self._buckets: dict[Session, _Bucket] = {}
        self.packet, self.decode = self._gate(handler.decode)
        self._now = 0.0
        """The time, as it was when the buckets were to be filled last."""
        self._timer: Timer | None = None
        self.drain = handler.drain
        self.dropped = 0
        """Events that were left out."""
        self.disconnected = 0
        """Clients that were disconnected because they went on."""

    # What Engine.IO calls.

    def connect(self, session: Session, /) -> None:
        """Take a new session."""
        self._handler.connect(session)
        if self._timer is None:
            clock = self._clock()
            self._now = clock.now()
            self._timer = Timer(clock, self._fill)
            self._timer.set(INTERVAL)
        self._buckets[session] = _Bucket(self._limits, self._now)

    def disconnect(self, session: Session, reason: str, /) -> None:
        """Forget a session."""
        self._buckets.pop(session, None)
        self._handler.disconnect(session, reason)

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take one message that isn't decoded yet, if the client may send it."""
        bucket = self._buckets.get(session)
        if bucket is None:
            self._message(session, data)
        elif data.__class__ is bytes and not self._is_binary:
            bucket.bytes -= len(data)
            if bucket.attachments:
                bucket.attachments -= 1
            else:  # the event that it belongs to was let through
                self._message(session, data)
        elif self._admits(bucket, self._size(data)):
            bucket.attachments = 0
            self._message(session, data)
        elif self._tolerates(session, bucket):
            try:
                packet = self._codec.decode(data)
            except SocketViolation:
                self._message(session, data)  # which finds the same, and ends the session
            else:
                self._over(session, bucket, packet)

    def _gate(
        self, decode: Callable[[bytes], Any]
    ) -> tuple[Callable[[Session, Any], None], Callable[[bytes], Any]]:
        """Return `packet`, which takes one packet if the client may send it, and its `decode`.

        Nearly every message passes through these. So they are closures, whose names cost less than attributes
        do, and write out what `_admits` does.
        """
        bucket_of, forward = self._buckets.get, self._packet

        def packet(session: Session, packet: Any, /) -> None:
            bucket = bucket_of(session)
            if bucket is None:
                forward(session, packet)
                return
            if bucket.filled is not self._now:
                self._refill(bucket)
            if bucket.events >= 1:
                bucket.events -= 1
                forward(session, packet)
            elif self._tolerates(session, bucket):
                self._over(session, bucket, packet)

        def measured_packet(session: Session, measured: tuple[Any, int], /) -> None:
            bucket = bucket_of(session)
            if bucket is None:
                forward(session, measured[0])
                return
            if bucket.filled is not self._now:
                self._refill(bucket)
            if bucket.bytes > 0 and bucket.events >= 1:
                bucket.events -= 1
                bucket.bytes -= measured[1]
                forward(session, measured[0])
            elif self._tolerates(session, bucket):
                self._over(session, bucket, measured[0])

        def measure(payload: bytes, /) -> Any:
            packet = decode(payload)
            return packet if packet.__class__ is str else (packet, len(payload) - 1)

        return (measured_packet, measure) if self._counts_bytes else (packet, decode)

    def _size(self, data: str | bytes) -> int:
        if not self._counts_bytes:
            return 0
        return len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))

    def _over(self, session: Session, bucket: _Bucket, packet: Any) -> None:
        """Leave a packet out, if it is an event, with its attachments; tell who waits for an answer."""
        if packet[0] not in _EVENTS:
            self._packet(session, packet)
            return
        self.dropped += 1
        bucket.attachments = packet[4]
        if packet[2] is not None:
            error = {"code": "rate_limited", "message": REASON, "retry_after": INTERVAL}
            deliver(session, self._codec.encode_ack(packet[1], packet[2], (error,)))

    # The buckets.

    def _admits(self, bucket: _Bucket, size: int) -> bool:
        if bucket.filled is not self._now:
            self._refill(bucket)
        if bucket.events < 1 or bucket.bytes <= 0:
            return False
        bucket.events -= 1
        bucket.bytes -= size
        return True

    def _refill(self, bucket: _Bucket) -> None:
        limits = self._limits
        seconds = self._now - bucket.filled
        bucket.filled = self._now
        if limits.events_per_second is not None:
            bucket.events = min(limits.events_burst, bucket.events + seconds * limits.events_per_second)
        if limits.bytes_per_second is not None:
            bucket.bytes = min(limits.bytes_burst, bucket.bytes + seconds * limits.bytes_per_second)
        if bucket.events >= 1 and bucket.bytes > 0:
            bucket.excess = 0

    def _fill(self) -> None:
        assert self._timer is not None
        self._now = self._timer.clock.now()
        if self._buckets:
            self._timer.set(INTERVAL)
        else:
            self._timer = None

    # Too much.

    def _tolerates(self, session: Session, bucket: _Bucket) -> bool:
        """Take note of a packet over the limit, and disconnect a client that has sent too many of them."""
        bucket.excess += 1
        if bucket.excess <= self._limits.tolerance:
            return True
        self.disconnected += 1
        session.close(REASON, code=POLICY_VIOLATION)
        return False
