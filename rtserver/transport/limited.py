"""A WebSocket whose client may send so much, where that is limited; all others have nothing of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtserver.engineio.handler import Session
from rtserver.engineio.limiter import Bucket, Limiter
from rtserver.websocket.deflate import DeflateParameters
from rtserver.websocket.protocol import Connection

__all__ = ["LimitedConnection"]


class _Nothing:
    """The bucket of a session that hasn't sent anything."""

    events = bytes = 0.0
    filled = -1.0


_NOTHING = _Nothing()
_receive = Connection.receive


class LimitedConnection(Connection):
    """A WebSocket whose messages are those that its session may send.

    Args:
        max_message_size: The largest message in bytes.
        deflate: What was negotiated about compression.
        decode: Makes a message of a text frame's payload.
        session: The session that it carries, or is to carry.
        limiter: Who decides.
    """

    __slots__ = ("_bucket", "_limiter", "_session")

    def __init__(
        self,
        max_message_size: int,
        deflate: DeflateParameters | None,
        decode: Callable[[bytes], Any],
        session: Session,
        limiter: Limiter,
    ) -> None:
        super().__init__(max_message_size, deflate, decode)
        self._session = session
        self._limiter = limiter
        self._bucket: Bucket = _NOTHING

    def receive(self, data: bytes) -> list[Any]:
        """Return those of the messages that `data` completes which the session may send."""
        messages = _receive(self, data)
        bucket, limiter = self._bucket, self._limiter
        # What nearly every read is: decoded packets of a client that is within its limits.
        if messages and bucket.filled is limiter.now and bucket.bytes > 0:
            events = bucket.events - len(messages)
            if events >= 0:
                for message in messages:
                    if message.__class__ is not tuple:
                        break
                else:
                    bucket.events = events
                    bucket.bytes -= len(data)
                    return messages
        messages = limiter.admit(self._session, messages, len(data))
        self._bucket = limiter.buckets.get(self._session, _NOTHING)
        return messages
