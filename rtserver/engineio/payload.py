"""Decode the body of a polling request: packets with a record separator between them.

Engine.IO v4, "Packet encoding", "HTTP long-polling". The other direction needs no function: encoded
packets are joined with `packet.SEPARATOR`, a binary message being ``b"b"`` and its base64.

The only limit is one in bytes. It bounds the number of packets as well, as every packet takes a type
character and a separator.
"""

from __future__ import annotations

import binascii

from rtserver.engineio.packet import PACKET_TYPES
from rtserver.errors import EngineViolation

__all__ = ["decode_payload", "encode_binary"]

BINARY_PREFIX = "b"
EXCERPT = 20
"""Characters of a refused packet that its error shows."""


def encode_binary(message: bytes) -> bytes:
    """Encode a binary message as a packet of a payload."""
    return b"b" + binascii.b2a_base64(message, newline=False)


def decode_payload(body: bytes, *, limit: int) -> list[str | bytes]:
    """Decode the packets of a request body, in order.

    Args:
        body: The whole body.
        limit: The largest body that is accepted, in bytes.

    Returns:
        Text packets as ``str``, type character included, and binary messages as ``bytes``.

    Raises:
        EngineViolation: The body is too large, or one of its packets can't be decoded. No packet of
            the body counts then.
    """
    if len(body) > limit:
        raise EngineViolation(f"a payload of {len(body)} bytes: at most {limit} are accepted")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise EngineViolation(
            f"a payload that is not UTF-8: byte 0x{body[error.start]:02x} at offset {error.start}"
        ) from None
    packets: list[str | bytes] = []
    for packet in text.split("\x1e"):
        kind = packet[:1]
        if kind in PACKET_TYPES:
            packets.append(packet)
        elif kind == BINARY_PREFIX:
            packets.append(_decode_binary(packet, len(packets)))
        elif not kind:
            raise EngineViolation(f"packet {len(packets)} of a payload is empty: it needs a type character")
        else:
            raise EngineViolation(
                f"packet {len(packets)} of a payload has the unknown type {kind!r}: expected 0 to 6, or b"
            )
    return packets


def _decode_binary(packet: str, index: int) -> bytes:
    try:
        return binascii.a2b_base64(packet[1:], strict_mode=True)
    except ValueError as error:
        raise EngineViolation(
            f"packet {index} of a payload is not base64 ({error}): received {packet[:EXCERPT]!r}"
        ) from None
