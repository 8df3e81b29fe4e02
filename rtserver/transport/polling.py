"""HTTP long-polling: a session's packets in the responses to GETs, the client's in the bodies of POSTs.

Engine.IO v4, "HTTP long-polling". At most one GET waits for packets and at most one POST is under way:
a second one of either breaks the order of packets, and ends the session.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.packet import CLOSE, NOOP, SEPARATOR
from rtserver.engineio.payload import decode_payload
from rtserver.engineio.request import bad_request
from rtserver.engineio.session import Session, State
from rtserver.errors import EngineRequestError, EngineViolation
from rtserver.transport.exchange import Exchange
from rtserver.transport.turn import WriteTurn

__all__ = ["Polling", "PollingHost"]

logger = logging.getLogger("rtserver.engineio")

HIGH_WATER = 64 * 1024
"""Bytes queued above which the handler is told when they have gone."""
MAX_RESPONSE = 1_000_000
"""Bytes above which what is queued is spread over several responses."""


class PollingHost(Protocol):
    """What all polling sessions of a server share."""

    turn: WriteTurn
    max_buffer_size: int
    max_payload: int

    def answer_payload(self, exchange: Exchange, payload: bytes) -> None:
        """Answer a GET with packets."""

    def answer_ok(self, exchange: Exchange) -> None:
        """Answer a POST whose packets were taken."""

    def answer_error(self, exchange: Exchange, error: EngineRequestError) -> None:
        """Refuse a request."""


class Polling:
    """Carries the packets of a session whose client polls.

    Args:
        host: What all sessions share.
        session: The session.
    """

    __slots__ = ("_host", "_queue", "_size", "_unanswered", "posting", "read_paused", "session", "waiting")

    name = "polling"
    pending: bytes | list[bytes] | None = None
    """What a turn would write itself: nothing, a response needs `flush`."""
    transport: asyncio.Transport | None = None

    def __init__(self, host: PollingHost, session: Session) -> None:
        self._host = host
        self.session: Session | None = session
        self._queue: list[bytes | Outgoing] = []
        self._size = 0
        self.waiting: Exchange | None = None
        """The GET that is held until there is something to send."""
        self.posting: Exchange | None = None
        """The POST whose body is being read."""
        self.read_paused = False
        """True while the handler is behind."""
        self._unanswered: Exchange | None = None
        """A POST that was taken and is answered when reading goes on."""

    # Outgoing: packets wait for the client's next GET.

    @property
    def buffered(self) -> int:
        """Bytes that wait for a poll."""
        return self._size

    @property
    def writable(self) -> bool:
        """True while a GET is held."""
        return self.waiting is not None

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
            self._answer(self.take())

    def take(self) -> bytes:
        """Return what is queued, or the first of it, as one payload, and forget it."""
        queue = self._queue
        pushed_back = self._size > HIGH_WATER
        if self._size > MAX_RESPONSE:
            packets = self._take_some(queue)
        else:
            packets = [item if isinstance(item, bytes) else item.polling for item in queue]
            self._queue = []
            self._size = 0
        if pushed_back and not self._queue and self.session is not None:
            self.session.drained()
        return packets[0] if len(packets) == 1 else SEPARATOR.join(packets)

    def _take_some(self, queue: list[bytes | Outgoing]) -> list[bytes]:
        packets: list[bytes] = []
        size = 0
        while len(packets) < len(queue) and (not packets or size < MAX_RESPONSE):
            item = queue[len(packets)]
            size += len(item)
            packets.append(item if isinstance(item, bytes) else item.polling)
        self._queue = queue[len(packets) :]
        self._size -= size
        return packets

    def _answer(self, payload: bytes) -> None:
        waiting = self.waiting
        if waiting is not None:
            self.waiting = waiting.holder = None
            self._host.answer_payload(waiting, payload)

    def _overflowed(self) -> None:
        session = self.session
        if session is None:
            return
        session.host.counters.slow_clients += 1
        logger.warning(
            "session %s doesn't poll: %d bytes wait for it, the limit is %d; it is disconnected",
            session.sid,
            self._size,
            self._host.max_buffer_size,
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
        if session.state is State.CLOSING:
            payloads = [self.take()] if self._queue else []
            if not self._queue:
                payloads.append(CLOSE)
                session.end()
            self._host.answer_payload(exchange, SEPARATOR.join(payloads))
        elif self._queue:
            self._host.answer_payload(exchange, self.take())
        elif session.state is State.PROBED:
            self._host.answer_payload(exchange, NOOP)
        else:
            self.waiting = exchange
            exchange.holder = self

    def begin_post(self, exchange: Exchange) -> None:
        """Take the head of a POST, whose body is to be read and given to `end_post`.

        Raises:
            EngineRequestError: Another one is under way; the session is over.
        """
        session = cast(Session, self.session)
        if self.posting is not None or self._unanswered is not None:
            session.fail("transport error")
            raise bad_request("a second POST while one is under way: wait for its answer")
        self.posting = exchange
        exchange.holder = self

    def end_post(self, exchange: Exchange, body: bytes) -> None:
        """Take a POST's body: hand over its packets, and answer."""
        self.posting = exchange.holder = None
        session = self.session
        try:
            if session is None or not session.is_open:
                raise bad_request("the session has been closed")
            self._receive(session, body)
        except EngineRequestError as error:
            self._host.answer_error(exchange, error)
            return
        if self.read_paused:
            self._unanswered = exchange
        else:
            self._host.answer_ok(exchange)

    def _receive(self, session: Session, body: bytes) -> None:
        try:
            for packet in decode_payload(body, limit=self._host.max_payload):
                session.receive(packet)
        except EngineViolation as violation:
            session.host.counters.bad_packets += 1
            logger.warning("session %s sent %s", session.sid, violation)
            session.fail("parse error")
            raise bad_request("the payload has a packet that isn't valid here") from None
        except Exception:  # noqa: BLE001 - logged there
            session.handler_failed()
            raise EngineRequestError(3, "Internal error", 500) from None

    def lost(self, exchange: Exchange) -> None:
        """The connection of a request that isn't answered yet has gone: so has the client."""
        exchange.holder = None
        if self.waiting is exchange:
            self.waiting = None
        elif self.posting is exchange:
            self.posting = None
        else:
            return
        if self.session is not None:
            self.session.lose("transport close")

    # The upgrade.

    def stop_holding(self) -> None:
        """Answer a held GET at once, so that the client can go over to its WebSocket."""
        if self.waiting is not None:
            self._answer(self.take() if self._queue else NOOP)

    def retire(self) -> list[bytes | Outgoing]:
        """Return what is queued, for the WebSocket that carries the session now; answer all requests."""
        self.resume_reading()
        if self.waiting is not None:
            self._answer(NOOP)
        queue = self._queue
        self._queue = []
        self._size = 0
        return queue

    # The session's carrier.

    def close(self, code: int, reason: str) -> bool:
        """Answer a held GET with what is queued and a close packet; without one, the next GET."""
        self.resume_reading()
        if self.waiting is None:
            return False
        self._answer(SEPARATOR.join([self.take(), CLOSE]) if self._queue else CLOSE)
        return True

    def release(self) -> None:
        """Answer a held GET: the client has said good-bye by a POST."""
        self.retire()

    def abort(self) -> None:
        """Drop what is queued."""
        self.session = None
        self.release()

    def pause_reading(self) -> None:
        """Don't answer the next POST, so that the client sends no other."""
        self.read_paused = True

    def resume_reading(self) -> None:
        """Answer the POST that was held back."""
        self.read_paused = False
        exchange = self._unanswered
        if exchange is not None:
            self._unanswered = None
            self._host.answer_ok(exchange)
