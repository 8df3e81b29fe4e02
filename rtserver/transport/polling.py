"""HTTP long-polling: a session's packets in the responses to GETs, the client's in the bodies of POSTs.

Engine.IO v4, "HTTP long-polling". At most one GET waits for packets and at most one POST is under way:
a second one of either breaks the order of packets, and ends the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol, cast

from rtserver.engineio.logged import connection_fields, named
from rtserver.engineio.outgoing import Outgoing, Uncompressed
from rtserver.engineio.packet import CLOSE, NOOP, SEPARATOR
from rtserver.engineio.payload import decode_payload
from rtserver.engineio.request import bad_request
from rtserver.engineio.session import Session, State
from rtserver.transport.answers import TEXT
from rtserver.transport.exchange import Exchange
from rtserver.transport.posting import Posting, PostingHost
from rtserver.transport.turn import WriteTurn

__all__ = ["Polling", "PollingHost"]

logger = logging.getLogger("rtserver.engineio")

HIGH_WATER = 64 * 1024
"""Bytes queued above which the session is congested."""
MAX_RESPONSE = 1_000_000
"""Bytes above which what is queued is spread over several responses."""


class PollingHost(PostingHost, Protocol):
    """What all polling sessions of a server share."""

    turn: WriteTurn
    max_buffer_size: int
    max_payload: int

    def answer_payload(self, exchange: Exchange, payload: bytes, content_type: str = TEXT) -> None:
        """Answer a GET with packets."""


class Polling(Posting):
    """Carries the packets of a session whose client polls.

    Args:
        host: What all sessions share.
        session: The session.
    """

    __slots__ = ("_host", "_queue", "_size", "waiting")

    name = "polling"
    pending: bytes | list[bytes] | None = None
    """What a turn would write itself: nothing, a response needs `flush`."""
    transport: asyncio.Transport | None = None

    def __init__(self, host: PollingHost, session: Session) -> None:
        super().__init__(session)
        self._host: PollingHost = host
        self._queue: list[bytes | Outgoing] = []
        self._size = 0
        self.waiting: Exchange | None = None
        """The GET that is held until there is something to send."""

    # Outgoing: packets wait for the client's next GET.

    @property
    def buffered(self) -> int:
        """Bytes that wait for a poll."""
        return self._size

    @property
    def writable(self) -> bool:
        """True while a GET is held, and nothing is queued for its answer."""
        return self.waiting is not None and not self._queue

    @property
    def congested(self) -> bool:
        """True while much waits for the client's next GET."""
        return self.waiting is None and self._size > HIGH_WATER

    def send_text(self, packet: bytes) -> None:
        """Queue one text packet."""
        self._add(packet, len(packet))

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Queue the packets of one message."""
        self._add(outgoing, len(outgoing))

    def _add(self, item: bytes | Outgoing, size: int) -> None:
        queue = self._queue
        queue.append(item)
        self._size += size
        if self.waiting is not None:
            if len(queue) == 1:
                turn = self._host.turn
                if not turn.dirty:
                    turn.wake()
                turn.dirty.append(self)
            elif self._size > HIGH_WATER:
                self.flush()
        elif self._size > self._host.max_buffer_size:
            self._overflowed()

    def flush(self) -> None:
        """Answer the held GET with what is queued."""
        if self.waiting is not None and self._queue:
            self._answer(self._take())

    def open(self, exchange: Exchange) -> None:
        """Answer the GET that opened the session, with what is queued."""
        self._give(exchange)

    def _give(self, exchange: Exchange) -> None:
        """Answer a GET that has just come with what is queued; then the handler may go on sending."""
        was_congested = self.congested
        self._reply(exchange, self._take())
        if was_congested and not self.congested and self.session is not None:
            self.session.drained()

    def _take(self) -> list[bytes | Outgoing]:
        """Return what is queued, or as much of it as one response may have, and forget it."""
        queue = self._queue
        if self._size > MAX_RESPONSE:
            queue = self._take_some(queue)
        else:
            self._queue = []
            self._size = 0
        return queue

    def _take_some(self, queue: list[bytes | Outgoing]) -> list[bytes | Outgoing]:
        count = 0
        size = 0
        while count < len(queue) and (not count or size < MAX_RESPONSE):
            size += len(queue[count])
            count += 1
        self._queue = queue[count:]
        self._size -= size
        return queue[:count]

    def _answer(self, packets: Sequence[bytes | Outgoing]) -> None:
        waiting = self.waiting
        if waiting is not None:
            self.waiting = waiting.holder = None
            self._reply(waiting, packets)

    def _reply(self, exchange: Exchange, packets: Sequence[bytes | Outgoing]) -> None:
        if packets[0].__class__ is Uncompressed:  # one packet that may be compressed is enough, as in Node
            exchange.may_compress = any(packet.__class__ is not Uncompressed for packet in packets)
        self.respond(exchange, packets)

    # What a version of the protocol changes.

    def respond(self, exchange: Exchange, packets: Sequence[bytes | Outgoing]) -> None:
        """Answer a GET with packets."""
        parts = [packet if isinstance(packet, bytes) else packet.polling for packet in packets]
        payload = parts[0] if len(parts) == 1 else SEPARATOR.join(parts)
        self._host.answer_payload(exchange, payload)

    def decode(self, exchange: Exchange, body: bytes) -> list[str | bytes]:
        """Return the packets in the body of a POST.

        Raises:
            EngineViolation: They can't be decoded.
        """
        return decode_payload(body, limit=self._host.max_payload)

    def _overflowed(self) -> None:
        session = self.session
        if session is None:
            return
        session.host.counters.slow_clients += 1
        logger.warning(
            "%s doesn't poll: %d bytes wait for it, the limit is %d; it is disconnected",
            named(session),
            self._size,
            self._host.max_buffer_size,
            extra=connection_fields(session),
        )
        session.lose("slow client")

    # Requests.

    def poll(self, exchange: Exchange) -> None:
        """Take a GET: answer it with what is queued, or hold it.

        Raises:
            EngineRequestError: Another one is held already; the session is over.
        """
        session = cast(Session, self.session)
        if self.waiting is not None:
            session.fail("transport error")
            raise bad_request("a second GET while one is held: poll again when that is answered")
        session.polled = True
        if session.state is State.CLOSING:
            if self._queue:
                self._reply(exchange, self._take())
            else:
                session.end()
                self._reply(exchange, [CLOSE])
        elif self._queue:
            self._give(exchange)
        elif session.state is State.PROBED:
            self.respond(exchange, [NOOP])
        else:
            self.waiting = exchange
            exchange.holder = self

    def lost(self, exchange: Exchange) -> None:
        """The connection of a request that isn't answered yet has gone: so has the client."""
        if self.waiting is not exchange:
            super().lost(exchange)
            return
        self.waiting = exchange.holder = None
        if self.session is not None:
            self.session.lose("transport close")

    # The upgrade.

    def stop_holding(self) -> None:
        """Answer a held GET at once, so that the client can go over to its WebSocket."""
        if self.waiting is not None:
            self._answer(self._take() if self._queue else [NOOP])

    def retire(self) -> list[bytes | Outgoing]:
        """Return what is queued, for the WebSocket that carries the session now; answer all requests."""
        self.end_posting()
        if self.waiting is not None:
            self._answer([NOOP])
        queue = self._queue
        self._queue = []
        self._size = 0
        return queue

    # The session's carrier.

    def close(self, code: int, reason: str) -> bool:
        """Answer a held GET with a close packet; without one, the next GET.

        What is queued goes first, in a response of its own: the official client acts on a close packet at
        once, and on what stands before it in the same response only then.
        """
        self.end_posting()
        if self.waiting is None:
            return False
        if self._queue:
            self._answer(self._take())
            return False
        self._answer([CLOSE])
        return True

    def release(self) -> None:
        """Answer a held GET: the client has said good-bye by a POST."""
        self.retire()

    def abort(self) -> None:
        """Drop what is queued."""
        self.session = None
        self.release()
