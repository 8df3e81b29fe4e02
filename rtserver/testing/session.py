"""An Engine.IO session without a transport: what a test client and the server are connected by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rtserver.engineio.handler import EngineHandler, Handshake
from rtserver.engineio.outgoing import Outgoing
from rtserver.ids import new_sid
from rtserver.server.reasons import Reason

__all__ = ["MemorySession", "messages"]


class MemorySession:
    """A session in memory. What is sent goes to `on_message` at once, unless the client has stalled.

    Args:
        handler: The server's handler of sessions.
        handshake: The request that would have opened it.
        on_message: Called with each message to the client, without Engine.IO's type character.
        on_close: Called with the reason when the session has closed.
        max_buffer_size: Bytes that may wait for a client that has stalled.
        sid: The session id; a new one if None.
        protocol: The version of Engine.IO that the client speaks.

    Raises:
        EngineRequestError: The handler refuses the session.
    """

    transport_name = "websocket"

    def __init__(
        self,
        handler: EngineHandler,
        handshake: Handshake,
        on_message: Callable[[str | bytes], None],
        on_close: Callable[[str], None],
        *,
        max_buffer_size: int = 16 * 1024 * 1024,
        sid: str | None = None,
        protocol: int = 4,
    ) -> None:
        self.protocol = protocol
        self.context: Any = None
        self.handshake = handshake
        self.sid = sid or new_sid()
        self.is_open = True
        self.buffered = 0
        self.stalled = False
        """Whether the client takes nothing of what it is sent."""
        self.reading = True
        """Whether the server takes what the client sends."""
        self.handler = handler
        self._on_message = on_message
        self._on_close = on_close
        self._max_buffer_size = max_buffer_size
        self._outgoing: deque[str | bytes] = deque()
        self._incoming: deque[str | bytes] = deque()
        handler.connect(self)

    # What the server uses.

    @property
    def writable(self) -> bool:
        """True unless the client has stalled: what a volatile event asks."""
        return self.is_open and not self.stalled

    @property
    def congested(self) -> bool:
        """True while the client has stalled."""
        return self.stalled

    def send_text(self, packet: bytes, /) -> None:
        """Send one whole text packet, type character included."""
        self._send(messages(packet))

    def send_outgoing(self, outgoing: Outgoing, /) -> None:
        """Send a message that may go to many sessions."""
        self._send(messages(outgoing))

    def send(self, message: str | bytes, /) -> None:
        """Send a message packet with this content."""
        self._send([message])

    def _send(self, messages: list[str | bytes]) -> None:
        if not self.is_open:
            return
        if not self.stalled:
            for message in messages:
                self._on_message(message)
            return
        self._outgoing += messages
        self.buffered += sum(map(_size, messages))
        if self.buffered > self._max_buffer_size:
            self.close(Reason.SLOW_CLIENT)

    def close(self, reason: str = "forced close", *, code: int = 1000) -> None:
        """Close from the server's side. A client that has stalled never reads what waits for it."""
        if not self.is_open:
            return
        self.is_open = False
        self._outgoing.clear()
        self._incoming.clear()
        self.buffered = 0
        self.handler.disconnect(self, reason)
        self._on_close(reason)

    def pause_reading(self) -> None:
        """Take nothing more from the client."""
        self.reading = False

    def resume_reading(self) -> None:
        """Take from the client again, first what it has sent meanwhile."""
        self.reading = True
        while self._incoming and self.reading:
            self.handler.message(self, self._incoming.popleft())

    # What the client uses.

    def receive(self, message: str | bytes) -> None:
        """Hand a message of the client to the server, or keep it while the server doesn't read."""
        if not self.is_open:
            return
        if self.reading:
            self.handler.message(self, message)
        else:
            self._incoming.append(message)

    def stall(self) -> None:
        """Take nothing more of what is sent: it is counted, up to the limit."""
        self.stalled = True

    def resume(self) -> None:
        """Take what waits, and what is sent from now on."""
        was_stalled, self.stalled = self.stalled, False
        self.buffered = 0
        while self._outgoing:
            self._on_message(self._outgoing.popleft())
        if was_stalled and self.is_open:
            self.handler.drain(self)


def messages(packet: bytes | Outgoing) -> list[str | bytes]:
    """Return the messages, without Engine.IO's type character, that make up what a codec has encoded."""
    if isinstance(packet, bytes):
        return [packet[1:].decode()]
    parts: list[str | bytes] = [packet.text[1:].decode()] if packet.text else []
    return parts + [bytes(attachment) for attachment in packet.attachments]


def _size(message: str | bytes) -> int:
    return len(message.encode() if isinstance(message, str) else message)
