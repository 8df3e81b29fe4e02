"""permessage-deflate (RFC 7692): compression of whole messages, agreed in the opening handshake.

The payload of a compressed message is a raw DEFLATE stream (RFC 1951), flushed to a byte boundary,
without the last four bytes of that flush, which are always the same (RFC 7692, 7.2.1).

Memory: a `Deflater` that keeps its context holds 2**(window bits + 2) + 2**(mem level + 9) bytes, 256 KiB
with the defaults; an `Inflater` 7 KiB and its window. Without context takeover neither holds anything
between messages.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rtserver.errors import WebSocketViolation
from rtserver.websocket.extensions import parse_extensions
from rtserver.websocket.frames import CloseCode, encode

if TYPE_CHECKING:
    from zlib import _Compress, _Decompress

__all__ = [
    "DeflateOptions",
    "DeflateParameters",
    "Deflater",
    "Inflater",
    "compressed_limit",
    "deflate_once",
    "negotiate",
]

_NAME: Final = "permessage-deflate"
_TAIL: Final = b"\x00\x00\xff\xff"
_FINAL_BLOCK: Final = b"\x01\x00\x00\xff\xff"
_MAX_FINAL_BLOCKS: Final = 64
_BITS: Final = tuple(str(bits) for bits in range(8, 16))  # RFC 7692, 7.1.2: "without leading zeroes"
_VALUES: Final[dict[str, tuple[str | None, ...]]] = {
    "server_no_context_takeover": (None,),
    "client_no_context_takeover": (None,),
    "server_max_window_bits": _BITS,
    "client_max_window_bits": (None, *_BITS),  # without a value: any size that the server asks for
}
"""The parameters of an offer (RFC 7692, 7.1) and what each may be."""


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
    response: str = field(default=_NAME, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DeflateOptions:
    """What a server agrees to, and how it compresses.

    Args:
        server_no_context_takeover: Compress each message on its own, also where the client didn't ask for it.
        client_no_context_takeover: Tell the client to do so.
        server_max_window_bits: The largest window to compress with, 8 to 15.
        client_max_window_bits: The largest window that a client may use, 8 to 15. Below 15, a client that
            doesn't offer to limit its window is served uncompressed.
        threshold: The shortest payload in bytes that is compressed.
        level: zlib's compression level, 0 to 9.
        mem_level: zlib's memory level, 1 to 9.

    Raises:
        ValueError: A number is out of its range.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    threshold: int = 1024
    level: int = 6
    mem_level: int = 8

    def __post_init__(self) -> None:  # noqa: D105
        for name, expected in (
            ("server_max_window_bits", range(8, 16)),
            ("client_max_window_bits", range(8, 16)),
            ("level", range(10)),
            ("mem_level", range(1, 10)),
        ):
            if getattr(self, name) not in expected:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, expected {expected[0]} to {expected[-1]}"
                )
        if self.threshold < 0:
            raise ValueError(f"threshold is {self.threshold!r}, expected 0 or more bytes")


@lru_cache(maxsize=64)  # nearly all browsers send one of three strings
def negotiate(offers: str, options: DeflateOptions) -> DeflateParameters | None:
    """Choose the client's first offer that can be satisfied (RFC 7692, 5.1 and 7.1).

    An offer with an unknown, repeated or invalid parameter is declined (RFC 7692, 7), and the next tried.

    Args:
        offers: `Sec-WebSocket-Extensions`; of several header lines, their values joined with commas.
        options: What the server agrees to.

    Returns:
        None when there is nothing to agree on; the connection then does without compression.

    Raises:
        HandshakeError: 400, the header is malformed.
    """
    for name, parameters in parse_extensions(offers):
        if name == _NAME:
            agreed = _agree(parameters, options)
            if agreed is not None:
                return agreed
    return None


def _agree(offer: tuple[tuple[str, str | None], ...], options: DeflateOptions) -> DeflateParameters | None:
    offered = dict(offer)
    if len(offered) < len(offer) or not all(value in _VALUES.get(name, ()) for name, value in offer):
        return None
    client_bits = options.client_max_window_bits
    if client_bits < 15 and "client_max_window_bits" not in offered:
        return None  # 7.1.2.2: without it in the offer, the response can't limit the client
    server_bits = min(options.server_max_window_bits, int(offered.get("server_max_window_bits") or 15))
    client_bits = min(client_bits, int(offered.get("client_max_window_bits") or 15))
    server_fresh = options.server_no_context_takeover or "server_no_context_takeover" in offered
    client_fresh = options.client_no_context_takeover or "client_no_context_takeover" in offered
    response = _NAME
    if server_fresh:
        response += "; server_no_context_takeover"
    if client_fresh:
        response += "; client_no_context_takeover"
    if server_bits < 15 or "server_max_window_bits" in offered:  # 7.1.2.1: accepted by including it
        response += f"; server_max_window_bits={server_bits}"
    if client_bits < 15:
        response += f"; client_max_window_bits={client_bits}"
    return DeflateParameters(server_fresh, client_fresh, server_bits, client_bits, response)


def compressed_limit(limit: int) -> int:
    """Return how many compressed bytes a message of `limit` bytes may take.

    What can't be compressed grows: by 1/8 and some bytes at most, whatever settings of zlib made it.
    """
    return limit + (limit >> 3) + 64


class Inflater:
    """Decompress what one client sends, as it arrives.

    Data that is no DEFLATE stream, or ends within a block, is 1007, "data within a message that was not
    consistent with the type of the message" (RFC 6455, 7.4.1), as in Node's ws. Where the client takes its
    context over to the next message, an end within a block is noticed unless the missing tail fits there.
    """

    __slots__ = ("_final_blocks", "_is_fresh", "_stream", "_wbits")

    def __init__(self, parameters: DeflateParameters) -> None:
        # A larger window inflates what a smaller one does. zlib can't deflate with a window of 2**8, so
        # that clients which agreed to it may use 2**9.
        self._wbits = -max(parameters.client_max_window_bits, 9)
        self._is_fresh = parameters.client_no_context_takeover
        self._stream: _Decompress | None = None
        self._final_blocks = 0

    def inflate(self, data: bytes, room: int) -> bytes:
        """Return what the next bytes of a message inflate to.

        Args:
            data: Compressed bytes.
            room: The most bytes that may come out; never more than one above is produced.

        Raises:
            WebSocketViolation: 1009, there is more than `room`; 1007, the data can't be inflated.
        """
        inflated = b""
        while data:
            stream = self._stream
            if stream is None:
                stream = self._stream = zlib.decompressobj(self._wbits)
            try:
                inflated += stream.decompress(data, room - len(inflated) + 1)
            except zlib.error as error:
                raise _corrupt(str(error)) from None
            if len(inflated) > room:
                raise WebSocketViolation(
                    CloseCode.MESSAGE_TOO_BIG, "the message inflates to more than the limit"
                )
            if not stream.eof:
                break
            # RFC 7692, 7.2.1: blocks "with BFINAL set to 1" may be used; others may follow, the last of them
            # the one whose tail was removed. Few are enough for any sender.
            data = stream.unused_data
            self._stream = None
            self._final_blocks += 1
            if self._final_blocks > _MAX_FINAL_BLOCKS:
                raise _corrupt("it has too many final blocks")
        return inflated

    def finish(self) -> None:
        """End a message: put its removed tail back (RFC 7692, 7.2.2).

        Raises:
            WebSocketViolation: 1007, the message ends within a block.
        """
        self._final_blocks = 0
        stream = self._stream
        if stream is None:
            return
        try:
            if self._is_fresh:
                self._stream = None
                is_whole = not stream.decompress(_TAIL + _FINAL_BLOCK, 1) and stream.eof
            else:
                is_whole = not stream.decompress(_TAIL, 1)
        except zlib.error:
            is_whole = False
        if not is_whole:
            raise _corrupt("it ends within a block")


def _corrupt(why: str) -> WebSocketViolation:
    return WebSocketViolation(CloseCode.INVALID_DATA, f"the compressed message is not valid: {why}"[:120])


class _Compressors(threading.local):
    """Compressors without history, shared by all connections of a thread."""

    def __init__(self) -> None:
        self.by_settings: dict[tuple[int, int, int], _Compress] = {}


_compressors: Final = _Compressors()


def deflate_once(payload: bytes, window_bits: int = 15, level: int = 6, mem_level: int = 8) -> bytes:
    """Return `payload` compressed on its own, without the tail: any client can inflate it.

    One compressor per setting serves all: a full flush makes it forget what it has seen, which takes a
    tenth of the time of a new one.
    """
    key = (window_bits, level, mem_level)
    compressor = _compressors.by_settings.get(key)
    if compressor is None:
        compressor = _compressors.by_settings[key] = _compressor(window_bits, level, mem_level)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_FULL_FLUSH))[:-4]


def _compressor(window_bits: int, level: int, mem_level: int) -> _Compress:
    # zlib has no raw window of 2**8. With 2**9 the farthest distance that it uses is 2**9 - 262 = 250
    # bytes (deflate.h, MAX_DIST), so a client with a window of 2**8 can inflate it.
    return zlib.compressobj(level, zlib.DEFLATED, -max(window_bits, 9), mem_level)


class Deflater:
    """Compress what is sent to one client.

    Args:
        parameters: What was negotiated.
        options: Threshold, level and memory level.
    """

    __slots__ = ("_compressor", "_options", "_parameters")

    def __init__(self, parameters: DeflateParameters, options: DeflateOptions) -> None:
        self._parameters = parameters
        self._options = options
        self._compressor: _Compress | None = None

    def encode(self, opcode: int, payload: bytes) -> bytes:
        """Return the frame of a message, compressed from the threshold on."""
        if len(payload) < self._options.threshold:
            return encode(opcode, payload)
        return encode(opcode, self.compress(payload), rsv1=True)

    def compress(self, payload: bytes) -> bytes:
        """Return the compressed message without its tail (RFC 7692, 7.2.1)."""
        options = self._options
        window_bits = self._parameters.server_max_window_bits
        if self._parameters.server_no_context_takeover:
            return deflate_once(payload, window_bits, options.level, options.mem_level)
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = _compressor(window_bits, options.level, options.mem_level)
        return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def reset(self) -> None:
        """Forget all history: call it where a message of `deflate_once` was sent in between.

        The client's window now holds that message, which this compressor hasn't seen; without a reference
        to what lies before, that doesn't matter.
        """
        if self._compressor is not None:
            self._compressor.flush(zlib.Z_FULL_FLUSH)  # what it returns is an empty block, not needed
