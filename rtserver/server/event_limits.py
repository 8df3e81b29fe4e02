"""How many events, and how many bytes of them, a client may send, where that is limited.

The transports ask here, and only where there is such a limit, once for all that comes in one read. Each
client has two token buckets that one timer fills for all: nothing that comes looks at a clock.

Only events are left out, each with its attachments. Other packets count, but the server needs them: a client
that sends too many of those is disconnected. What comes in one read may be more bytes than the bucket holds:
it passes while there are any, and is overdrawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from rtserver.clock import Clock, Timer
from rtserver.engineio.handler import Session
from rtserver.engineio.packet import MESSAGE
from rtserver.errors import SocketViolation
from rtserver.server.codecs import has_binary_packets
from rtserver.server.hub import deliver
from rtserver.socketio.codec import Codec
from rtserver.socketio.packet import Packet, PacketType

__all__ = ["EventLimiter", "EventLimits"]

INTERVAL: Final = 0.25
"""Seconds between two fillings."""
REASON: Final = "rate limit exceeded"
"""Why a client is disconnected that doesn't stop."""
_MESSAGE: Final = MESSAGE.decode()
"""The type of Engine.IO's packets that hold Socket.IO's."""
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

    __slots__ = ("attachments", "bytes", "events", "excess", "filled", "uncounted")

    def __init__(self, limits: EventLimits, filled: float) -> None:
        self.events: float = inf if limits.events_per_second is None else limits.events_burst
        self.bytes: float = inf if limits.bytes_per_second is None else limits.bytes_burst
        self.excess = 0
        """Packets over the limit."""
        self.attachments = 0
        """Attachments to come of an event that was left out."""
        self.uncounted = 0
        """Bytes that came of a packet which isn't complete: it may yet be more than the bucket holds."""
        self.filled = filled
        """When that was so."""


class EventLimiter:
    """Decides which packets a client may send: the `Limiter` of a server's transports.

    Args:
        codec: Decodes what is over the limit, and encodes the answers to it.
        limits: What is limited.
        clock: Returns the clock of the running loop.
    """

    def __init__(self, codec: Codec, limits: EventLimits, clock: Callable[[], Clock]) -> None:
        self._codec = codec
        self._limits = limits
        self._clock = clock
        self._is_binary = has_binary_packets(codec)
        self.buckets: dict[Session, _Bucket] = {}
        self.now = 0.0
        """The time, as it was when the buckets were to be filled last."""
        self._timer: Timer | None = None
        self.dropped = 0
        """Events that were left out."""
        self.disconnected = 0
        """Clients that were disconnected because they went on."""

    def admit(self, session: Session, packets: list[Any], size: int, /) -> list[Any]:
        """Return the packets that the session is to take; arguments as of `Limiter.admit`."""
        bucket = self.buckets.get(session)
        if bucket is None:
            if not session.is_open:
                return packets
            bucket = self._begin(session)
        if bucket.filled is not self.now:
            self._refill(bucket)
        if not packets:
            bucket.uncounted += size
            return packets
        is_affordable = bucket.bytes > 0
        inflated = sum([len(packet) for packet in packets if packet.__class__ is not tuple])
        bucket.bytes -= max(size + bucket.uncounted, inflated)
        bucket.uncounted = 0
        admitted = []
        for packet in packets:
            if self._admits(session, bucket, packet, is_affordable):
                admitted.append(packet)
            if not session.is_open:
                return []
        return admitted

    def forget(self, session: Session, /) -> None:
        """Forget a session that has ended."""
        self.buckets.pop(session, None)

    def _begin(self, session: Session) -> _Bucket:
        if self._timer is None:
            clock = self._clock()
            self.now = clock.now()
            self._timer = Timer(clock, self._fill)
            self._timer.set(INTERVAL)
        bucket = self.buckets[session] = _Bucket(self._limits, self.now)
        return bucket

    def _admits(self, session: Session, bucket: _Bucket, packet: Any, is_affordable: bool) -> bool:
        if packet.__class__ is bytes and not self._is_binary:
            is_admitted = not bucket.attachments  # the event that it belongs to was let through
            bucket.attachments -= not is_admitted
            return is_admitted
        if packet.__class__ is str and not packet.startswith(_MESSAGE):
            return True  # of Engine.IO's own
        if is_affordable and bucket.events >= 1:
            bucket.events -= 1
            bucket.attachments = 0
            return True
        return self._tolerates(session, bucket) and not self._leaves_out(session, bucket, packet)

    def _leaves_out(self, session: Session, bucket: _Bucket, packet: Any) -> bool:
        """Leave a packet out, if it is an event, with its attachments; tell who waits for an answer."""
        try:
            kind, namespace, ack_id, _, attachments = self._decode(packet)
        except SocketViolation:
            return False  # the server finds the same, and ends the session
        if kind not in _EVENTS:
            return False
        self.dropped += 1
        bucket.attachments = attachments
        if ack_id is not None:
            error = {"code": "rate_limited", "message": REASON, "retry_after": INTERVAL}
            deliver(session, self._codec.encode_ack(namespace, ack_id, (error,)))
        return True

    def _decode(self, packet: Any) -> Packet:
        if packet.__class__ is tuple:
            return packet
        return self._codec.decode(packet if packet.__class__ is bytes else packet[len(_MESSAGE) :])

    # The buckets.

    def _refill(self, bucket: _Bucket) -> None:
        limits = self._limits
        since, bucket.filled = bucket.filled, self.now
        if limits.events_per_second is not None:
            earned = self._earned(limits.events_per_second, since)
            bucket.events = min(limits.events_burst, bucket.events + earned)
        if limits.bytes_per_second is not None:
            earned = self._earned(limits.bytes_per_second, since)
            bucket.bytes = min(limits.bytes_burst, bucket.bytes + earned)
        if bucket.events >= 1 and bucket.bytes > 0:
            bucket.excess = 0

    def _earned(self, rate: float, since: float) -> int:
        """Return what has come at a rate since a time, in whole numbers, which count faster than others."""
        return int(rate * self.now) - int(rate * since)

    def _fill(self) -> None:
        assert self._timer is not None
        self.now = self._timer.clock.now()
        if self.buckets:
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
