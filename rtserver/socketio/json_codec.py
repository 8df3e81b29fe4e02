"""The default codec of Socket.IO v5: JSON in a text packet, attachments beside it.

Its functions stand here for a server that has no use for another JSON engine; `JsonCodec` makes a
`Codec` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.json_decoder import decode, decode_payload, decode_with
from rtserver.socketio.json_encoder import (
    connect,
    connect_error,
    disconnect,
    encode_ack,
    encode_control,
    encode_event,
    encode_event_text,
    encode_with,
)
from rtserver.socketio.json_text import JsonModule, module_dumps
from rtserver.socketio.packet import DEFAULT_LIMITS, UNLIMITED, Limits, Packet, PacketType

__all__ = [
    "JsonCodec",
    "connect",
    "connect_error",
    "decode",
    "disconnect",
    "encode_ack",
    "encode_event",
    "encode_event_text",
]


EncodeEvent = Callable[[str, int | None, Sequence[Any]], bytes | Outgoing]


class JsonCodec:
    """The default codec. Its methods are the module's functions themselves where nothing is to be added.

    Args:
        limits: What a client's packet may be at most.
        json_module: A JSON engine to use instead of the built-in one, with the standard library's
            ``loads`` and ``dumps``, as python-socketio's ``json`` parameter takes it. Bytes are taken
            out before ``dumps`` is called.
    """

    __slots__ = (
        "connect",
        "connect_error",
        "decode",
        "decode_own",
        "decode_payload",
        "disconnect",
        "encode_ack",
        "encode_event",
        "encode_event_text",
        "limits",
    )

    decode: Callable[[str | bytes], Packet]
    decode_own: Callable[[str | bytes], Packet]
    """Decode what this codec has encoded, which no limit is for."""
    decode_payload: Callable[[bytes], Packet | str]
    """Decode a whole Engine.IO packet, or return its text for `decode`."""
    encode_event: Callable[[str, int | None, Sequence[Any]], Outgoing]
    encode_event_text: EncodeEvent
    encode_ack: Callable[[str, int, Sequence[Any]], bytes | Outgoing]
    connect: Callable[..., bytes]
    connect_error: Callable[[str, Any], bytes]
    disconnect: Callable[[str], bytes]

    def __init__(self, limits: Limits = DEFAULT_LIMITS, json_module: JsonModule | None = None) -> None:
        self.limits = limits
        if json_module is None:
            is_default = limits == DEFAULT_LIMITS
            self.decode = decode if is_default else partial(decode, limits=limits)
            self.decode_payload = decode_payload if is_default else partial(decode_payload, limits=limits)
            self.decode_own = partial(decode, limits=UNLIMITED)
            self.encode_event = encode_event
            self.encode_event_text = encode_event_text
            self.encode_ack = encode_ack
            self.connect = connect
            self.connect_error = connect_error
            self.disconnect = disconnect
            return
        dumps = partial(module_dumps, json_module)
        self.decode = partial(decode_with, json_module.loads, limits=limits)
        self.decode_own = partial(decode_with, json_module.loads, limits=UNLIMITED)
        self.decode_payload = bytes.decode
        self.encode_event_text = partial(encode_with, dumps, PacketType.EVENT)
        self.encode_event = partial(_encode_event_with, self.encode_event_text)
        self.encode_ack = partial(encode_with, dumps, PacketType.ACK)
        self.connect = partial(encode_control, dumps, PacketType.CONNECT)
        self.connect_error = partial(encode_control, dumps, PacketType.CONNECT_ERROR)
        self.disconnect = partial(encode_control, dumps, PacketType.DISCONNECT)


def _encode_event_with(
    encode_text: EncodeEvent, namespace: str, id: int | None, args: Sequence[Any]
) -> Outgoing:
    packet = encode_text(namespace, id, args)
    return packet if isinstance(packet, Outgoing) else Outgoing(packet)
