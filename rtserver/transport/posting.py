"""What a polling client posts: one request at a time, its packets in order, and the answer behind the last.

A body may have hundreds of thousands of packets. They are handed over in turns with what others send, and
not while the handler is behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol, cast

from rtserver.engineio.limiter import Limiter
from rtserver.engineio.logged import connection_fields, named
from rtserver.engineio.request import bad_request
from rtserver.engineio.session import Session
from rtserver.errors import EngineRequestError, EngineViolation
from rtserver.transport.exchange import Exchange

__all__ = ["PACKETS_PER_TURN", "Posting", "PostingHost"]

logger = logging.getLogger("rtserver.engineio")

PACKETS_PER_TURN: Final = 1000
"""Packets that are handed over before others have their turn."""


class PostingHost(Protocol):
    """What all polling sessions of a server share, as far as clients post."""

    loop: asyncio.AbstractEventLoop
    limiter: Limiter | None

    def answer_ok(self, exchange: Exchange) -> None:
        """Answer a POST whose packets were taken."""

    def answer_error(self, exchange: Exchange, error: EngineRequestError) -> None:
        """Refuse a request."""


class Posting:
    """The half of polling that takes packets from the client.

    Args:
        session: The session.
    """

    __slots__ = ("_is_due", "_late", "_unanswered", "posting", "read_paused", "session")

    _host: PostingHost
    """What all sessions share: the subclass's own, which knows more of it."""

    def __init__(self, session: Session) -> None:
        self.session: Session | None = session
        self.posting: Exchange | None = None
        """The POST whose body is being read."""
        self.read_paused = False
        """True while the handler is behind."""
        self._unanswered: Exchange | None = None
        """A POST that is answered when its last packet has been handed over and reading goes on."""
        self._late: deque[str | bytes] | None = None
        """Its packets that have their turn later."""
        self._is_due = False
        """True when these have it soon."""

    def decode(self, exchange: Exchange, body: bytes) -> list[str | bytes]:
        """Return the packets in the body of a POST.

        Raises:
            EngineViolation: They can't be decoded.
        """
        raise NotImplementedError

    @property
    def is_handing_over(self) -> bool:
        """True while packets of a POST that has come whole wait for their turn."""
        return self._late is not None

    def begin_post(self, exchange: Exchange) -> None:
        """Take the head of a POST, whose body is to be read and given to `end_post`.

        Raises:
            EngineRequestError: Another one is under way; the session is over.
        """
        if self.posting is not None or self._unanswered is not None:
            cast(Session, self.session).fail("transport error")
            raise bad_request("a second POST while one is under way: wait for its answer")
        self.posting = exchange
        exchange.holder = self

    def end_post(self, exchange: Exchange, body: bytes) -> None:
        """Take a POST's body: hand over its packets, and answer."""
        self.posting = exchange.holder = None
        session = self.session
        if session is None or not session.is_open:
            self._host.answer_error(exchange, bad_request("the session has been closed"))
        else:
            self._hand_over(session, exchange, body)

    def _go_on(self) -> None:
        """Hand over the packets that have their turn now."""
        self._is_due = False
        session, exchange = self.session, self._unanswered
        if session is not None and exchange is not None and self._late is not None and not self.read_paused:
            self._unanswered = None
            self._hand_over(session, exchange, None)

    def _hand_over(self, session: Session, exchange: Exchange, body: bytes | None) -> None:
        """Hand over the packets of a body, or the next of those that wait; answer behind the last."""
        error = None
        try:
            for packet in self._next() if body is None else self._first(session, exchange, body):
                session.receive(packet)
        except EngineViolation as violation:
            session.host.counters.bad_packets += 1
            logger.warning("%s sent %s", named(session), violation, extra=connection_fields(session))
            session.fail("parse error")
            error = bad_request("the payload has a packet that isn't valid here")
        except Exception:  # noqa: BLE001 - logged there
            session.handler_failed()
            error = EngineRequestError(3, "Internal error", 500)
        if error is not None:
            self._host.answer_error(exchange, error)
        elif session.is_open and (self._late is not None or self.read_paused):
            self._unanswered = exchange
            self._wait()
        else:
            self._late = None
            self._host.answer_ok(exchange)

    def _first(self, session: Session, exchange: Exchange, body: bytes) -> Sequence[str | bytes]:
        packets = self.decode(exchange, body)
        if self._host.limiter is not None:
            packets = self._host.limiter.admit(session, packets, len(body))
        if len(packets) > PACKETS_PER_TURN:
            self._late = deque(packets[PACKETS_PER_TURN:])
            return packets[:PACKETS_PER_TURN]
        return packets

    def _next(self) -> Sequence[str | bytes]:
        late = self._late
        assert late is not None
        packets = [late.popleft() for _ in range(min(len(late), PACKETS_PER_TURN))]
        if not late:
            self._late = None
        return packets

    def _wait(self) -> None:
        if self._late is not None and not self.read_paused and not self._is_due:
            self._is_due = True
            self._host.loop.call_soon(self._go_on)

    def lost(self, exchange: Exchange) -> None:
        """The connection of a POST whose body is being read has gone: so has the client."""
        exchange.holder = None
        if self.posting is exchange:
            self.posting = None
            if self.session is not None:
                self.session.lose("transport close")

    def pause_reading(self) -> None:
        """Hand over nothing more, and don't answer the next POST, so that the client sends no other."""
        self.read_paused = True

    def resume_reading(self) -> None:
        """Go on with the POST that was held back."""
        self.read_paused = False
        if self._late is None:
            self.end_posting()
        else:
            self._wait()

    def end_posting(self) -> None:
        """Answer a POST that was held back, and take nothing more of it."""
        self.read_paused = False
        self._late = None
        exchange = self._unanswered
        if exchange is not None:
            self._unanswered = None
            self._host.answer_ok(exchange)
