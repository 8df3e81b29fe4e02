"""One connection after the opening handshake, on the server's side, as bytes in and messages out.

messages = connection.receive(data)      what `data` completed: str and bytes, in order (see `decode`)
if connection.output: ...take_output()   pongs, close frames: to be written
if connection.state is not State.OPEN    CLOSING: nothing more may be sent; CLOSED: write, then end TCP

             close()                close frame received
    OPEN ───────────────▶ CLOSING ───────────────┐
      │                      │                   ▼
      │                      └── violation, ──▶ CLOSED
      └── close frame received,  receive_eof      ▲
          violation, receive_eof ─────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from rtserver.errors import WebSocketViolation
from rtserver.websocket.deflate import DeflateParameters, Inflater
from rtserver.websocket.frames import (
    MAX_CONTROL_PAYLOAD,
    CloseCode,
    Opcode,
    encode,
    encode_close,
    is_valid_close_code,
)
from rtserver.websocket.masking import apply_mask
from rtserver.websocket.message import IncomingMessage, too_big
from rtserver.websocket.utf8 import invalid_utf8

__all__ = ["Connection", "State"]

_DATA: Final = frozenset((Opcode.TEXT, Opcode.BINARY))
_WHOLE: Final = (0x81, 0x82)
"""First bytes of a text and a binary message in one frame, not compressed."""

_SHORT: Final = 125
"""The largest payload of a short frame; with a lower limit than this all frames go the long way."""

_MASKED: Final = 0x80
_NEVER: Final = 1 << 62

_HEADER_SIZES: Final = (6,) * 126 + (8, 14)
"""Bytes before the payload of a masked frame, by its 7-bit length."""

_SPANS: Final = tuple(second - _MASKED + 6 if 0x80 <= second < 0xFE else _NEVER for second in range(256))
"""Bytes of a whole masked frame shorter than 126, by the second byte of its header; others never fit."""


class State(Enum):
    """How far a connection has come (RFC 6455, 4.1 and 7.1)."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


OPEN: Final = State.OPEN
CLOSING: Final = State.CLOSING
CLOSED: Final = State.CLOSED


class Connection:
    """The server's end of a WebSocket.

    Args:
        max_message_size: The largest message in bytes, across its fragments and after inflating.
        deflate: What was negotiated (RFC 7692); None means that compressed frames are a violation.
        decode: Makes a message of the payload of a text frame that came whole: a `str`, or something that
            is decoded further. It must raise `UnicodeDecodeError` for all that isn't UTF-8, and nothing else.

    Attributes:
        state: `State`.
        output: Frames to be written; `take_output` empties it.
        pong: The payload of the latest pong received, solicited or not. The caller may reset it.
        close_code: None while open; then the code of the close frame received (1005 when it had none), of
            the one sent where none was received, or 1006 where the stream ended without either.
        close_reason: The reason beside it.
        violation: What the peer did wrong, when that ended the connection.
    """

    __slots__ = (
        "_decode",
        "_held",
        "_inflater",
        "_is_between",
        "_message",
        "_ping",
        "close_code",
        "close_reason",
        "max_message_size",
        "output",
        "pong",
        "state",
        "violation",
    )

    def __init__(
        self,
        max_message_size: int,
        deflate: DeflateParameters | None = None,
        decode: Callable[[bytes], Any] = bytes.decode,
    ) -> None:
        self.max_message_size = max_message_size
        self.state = OPEN
        self.close_code: int | None = None
        self.close_reason = ""
        self.violation: WebSocketViolation | None = None
        self.output = b""
        self.pong: bytes | None = None
        self._decode = decode
        self._inflater = None if deflate is None else Inflater(deflate)
        self._message: IncomingMessage | None = None
        self._held = b""
        self._ping: bytes | None = None
        self._is_between = max_message_size >= _SHORT

    @property
    def has_output(self) -> bool:
        """True while `take_output` would return frames."""
        return self.output != b""

    @property
    def buffered(self) -> int:
        """Bytes held of what isn't complete: never more than `max_message_size` and 131."""
        return len(self._held) if self._message is None else len(self._held) + self._message.size

    def take_output(self) -> bytes:
        """Return the frames that the core wants written, once."""
        output = self.output
        self.output = b""
        return output

    def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Start the close handshake (RFC 6455, 7.1.2). Nothing happens unless the connection is open.

        Raises:
            ValueError: The code may not be sent, or the reason is longer than 123 bytes of UTF-8.
        """
        frame = encode_close(code, reason)
        if self.state is OPEN:
            self.output += frame
            self.state = CLOSING
            self.close_code = code
            self.close_reason = reason
            self._is_between = False

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping; `pong` holds its payload when it has been answered. Nothing happens unless open."""
        frame = encode(Opcode.PING, payload)
        if self.state is OPEN:
            self.output += frame

    def receive_eof(self) -> None:
        """Take the end of the stream. Without a close frame before it, the code is 1006 (RFC 6455, 7.1.5)."""
        if self.state is OPEN:
            self.close_code = CloseCode.ABNORMAL
        self._end()

    def receive(self, data: bytes) -> list[Any]:  # noqa: PLR0912 - the hot path in one piece
        """Return the messages that `data` completes, in order. Never raises for what a peer does.

        After `close` messages are dropped, only the peer's close frame is looked for; after a close frame
        or a violation nothing is processed (RFC 6455, 5.5.1 and 7.1.7).
        """
        size = len(data)
        is_between = self._is_between
        if is_between:
            # What nearly every chunk is: one text frame, whole, final, masked, and mostly below 126 bytes.
            try:
                if size > 1 and data[0] == 0x81:
                    second = data[1]
                    if _SPANS[second] == size:
                        return [self._decode(apply_mask(data[6:], data[2:6]))]
                    if (
                        second == 0xFE
                        and size > 8
                        and data[2] << 8 | data[3] == size - 8
                        and size - 8 <= self.max_message_size
                    ):
                        return [self._decode(apply_mask(memoryview(data)[8:], data[4:8]))]
            except UnicodeDecodeError as error:
                self._fail(invalid_utf8(error))
                return []
        elif self.state is CLOSED:
            return []
        elif self._held:
            data = self._held + data
            self._held = b""
            size = len(data)

        messages: list[Any] = []
        is_open = self.state is OPEN
        takes_short = is_open and self.max_message_size >= _SHORT
        spans = _SPANS
        start = 0
        last = size - 1
        try:
            while start < last:
                # Several frames of the same kind; all others are for _frame.
                if is_between and data[start] == 0x81 and (end := start + spans[data[start + 1]]) <= size:
                    body = start + 6
                    messages.append(self._decode(apply_mask(data[body:end], data[start + 2 : body])))
                    start = end
                else:
                    start = self._frame(data, start, messages)
                    is_between = takes_short and self._message is None
            if start < size:
                self._frame(data, start, messages)
            if self._ping is not None:
                self._answer_ping()
            self._is_between = takes_short and self._message is None and not self._held and self.state is OPEN
        except UnicodeDecodeError as error:
            self._fail(invalid_utf8(error))
        except WebSocketViolation as violation:
            self._fail(violation)
        return messages if is_open else []

    def _frame(self, data: bytes, start: int, messages: list[Any]) -> int:
        """Take the frame at `start`, or as much of it as is there; return where the next one begins."""
        message = self._message
        if message is not None and message.missing:
            return self._payload(message, data, start, messages)

        size = len(data)
        if (
            message is None
            and (first := data[start]) in _WHOLE
            and size - start >= 8
            and data[start + 1] == 0xFE
            and (end := start + 8 + (data[start + 2] << 8 | data[start + 3])) <= size
            and end - start - 8 <= self.max_message_size
        ):  # a message of 126 to 65535 bytes that is all here
            payload = apply_mask(data[start + 8 : end], data[start + 4 : start + 8])
            messages.append(self._decode(payload) if first == 0x81 else payload)
            return end
        return self._any_frame(data, start, messages)

    def _any_frame(self, data: bytes, start: int, messages: list[Any]) -> int:
        size = len(data)
        header = self._header(data, start)
        if header is None:
            return self._hold(data, start)
        first, length, body = header
        end = body + length
        mask = data[body - 4 : body]

        if first & 0x08:
            if end > size:
                return self._hold(data, start)
            self._control(first & 0x0F, apply_mask(data[body:end], mask))
            return size if self.state is CLOSED else end

        if first in _WHOLE and end <= size:
            if length > self.max_message_size:
                raise too_big(length, self.max_message_size)
            payload = apply_mask(data[body:end], mask)
            messages.append(self._decode(payload) if first == 0x81 else payload)
            return end

        message = self._message
        if message is None:
            inflater = self._inflater if first & 0x40 else None
            is_text = first & 0x0F == Opcode.TEXT
            self._message = message = IncomingMessage(is_text, inflater, self.max_message_size)
        message.begin_frame(length, mask, is_final=first > 0x7F)
        return self._payload(message, data, body, messages)

    def _header(self, data: bytes, start: int) -> tuple[int, int, int] | None:
        """Return the first byte, the length of the payload and where it begins; None when incomplete."""
        available = len(data) - start
        if available < 2:
            return None
        first = data[start]
        second = data[start + 1]
        self._check(first, second)
        length = second & 0x7F
        size = _HEADER_SIZES[length]
        if available < size:
            return None
        if length == 126:
            length = data[start + 2] << 8 | data[start + 3]
        elif length == 127:
            length = int.from_bytes(data[start + 2 : start + 10])
            if length >> 63:  # RFC 6455, 5.2: "the most significant bit MUST be 0"
                raise WebSocketViolation(CloseCode.PROTOCOL_ERROR, "a 64-bit length has its top bit set")
        return first, length, start + size

    def _payload(self, message: IncomingMessage, data: bytes, start: int, messages: list[Any]) -> int:
        end = start + message.missing
        if end > len(data):
            message.feed(data[start:])
            return len(data)
        message.feed(data[start:end])
        if message.is_final:
            messages.append(message.finish())
            self._message = None
        return end

    def _hold(self, data: bytes, start: int) -> int:
        """Keep an incomplete header or control frame, 131 bytes at most, until the next chunk."""
        self._held = data[start:]
        return len(data)

    def _check(self, first: int, second: int) -> None:
        """Check the first two bytes of a frame (RFC 6455, 5.2, 5.4 and 5.5).

        Raises:
            WebSocketViolation: 1002, with what is wrong.
        """
        opcode = first & 0x0F
        why = None
        if first & 0x70 and (first & 0x30 or self._inflater is None or opcode not in _DATA):
            why = f"reserved bits 0x{first & 0x70:02x} are set and no extension gives them a meaning here"
        elif second < 0x80:  # RFC 6455, 5.1: "a server MUST close the connection upon receiving" it
            why = "the frame is not masked"
        elif opcode & 0x08:
            if opcode > Opcode.PONG:
                why = f"opcode 0x{opcode:x} is reserved"
            elif first < 0x80:
                why = "the control frame is fragmented"
            elif second > 0x80 + MAX_CONTROL_PAYLOAD:
                why = f"the control frame is longer than {MAX_CONTROL_PAYLOAD} bytes"
        elif opcode > Opcode.BINARY:
            why = f"opcode 0x{opcode:x} is reserved"
        elif opcode == Opcode.CONTINUATION:
            if self._message is None:
                why = "a continuation frame came without a message to continue"
        elif self._message is not None:
            why = "a new message began before the fragmented one was complete"
        if why is not None:
            raise WebSocketViolation(CloseCode.PROTOCOL_ERROR, why)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == Opcode.PING:
            # RFC 6455, 5.5.3: "may elect to send a Pong frame for only the most recently processed Ping"
            self._ping = payload
        elif opcode == Opcode.PONG:
            self.pong = payload
        else:
            self._close_frame(payload)

    def _close_frame(self, payload: bytes) -> None:
        """Take the peer's close frame (RFC 6455, 5.5.1) and echo it, unless it is the answer to ours."""
        code: int = CloseCode.NO_STATUS
        reason = ""
        if len(payload) == 1:
            raise WebSocketViolation(CloseCode.PROTOCOL_ERROR, "the close frame has one byte, half of a code")
        if payload:
            code = payload[0] << 8 | payload[1]
            if not is_valid_close_code(code):
                raise WebSocketViolation(CloseCode.PROTOCOL_ERROR, f"close code {code} may not be sent")
            reason = payload[2:].decode()
        if self.state is OPEN:
            self._answer_ping()
            self.output += encode(Opcode.CLOSE, payload)
            self.close_code, self.close_reason = code, reason
        elif payload:
            self.close_code, self.close_reason = code, reason
        self._end()

    def _answer_ping(self) -> None:
        if self._ping is not None and self.state is OPEN:
            self.output += encode(Opcode.PONG, self._ping)
        self._ping = None

    def _fail(self, violation: WebSocketViolation) -> None:
        """Fail the connection (RFC 6455, 7.1.7): say why in a close frame, if none has been sent."""
        self.violation = violation
        if self.state is OPEN:
            self._answer_ping()
            self.output += encode_close(violation.code, violation.reason)
            self.close_code, self.close_reason = violation.code, violation.reason
        self._end()

    def _end(self) -> None:
        """Close, and give back all memory of what was being received."""
        self.state = CLOSED
        self._is_between = False
        self._held = b""
        self._ping = self._message = self._inflater = None
