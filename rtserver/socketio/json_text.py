"""JSON for packets: fast with orjson, whole with the standard library where orjson stops.

orjson refuses integers beyond 64 bits, lone surrogates (which JavaScript's ``JSON.stringify`` writes
as escapes) and keys that are not strings. The functions here take the fast way first and fall back.

What neither can do stays a `TypeError`. ``NaN`` and the infinities become ``null``, as in JavaScript.
An integer beyond 64 bits that comes in becomes a float, as in JavaScript: a search for such digits
would cost as much as the parse itself. An application that needs them exactly gives the standard
library's ``json`` to the codec instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final, NoReturn, Protocol

import orjson

__all__ = ["Dumps", "JsonModule", "Loads", "dumps", "is_too_deep", "loads", "module_dumps", "take_out"]

Loads = Callable[[str], Any]
"""Parse JSON; `ValueError` when it isn't."""

Dumps = Callable[[Any, list[bytes]], bytes]
"""Serialize, adding to the list what has to travel beside the text; `TypeError` when it can't be."""

MAX_ENCODED_DEPTH: Final = 254
"""Arrays and objects within each other that an outgoing packet may have: orjson's own limit."""

_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_RUNS: Final = re.compile(rb"\[+|\]+")
_PASSES: Final = 16


class JsonModule(Protocol):
    """What python-socketio takes as its ``json`` parameter, such as the standard library's module."""

    def loads(self, text: str, /) -> Any:
        """Parse JSON; raises `ValueError`."""

    def dumps(self, value: Any, /, *, separators: tuple[str, str]) -> str | bytes:
        """Serialize; raises `TypeError`."""


def is_too_deep(text: str | bytes, max_depth: int) -> bool:
    """Tell whether arrays and objects stand more than `max_depth` within each other.

    Nothing is parsed for it, and the time is linear in the length. Text that isn't JSON may get
    either answer.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    brackets = _count(b"[", raw, max_depth)
    if brackets + _count(b"{", raw, max_depth - brackets) <= max_depth:
        return False
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes and brackets are all that is looked at; "" is then a string without any bracket in it.
    raw = raw.translate(_AS_SQUARE, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    if b'"' in raw:
        raw = b"".join(raw.split(b'"')[::2])
    # Each pass takes the innermost level away. What then remains has few runs of brackets to walk along.
    removed = 0
    while removed < min(_PASSES, max_depth):
        outer = raw.replace(b"[]", b"")
        if len(outer) == len(raw):
            break
        raw = outer
        removed += 1
    return bool(raw) and removed + _depth(raw) > max_depth


def _count(character: bytes, text: bytes, most: int) -> int:
    """Count occurrences up to one more than `most`; faster than `bytes.count`, as it jumps to each."""
    count = 0
    position = text.find(character)
    while position >= 0 and count <= most:
        count += 1
        position = text.find(character, position + 1)
    return count


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for run in _RUNS.findall(brackets):
        if run[0] == ord("["):
            depth += len(run)
            deepest = max(deepest, depth)
        else:
            depth -= len(run)
    return deepest


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
    """Serialize what may have attachments in it, or what orjson refuses.

    Raises:
        TypeError: Something in it can't be serialized.
    """

    def default(item: Any) -> dict[str, Any]:
        if isinstance(item, (bytes, bytearray, memoryview)):
            attachments.append(bytes(item))
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise _unserializable(item)

    try:
        return orjson.dumps(value, default=default)
    except TypeError:
        attachments.clear()
        return module_dumps(json, value, attachments, _with_orjson)


def module_dumps(
    module: JsonModule, value: Any, attachments: list[bytes], other: Callable[[Any], Any] = lambda item: item
) -> bytes:
    """Serialize with another JSON module; `other` gets the objects that aren't JSON's.

    Raises:
        TypeError: Something in it can't be serialized.
    """
    try:
        text = module.dumps(take_out(value, attachments, other), separators=(",", ":"))
        return text.encode() if isinstance(text, str) else text
    except (ValueError, OverflowError) as error:
        raise TypeError(str(error)) from error


def take_out(value: Any, attachments: list[bytes], other: Callable[[Any], Any], depth: int = 0) -> Any:
    """Copy `value` with placeholders in place of bytes, and null in place of what isn't a number.

    Raises:
        TypeError: It is nested too deeply, or `other` refuses something in it.
    """
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if depth == MAX_ENCODED_DEPTH:
        raise TypeError(f"more than {MAX_ENCODED_DEPTH} arrays and objects within each other")
    if isinstance(value, (list, tuple)):
        return [take_out(item, attachments, other, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: take_out(item, attachments, other, depth + 1) for key, item in value.items()}
    return other(value)


def _with_orjson(item: Any) -> Any:
    """Turn what orjson knows (dates, UUIDs, enums, dataclasses) into what every engine knows."""
    try:
        return orjson.loads(orjson.dumps(item))
    except TypeError:
        raise _unserializable(item) from None


def _unserializable(item: Any) -> TypeError:
    return TypeError(f"an object of type {type(item).__name__} can't be serialized")
