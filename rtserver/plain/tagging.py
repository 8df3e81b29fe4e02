"""Bytes in JSON: ``{"$bytes": "AQI="}`` stands for two bytes, in base64 (RFC 4648, 4).

An object of an application's own that has this one key gets another ``$`` on its way, and loses it at
the end: ``{"$bytes": 1}`` travels as ``{"$$bytes": 1}``, that as ``{"$$$bytes": 1}`` and so on. Objects
with more keys than one, or with other keys, are always what they are.

Both functions change what they are given, and go through it without recursion.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from typing import Any, Final

from rtserver.errors import PlainViolation
from rtserver.plain.messages import INVALID_DATA

__all__ = ["tag", "untag"]

TAG: Final = "$bytes"


def tag(value: dict[str, Any]) -> None:
    """Put tagged objects in the place of bytes, and escape those that only look so."""
    containers: list[Any] = [value]
    while containers:
        container = containers.pop()
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if isinstance(item, (bytes, bytearray, memoryview)):
                container[key] = {TAG: b64encode(item).decode()}
            elif type(item) is dict:
                containers.append(item)
                name = _tag_of(item)
                if name is not None:
                    container[key] = {"$" + name: item[name]}
                    containers[-1] = container[key]
            elif type(item) is list:
                containers.append(item)


def untag(value: dict[str, Any]) -> None:
    """Put bytes in the place of tagged objects, and restore those that were escaped.

    Raises:
        PlainViolation: A tagged object isn't base64.
    """
    containers: list[Any] = [value]
    while containers:
        container = containers.pop()
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is dict:
                name = _tag_of(item)
                if name == TAG:
                    container[key] = _decoded(item[name])
                    continue
                if name is not None:
                    container[key] = item = {name[1:]: item[name]}  # noqa: PLW2901
                containers.append(item)
            elif type(item) is list:
                containers.append(item)


def _tag_of(item: dict[Any, Any]) -> str | None:
    """Return the key of an object that is tagged or escaped, None for any other."""
    if len(item) != 1:
        return None
    (name,) = item
    return name if type(name) is str and name.endswith(TAG) and name.lstrip("$") == "bytes" else None


def _decoded(text: Any) -> bytes:
    try:
        if type(text) is str:
            return b64decode(text, validate=True)
    except (Error, ValueError):
        pass
    raise PlainViolation(
        INVALID_DATA, f'"{TAG}" holds base64: for an object of your own with this key write "${TAG}"'
    )
