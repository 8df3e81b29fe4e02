"""How many events, and how many bytes of them, a client may send, where that is limited.

It stands between Engine.IO and the server, and only where there is such a limit. Each client has two token
buckets that one timer fills for all: no message looks at a clock.

Only events are left out, each with its attachments. Other packets count, but the server needs them: a client
that sends too many of those is disconnected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from rtserver.clock import Clock, Timer
from rtserver.engineio.handler import PacketHandler, Session
from rtserver.engineio.outgoing import Outgoing
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
        self.events: float = limits.events_burst
        self.bytes: float = limits.bytes_burst
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
        self._decode = handler.decode
        self._counts_bytes = limits.bytes_per_second is not None
        self._size = 0
        """Bytes of the packet that was decoded last."""
        self._buckets: dict[Session, _Bucket] = {}
        self._now = 0.0
        """The time, as it was when the buckets were to be filled last."""
        self._timer: Timer | None = None
        self.drain = handler.drain
        self.decode: Callable[[bytes], Any] = self._measure if self._counts_bytes else handler.decode
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

    def packet(self, session: Session, packet: Any, /) -> None:
        """Take one packet, if the client may send it."""
        bucket = self._buckets.get(session)
        if bucket is None or self._admits(bucket, self._size):
            self._packet(session, packet)
        elif self._tolerates(session, bucket):
            if packet[0] in _EVENTS:
                self._leave_out(bucket, packet[4] or 0)
                self._answer(session, packet)
            else:
                self._packet(session, packet)

    def message(self, session: Session, data: str | bytes, /) -> None:
        """Take one message that isn't decoded yet, if the client may send it."""
        bucket = self._buckets.get(session)
        if bucket is None:
            self._message(session, data)
        elif isinstance(data, str):
            if self._admits(bucket, len(data)):
                self._message(session, data)
            elif self._tolerates(session, bucket):
                if data[:1] in ("2", "5"):
                    self._leave_out(bucket, _attachments(data))
                else:
                    self._message(session, data)
        elif bucket.attachments:
            bucket.attachments -= 1
        else:
            bucket.bytes -= len(data)  # the event that it belongs to was let through
            self._message(session, data)

    def _measure(self, payload: bytes) -> Any:
        self._size = len(payload)
        return self._decode(payload)

    # The buckets.

    def _admits(self, bucket: _Bucket, size: int) -> bool:
        if bucket.filled != self._now:
            self._refill(bucket)
        bucket.events -= 1
        if self._counts_bytes:
            bucket.bytes -= size
            return bucket.events >= 0 and bucket.bytes >= 0
        return bucket.events >= 0

    def _refill(self, bucket: _Bucket) -> None:
        limits = self._limits
        seconds = self._now - bucket.filled
        bucket.filled = self._now
        if limits.events_per_second is None:
            bucket.events = limits.events_burst
        else:
            bucket.events = min(
                limits.events_burst, max(bucket.events, 0) + seconds * limits.events_per_second
            )
        if limits.bytes_per_second is not None:
            bucket.bytes = min(limits.bytes_burst, bucket.bytes + seconds * limits.bytes_per_second)
        if bucket.events >= 1 and bucket.bytes >= 0:
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

    def _leave_out(self, bucket: _Bucket, attachments: int) -> None:
        self.dropped += 1
        bucket.attachments = attachments

    def _answer(self, session: Session, packet: Any) -> None:
        """Tell a client that waits for an acknowledgment why there is none."""
        if packet[2] is None:
            return
        error = {"code": "rate_limited", "message": REASON, "retry_after": INTERVAL}
        answer = self._codec.encode_ack(packet[1], packet[2], (error,))
        if isinstance(answer, Outgoing):
            session.send_outgoing(answer)
        else:
            session.send_text(answer)


def _attachments(text: str) -> int:
    """Return how many attachments follow an event, by its text: "51-..." announces one."""
    number = text[1 : text.find("-")] if text[0] == "5" else ""
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 9 else 0
