"""JSON for packets: fast with orjson, whole with the standard library where orjson stops.

orjson refuses integers beyond 64 bits, lone surrogates (which JavaScript's ``JSON.stringify`` writes
as escapes) and keys that are not strings. The functions here take the fast way first and fall back.

What neither can do stays a `TypeError`. ``NaN`` and the infinities become ``null``, as in JavaScript.
An integer beyond 64 bits that comes in becomes a float, as in JavaScript: a search for such digits
would cost as much as the parse itself. Where exact ones must come in, the standard library's ``json``
module can be given to the codec.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

__all__ = ["dumps", "is_too_deep", "loads", "take_out"]

MAX_ENCODED_DEPTH = 254
"""Containers within each other that an outgoing packet may have: orjson's own limit."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKETS_AND_QUOTES = bytes.maketrans(b"{}", b"[]")
_EVERYTHING_ELSE = bytes(set(range(256)) - set(b'[]{}"'))


def is_too_deep(text: str, max_depth: int) -> bool:
    """Tell whether arrays and objects stand more than `max_depth` within each other.

    Nothing is parsed for it. Text that isn't JSON gives either answer.
    """
    if text.count("[") + text.count("{") <= max_depth:
        return False
    raw = text.encode("utf-8", "surrogatepass")
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # What remains is quotes and brackets; "" is a string that had no bracket in it.
    raw = raw.translate(_BRACKETS_AND_QUOTES, _EVERYTHING_ELSE).replace(b'""', b"")
    if b'"' in raw:
        raw = b"".join(raw.split(b'"')[::2])
    for _ in range(max_depth):  # each turn takes away the innermost level
        outer = raw.replace(b"[]", b"")
        if len(outer) == len(raw):
            break
        raw = outer
    return bool(raw)


def loads(text: str) -> Any:
    """Parse JSON that orjson may refuse. `is_too_deep` must have said no.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if not _SURROGATE_ESCAPE.search(text):
            raise
        return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def dumps(value: Any, attachments: list[bytes]) -> bytes:
    """Serialize, adding to `attachments` what has to travel beside the text, in order.

    Raises:
        TypeError: Something in it can't be serialized.
    """

    def default(item: Any) -> Any:
        if isinstance(item, (bytes, bytearray, memoryview)):
            attachments.append(bytes(item))
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"an object of type {type(item).__name__} can't be serialized")

    try:
        return orjson.dumps(value, default=default)
    except TypeError:
        attachments.clear()
        return json.dumps(take_out(value, attachments), separators=(",", ":")).encode()


def take_out(value: Any, attachments: list[bytes], depth: int = 0) -> Any:
    """Copy `value` with placeholders for bytes, and only of types that every JSON engine knows.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if depth >= MAX_ENCODED_DEPTH:
        raise TypeError(f"more than {MAX_ENCODED_DEPTH} containers within each other, or one in itself")
    if isinstance(value, (list, tuple)):
        return [take_out(item, attachments, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: take_out(item, attachments, depth + 1) for key, item in value.items()}
    return orjson.loads(orjson.dumps(value))
