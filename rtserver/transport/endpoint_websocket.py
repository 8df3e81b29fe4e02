"""The connection of a plain WebSocket endpoint, whose handler awaits messages instead of being called."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Protocol

from rtserver.errors import ConnectionClosed
from rtserver.transport.reading_turns import COMPRESSED_TURN, TURN
from rtserver.transport.websocket import OPEN, WebSocketHost, WebSocketProtocol
from rtserver.websocket.deflate import DeflateOptions, DeflateParameters, Deflater
from rtserver.websocket.frames import CloseCode, Opcode, encode_binary, encode_text
from rtserver.websocket.protocol import Connection

__all__ = ["EndpointHost", "EndpointWebSocket"]

MAX_MESSAGES = 16
"""Messages that wait for the handler; with more, reading pauses."""
MAX_BYTES = 256 * 1024
"""Characters or bytes of them, likewise."""


class EndpointHost(WebSocketHost, Protocol):
    """What the connections of one endpoint share."""

    ping_interval: float | None
    ping_timeout: float


class EndpointWebSocket(WebSocketProtocol):
    """Keeps the client's messages until the handler takes them.

    Args:
        host: What the connections of the endpoint share.
        max_message_size: The largest message that is accepted, in bytes.
        deflate: What was agreed on about compression.
        options: How to compress.
    """

    __slots__ = (
        "_awaits_pong",
        "_deflater",
        "_is_reading",
        "_messages",
        "_pinged",
        "_pings",
        "_receiver",
        "_senders",
        "_size",
        "_wants_messages",
        "endpoint",
        "latency",
        "turn_size",
    )

    def __init__(
        self,
        host: EndpointHost,
        max_message_size: int,
        deflate: DeflateParameters | None,
        options: DeflateOptions,
    ) -> None:
        super().__init__(host, Connection(max_message_size, deflate))
        self._deflater = None if deflate is None else Deflater(deflate, options)
        self.turn_size = TURN if deflate is None else COMPRESSED_TURN
        self.endpoint = host
        self.latency: float | None = None
        self._messages: deque[str | bytes] = deque()
        self._size = 0
        self._is_reading = True
        self._wants_messages = True
        self._receiver: asyncio.Future[None] | None = None
        self._senders: list[asyncio.Future[None]] = []
        self._pings = 0
        self._pinged = 0.0
        self._awaits_pong = False

    # Incoming.

    def begin(self, transport: asyncio.Transport, writing_paused: bool) -> None:
        """Start on a connection whose protocol this is now."""
        super().begin(transport, writing_paused)
        self._schedule_ping()

    def data_received(self, data: bytes) -> None:
        """Keep what is complete, and pause reading while that is much."""
        if len(data) > self.turn_size:
            data = self.in_turns(data)
        core = self.core
        messages: list[str | bytes] = core.receive(data)
        if messages and self._wants_messages:
            self._messages.extend(messages)
            self._size += sum(map(len, messages))
            if self._is_reading and self._has_much():
                self._is_reading = False
                self.pause_reading()
        if self._awaits_pong and core.pong == self._ping_payload():
            self._awaits_pong = False
            self.latency = perf_counter() - self._pinged
        if core.output or core.state is not OPEN:
            self.service()
        self._wake_receiver()
        self.flush()

    def _has_much(self) -> bool:
        return len(self._messages) > MAX_MESSAGES or self._size > MAX_BYTES

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            ConnectionClosed: There will be none.
            RuntimeError: Another task waits for one.
        """
        while not self._messages:
            if self.core.state is not OPEN or self.transport is None:
                raise self._closed()
            if self._receiver is not None:
                raise RuntimeError("two tasks wait for messages of one WebSocket: let one receive for both")
            self._receiver = asyncio.get_running_loop().create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None
        message = self._messages.popleft()
        self._size -= len(message)
        if not self._is_reading and not self._messages:
            self._is_reading = True
            self._awaits_pong = False  # it may be there, unread
            self.resume_reading()
        return message

    def discard_incoming(self) -> None:
        """Keep no message from now on: the handler has ended."""
        self._wants_messages = False
        self._messages.clear()
        self._size = 0
        if not self._is_reading:
            self._is_reading = True
            self.resume_reading()  # the client's close frame stands behind what is unread

    def _wake_receiver(self) -> None:
        receiver = self._receiver
        if (
            receiver is not None
            and not receiver.done()
            and (self._messages or self.core.state is not OPEN or self.transport is None)
        ):
            receiver.set_result(None)

    # Outgoing.

    async def send(self, message: str | bytes) -> None:
        """Send a message; wait while the transport pushes back.

        Raises:
            ConnectionClosed: It can't be sent any more.
        """
        if self.core.state is not OPEN or self.transport is None:
            raise self._closed()
        is_text = isinstance(message, str)
        payload = message.encode() if isinstance(message, str) else message
        if self._deflater is not None:
            self.send_frame(self._deflater.encode(Opcode.TEXT if is_text else Opcode.BINARY, payload))
        else:
            self.send_frame(encode_text(payload) if is_text else encode_binary(payload))
        while self.write_paused and self.transport is not None:
            sender = asyncio.get_running_loop().create_future()
            self._senders.append(sender)
            await sender
        if self.transport is None:
            raise self._closed()

    def drained(self) -> None:
        """Let those go on that wait to send."""
        senders = self._senders
        self._senders = []
        for sender in senders:
            if not sender.done():
                sender.set_result(None)

    def overflowed(self) -> None:
        """Disconnect a client that doesn't read."""
        self.drop()

    def _closed(self) -> ConnectionClosed:
        core = self.core
        return ConnectionClosed(
            CloseCode.ABNORMAL if core.close_code is None else core.close_code, core.close_reason
        )

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wake all who wait."""
        super().connection_lost(exc)
        self._wake_receiver()
        self.drained()

    def start_closing(self, code: int, reason: str) -> None:
        """Send what is pending and a close frame."""
        super().start_closing(code, reason)
        self._wake_receiver()

    # Pings, which measure the round-trip time and find out whether the client is there (RFC 6455, 5.5.2).

    def _ping_payload(self) -> bytes:
        return self._pings.to_bytes(4, "big")

    def _schedule_ping(self) -> None:
        interval = self.endpoint.ping_interval
        if interval is not None:
            self.call_later(interval, self._ping)

    def _ping(self) -> None:
        if self.core.state is not OPEN:
            return
        self._pings += 1
        # Not the loop's time: that stands still within a turn, and uvloop's has whole milliseconds.
        self._pinged = perf_counter()
        self._awaits_pong = True
        self.core.ping(self._ping_payload())
        self.send_frame(self.core.take_output())
        self.call_later(self.endpoint.ping_timeout, self._check_pong)

    def _check_pong(self) -> None:
        if self._awaits_pong and self._is_reading:
            self.drop()
        else:
            interval = self.endpoint.ping_interval or 0
            self.call_later(max(interval - self.endpoint.ping_timeout, 0), self._ping)
