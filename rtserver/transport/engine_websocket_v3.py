"""The WebSocket of an Engine.IO v3 session: a frame of bytes begins with the type of its packet.

Engine.IO v3, "Encoding", "Packet". A client whose WebSocket can't carry bytes says ``b64`` in its query,
and has them as text: ``b4`` and base64.
"""

from __future__ import annotations

from rtserver.engineio.outgoing import Outgoing
from rtserver.engineio.payload_v3 import (
    BINARY_PREFIX,
    decode_base64,
    decode_binary_message,
    encode_base64,
    with_types,
)
from rtserver.engineio.session import Session
from rtserver.transport.engine_websocket import (
    DeflatedEngineWebSocket,
    EngineWebSocket,
    EngineWebSocketHost,
)
from rtserver.websocket.deflate import DeflateOptions, DeflateParameters
from rtserver.websocket.protocol import Connection

__all__ = ["DeflatedEngineWebSocketV3", "EngineWebSocketV3"]


class VersionThree(EngineWebSocket):
    """What version 3 changes, compressed or not. Messages of text are as in version 4."""

    __slots__ = ()

    takes_binary: bool

    def send_outgoing(self, outgoing: Outgoing) -> None:
        """Send the frames of one message, encoded once for all clients of version 3."""
        if not outgoing.attachments:
            super().send_outgoing(outgoing)
        elif self.takes_binary:
            super().send_outgoing(outgoing.form(with_types))
        else:
            if outgoing.text:
                self.send_text(outgoing.text)
            for attachment in outgoing.attachments:
                self.send_text(encode_base64(attachment))

    def take(self, session: Session, packet: str | bytes) -> None:
        """Take a packet that is not a message of text.

        Raises:
            EngineViolation: It isn't allowed now.
        """
        if isinstance(packet, bytes):
            packet = decode_binary_message(packet)
        elif packet.startswith(BINARY_PREFIX):
            packet = decode_base64(packet)
        super().take(session, packet)


class EngineWebSocketV3(VersionThree):
    """Carries an old client's packets.

    Args:
        host: What all sessions share.
        core: The protocol's state.
        session: The session that it carries, or is to carry after an upgrade.
        takes_binary: False for a client that wants base64 instead of bytes.
    """

    __slots__ = ("takes_binary",)

    def __init__(
        self, host: EngineWebSocketHost, core: Connection, session: Session, *, takes_binary: bool
    ) -> None:
        super().__init__(host, core, session)
        self.takes_binary = takes_binary


class DeflatedEngineWebSocketV3(VersionThree, DeflatedEngineWebSocket):
    """The same where permessage-deflate was agreed on.

    Args:
        host: What all sessions share.
        core: The protocol's state.
        session: The session that it carries, or is to carry after an upgrade.
        parameters: What was agreed on.
        options: How to compress.
        takes_binary: False for a client that wants base64 instead of bytes.
    """

    __slots__ = ("takes_binary",)

    def __init__(
        self,
        host: EngineWebSocketHost,
        core: Connection,
        session: Session,
        parameters: DeflateParameters,
        options: DeflateOptions,
        *,
        takes_binary: bool,
    ) -> None:
        DeflatedEngineWebSocket.__init__(self, host, core, session, parameters, options)
        self.takes_binary = takes_binary
