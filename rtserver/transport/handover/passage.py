"""What goes with a connection through a door: the bytes that were read from it, and how it came in."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgpack

from rtserver.errors import PassageViolation

__all__ = ["MAX_DATA", "MAX_MESSAGE", "Origin", "Passage", "decode", "encode"]

MAX_DATA: Final = 128 * 1024
"""Bytes already read that can go with a connection: one message has to fit into the buffer of a socket."""
MAX_MESSAGE: Final = MAX_DATA + 1024
"""Bytes of a whole message: two addresses and a few numbers more."""
VERSION: Final = 1
"""Of the form of messages. A worker that is started anew may run newer code than the others."""


class Origin(NamedTuple):
    """How a client reached the server, where the socket that is handed over isn't the client's own."""

    remote: tuple[str, int]
    """The client's address and port."""
    local: tuple[str, int]
    """The address and port that it reached."""
    secure: bool
    """True when it came over TLS."""


class Passage(NamedTuple):
    """What the next process has to know of a connection."""

    data: bytes = b""
    """What was read and is still to be served."""
    tls: bool = False
    """True when the connection begins with a handshake of TLS, of which nothing was read."""
    origin: Origin | None = None
    """None where the socket itself tells."""


def encode(passage: Passage) -> bytes:
    """Return the message for a door.

    Raises:
        ValueError: More was read than can go with a connection, or a handshake of TLS has begun.
    """
    if len(passage.data) > MAX_DATA:
        raise ValueError(f"received {len(passage.data)} bytes for a door, expected {MAX_DATA} at most")
    if passage.tls and passage.data:
        raise ValueError(f"received {len(passage.data)} bytes of TLS, whose state can't be handed over")
    message: bytes = msgpack.packb((VERSION, passage.data, passage.tls, passage.origin))
    return message


def decode(message: bytes | memoryview) -> Passage:
    """Read the message of a door.

    Raises:
        PassageViolation: It isn't one, or it is of another version.
    """
    try:
        fields: Any = msgpack.unpackb(message)
    except Exception as error:  # noqa: BLE001 - msgpack's many ways to fail
        raise PassageViolation(f"received what isn't msgpack: {type(error).__name__}") from None
    if not isinstance(fields, list) or not fields or fields[0] != VERSION:
        version = fields[0] if isinstance(fields, list) and fields else fields
        raise PassageViolation(f"received version {str(version)[:20]}, expected {VERSION}")
    match fields:
        case [_, bytes(data), bool(tls), None]:
            return Passage(data, tls)
        case [
            _,
            bytes(data),
            bool(tls),
            [[str(remote), int(remote_port)], [str(local), int(local_port)], bool(secure)],
        ]:
            return Passage(data, tls, Origin((remote, remote_port), (local, local_port), secure))
    raise PassageViolation("received other fields than data, tls and origin")
