"""How a message becomes bytes: JSON, or msgpack where there are bytes in it.

This is the form of the cluster adapters. A JSON object begins with a brace, and no message in msgpack does.
"""

from __future__ import annotations

from typing import Any, Final

import msgpack
import orjson

from rtserver.cluster.message import Kind, Message
from rtserver.errors import ClusterViolation
from rtserver.socketio.msgpack_data import Unpacker, plain, without_surrogates

__all__ = ["decode", "dump", "encode", "load", "pack"]

_UNDEFINED: Final = 0
"""The extension by which JavaScript's msgpack libraries write ``undefined``."""
_NUMBERED: Final = {int(kind): kind for kind in Kind if kind <= Kind.CLOSE or kind >= Kind.LOCATE}
"""The types of messages that this form has."""
_unpacker = Unpacker()


def encode(message: Message) -> bytes:
    """Encode a message.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    uid, namespace, kind, data = message
    return dump({"uid": uid, "nsp": namespace, "type": int(kind), "data": data})


def dump(body: Any) -> bytes:
    """Encode anything as JSON, or as msgpack where that has no form for it.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    try:
        return orjson.dumps(body)
    except TypeError:
        return pack(body)


def pack(body: Any) -> bytes:
    """Encode anything as msgpack; a date becomes the timestamp of its specification.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    try:
        try:
            return _pack(body)
        except UnicodeEncodeError:
            return _pack(without_surrogates(body))
    except (ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"a message of the cluster can't be serialized: {error}") from error


def _pack(body: Any) -> bytes:
    packed: bytes = msgpack.packb(body, datetime=True, default=plain)
    return packed


def decode(body: bytes) -> Message:
    """Decode a message.

    Raises:
        ClusterViolation: It is not a message of a cluster adapter.
    """
    loaded = load(body)
    if not isinstance(loaded, dict):
        raise ClusterViolation(f"a message of the cluster: received {body[:40]!r}, expected an object")
    uid, namespace, kind = (loaded.get(key) for key in ("uid", "nsp", "type"))
    data = loaded.get("data")
    if not isinstance(uid, str) or not isinstance(namespace, str) or not isinstance(data or {}, dict):
        raise ClusterViolation(f"a message of the cluster: received {body[:40]!r}, expected uid, nsp, data")
    try:
        return Message(uid, namespace, _NUMBERED[int(kind)], data or {})  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, KeyError):
        raise ClusterViolation(
            f"the type of a message of the cluster: received {kind!r}, expected 1 to {Kind.CLOSE}"
        ) from None


def load(body: bytes) -> Any:
    """Decode JSON or msgpack, whichever it is.

    Raises:
        ClusterViolation: It is neither.
    """
    try:
        if body[:1] in (b"{", b"["):
            return orjson.loads(body)
        return _unpacker.unpack(body, _extension)
    except ValueError as error:
        raise ClusterViolation(f"a message of the cluster that can't be decoded: {error}") from None


def _extension(kind: int, data: bytes) -> Any:
    return None if kind == _UNDEFINED else msgpack.ExtType(kind, data)
