"""Frames as a client writes them, for tests that don't write each byte out."""

from __future__ import annotations

FIN = 0x80
RSV1 = 0x40
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = bytes.fromhex("37fa213d")  # of the examples in RFC 6455, 5.7


def frame(first: int, payload: bytes = b"", mask: bytes = MASK, *, length: int | None = None) -> bytes:
    """Return a masked frame with `first` as its first byte; `length` declares another one than it has."""
    size = len(payload) if length is None else length
    if size < 126:
        header = bytes((first, 0x80 | size))
    elif size < 65536:
        header = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return header + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))


def text(message: str) -> bytes:
    return frame(FIN | TEXT, message.encode())


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(FIN | CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)
