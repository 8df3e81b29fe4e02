"""HTTP long-polling of Engine.IO v3: lengths before the packets, and a binary form of a payload."""

from __future__ import annotations

from collections.abc import Sequence

from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.payload_v3 import (
    binary_form,
    decode_binary_payload,
    decode_text_payload,
    encode_binary,
    encode_text,
    text_form,
)
from rtserver.engineio.session import Session
from rtserver.transport.exchange import Exchange
from rtserver.transport.polling import Polling, PollingHost

__all__ = ["PollingV3"]

BINARY = "application/octet-stream"


class PollingV3(Polling):
    """Carries the packets of an old client that polls.

    Args:
        host: What all sessions share.
        session: The session.
        takes_binary: False for a client that wants base64 instead of bytes.
    """

    __slots__ = ("_takes_binary",)

    def __init__(self, host: PollingHost, session: Session, *, takes_binary: bool) -> None:
        super().__init__(host, session)
        self._takes_binary = takes_binary

    def respond(self, exchange: Exchange, packets: Sequence[bytes | Outgoing]) -> None:
        """Answer a GET with packets: in the binary form if there is a binary message among them."""
        if self._takes_binary and any(isinstance(item, Outgoing) and item.attachments for item in packets):
            parts = [
                encode_binary(item) if isinstance(item, bytes) else item.form(binary_form) for item in packets
            ]
            self._host.answer_payload(exchange, b"".join(parts), BINARY)
        else:
            parts = [
                encode_text(item) if isinstance(item, bytes) else item.form(text_form) for item in packets
            ]
            self.respond_text(exchange, b"".join(parts))

    def respond_text(self, exchange: Exchange, payload: bytes) -> None:
        """Answer a GET with a payload in the text form."""
        self._host.answer_payload(exchange, payload)

    def decode(self, exchange: Exchange, body: bytes) -> list[str | bytes]:
        """Return the packets in the body of a POST, whose form its ``Content-Type`` names.

        Raises:
            EngineViolation: They can't be decoded.
        """
        limit = self._host.max_payload
        if exchange.headers.get("Content-Type") == BINARY:
            return decode_binary_payload(body, limit=limit)
        return decode_text_payload(body, limit=limit)
