"""permessage-deflate (RFC 7692): compression of whole messages, agreed in the opening handshake.

The payload of a compressed message is a raw DEFLATE stream (RFC 1951) that was flushed to a byte
boundary, without the last four bytes of that flush, which are always the same (RFC 7692, 7.2.1).
Sizes are bounded: an `Inflater` never produces more than it is told to, and negotiation bounds the
window that each direction needs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from rtserver.errors import WebSocketViolation
from rtserver.websocket.frames import CloseCode

__all__ = ["DeflateOptions", "DeflateParameters", "Inflater", "compressed_limit"]

_TAIL: Final = b"\x00\x00\xff\xff"
_END: Final = b"\x01\x00\x00\xff\xff"  # an empty stored block with the BFINAL bit
_MAX_STREAMS: Final = 64


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """What both sides agreed on (RFC 7692, 7.1).

    Args:
        server_no_context_takeover: The server compresses each message on its own.
        client_no_context_takeover: The client compresses each message on its own.
        server_max_window_bits: Base-2 logarithm of the window that the server compresses with, 8 to 15.
        client_max_window_bits: The same for the client.
        response: The element of `Sec-WebSocket-Extensions` that tells the client.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    response: str = field(default="permessage-deflate", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DeflateOptions:
    """What a server offers and asks for.

    Args:
        server_no_context_takeover: Compress each message on its own, also where the client didn't ask: no
            memory is held between messages.
        client_no_context_takeover: Ask the client to do so.
        server_max_window_bits: The largest window to compress with, 8 to 15.
        client_max_window_bits: The largest window that a client may use, 8 to 15. Below 15, an offer of a
            client that can't limit its window is declined.
        threshold: The shortest payload in bytes that is compressed.
        level: zlib's compression level, 0 to 9.
        mem_level: zlib's memory level, 1 to 9.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    threshold: int = 1024
    level: int = 6
    mem_level: int = 8

    def __post_init__(self) -> None:
        for name, low, high in (
            ("server_max_window_bits", 8, 15),
            ("client_max_window_bits", 8, 15),
            ("threshold", 0, None),
            ("level", 0, 9),
            ("mem_level", 1, 9),
        ):
            value = getattr(self, name)
            if value < low or (high is not None and value > high):
                expected = f"{low} or more" if high is None else f"{low} to {high}"
                raise ValueError(f"{name} is {value}, expected {expected}")


def compressed_limit(limit: int) -> int:
    """Return how many compressed bytes a message of `limit` bytes may take.

    What can't be compressed grows: by 1/8 and some bytes in the worst case of zlib's settings.
    """
    return limit + (limit >> 3) + 64


class Inflater:
    """Decompresses what one client sends, as it arrives.

    Bytes that aren't DEFLATE end the connection with 1007, "data that is not consistent with the type of
    the message" (RFC 6455, 7.4.1), as Node's ws does it.

    Args:
        parameters: What was negotiated.
    """

    __slots__ = ("_fresh", "_streams", "_wbits", "_zlib")

    def __init__(self, parameters: DeflateParameters) -> None:
        # A larger window inflates all that a smaller one does; zlib's deflate has no window of 2**8 and
        # clients that negotiated it may use 2**9.
        self._wbits = -max(parameters.client_max_window_bits, 9)
        self._fresh = parameters.client_no_context_takeover
        self._zlib: zlib._Decompress | None = None
        self._streams = 0

    def inflate(self, data: bytes, room: int) -> bytes:
        """Return what the next bytes of a message inflate to.

        Args:
            data: Compressed bytes.
            room: The most bytes that may come out.

        Raises:
            WebSocketViolation: 1009, more than `room` would come out; 1007, this isn't DEFLATE.
        """
        stream = self._zlib
        if stream is None:
            stream = self._zlib = zlib.decompressobj(self._wbits)
        try:
            inflated = stream.decompress(data, room + 1)
            while stream.eof and stream.unused_data and len(inflated) <= room:
                # RFC 7692, 7.2.1: blocks with BFINAL may be followed by more
                stream = self._next_stream(stream)
                inflated += stream.decompress(data, room + 1 - len(inflated))
        except zlib.error as error:
            raise _corrupt(str(error)) from None
        if len(inflated) > room:
            raise WebSocketViolation(CloseCode.MESSAGE_TOO_BIG, "too big")
        return inflated

    def finish(self) -> None:
        """End a message."""


def _corrupt(why: str) -> WebSocketViolation:
    return WebSocketViolation(
        CloseCode.INVALID_DATA, f"the compressed message can't be inflated: {why}"[:120]
    )
