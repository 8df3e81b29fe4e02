"""Which codec a server uses, from what python-socketio's ``serializer`` and ``json`` parameters may be."""

from __future__ import annotations

from typing import Any, cast

from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import Packet as PacketClass

from rtserver.engineio.outgoing import Outgoing
from rtserver.socketio.codec import Codec
from rtserver.socketio.json_codec import JsonCodec
from rtserver.socketio.msgpack_codec import MsgpackCodec
from rtserver.socketio.packet import Limits

__all__ = ["choose_codec", "has_binary_packets"]

_METHODS = ("decode", "encode_event", "encode_ack", "connect", "connect_error", "disconnect")


def choose_codec(serializer: Any, json: Any, limits: Limits) -> Codec:
    """Make the codec.

    Args:
        serializer: ``"default"``, ``"msgpack"``, an object with the methods of a `Codec`, or the packet
            class of python-socketio that stands for one of the first two.
        json: A module or object with ``dumps`` and ``loads`` like the standard library's, for the default
            serializer; None for our own, which is fast.
        limits: What a client's packet may be at most.

    Raises:
        ValueError: The serializer is a string that names none.
        TypeError: It is an object that can't serialize, or the JSON module is none.
    """
    if serializer == "default" or serializer is PacketClass:
        if json is not None:
            _check_module(json)
        return JsonCodec(limits, json)
    if serializer == "msgpack" or (isinstance(serializer, type) and issubclass(serializer, MsgPackPacket)):
        return MsgpackCodec(limits)
    if isinstance(serializer, str):
        raise ValueError(f"serializer: received {serializer!r}, expected 'default', 'msgpack' or a codec")
    if all(callable(getattr(serializer, name, None)) for name in _METHODS):
        return cast(Codec, serializer)
    raise TypeError(
        f"serializer: received {serializer!r}, expected 'default', 'msgpack' or an object with the methods "
        f"{', '.join(_METHODS)}. python-socketio's packet classes are not used here; its own two are "
        "understood as the names that stand for them"
    )


def _check_module(json: Any) -> None:
    """Try a JSON module out: better now than at the first packet."""
    try:
        json.loads(json.dumps([1], separators=(",", ":")))
    except (AttributeError, TypeError) as error:
        raise TypeError(
            f"json: received {json!r}, expected a module with dumps and loads like the standard library's, "
            f"separators included ({error}). Without one, rtserver uses its own, which is fast"
        ) from None


def has_binary_packets(codec: Codec) -> bool:
    """Tell whether a codec's packets are binary messages, rather than text with attachments behind it."""
    packet = codec.connect("/", {})
    return isinstance(packet, Outgoing) and not packet.text
