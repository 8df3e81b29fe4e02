"""What a codec does for the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.packet import Packet

__all__ = ["Codec"]


class Codec(Protocol):
    """A serializer: both sides of a connection use the same.

    It may also have `decode_payload`, which decodes a WebSocket's text from its bytes, and `decode_own`,
    which decodes what the codec has encoded, without limits: see `JsonCodec`.
    """

    def decode(self, data: str | bytes, /) -> Packet:
        """Decode one message of a client.

        Raises:
            SocketViolation: It is not a packet that a client may send.
        """

    def encode_event(self, namespace: str, id: int | None, args: Sequence[Any], /) -> Outgoing:
        """Encode an event; `args` begins with its name.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def encode_event_text(self, namespace: str, id: int | None, args: Sequence[Any], /) -> bytes | Outgoing:
        """Encode an event for one recipient: a whole text packet when that is all there is."""

    def encode_ack(self, namespace: str, id: int, args: Sequence[Any], /) -> bytes | Outgoing:
        """Encode an acknowledgment: a whole text packet when that is all there is.

        Raises:
            TypeError: An argument can't be serialized.
        """

    def connect(self, namespace: str, payload: Any = None, /) -> bytes | Outgoing:
        """Encode the answer to a client that has joined a namespace."""

    def connect_error(self, namespace: str, data: Any, /) -> bytes | Outgoing:
        """Encode the answer to a client that was refused."""

    def disconnect(self, namespace: str, /) -> bytes | Outgoing:
        """Encode the packet that ends a client's connection to a namespace."""
