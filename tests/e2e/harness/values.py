"""Values on their way to a Node.js program and back: what `node/lines.js` packs and unpacks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import isfinite, isnan
from typing import Any

__all__ = ["UNDEFINED", "pack", "unpack"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Undefined(Enum):
    """JavaScript's `undefined`, which None isn't: that is `null`."""

    UNDEFINED = "undefined"


UNDEFINED = Undefined.UNDEFINED


def pack(value: Any) -> Any:
    """Write a value as JSON that the Node.js program understands. A `datetime` must be aware."""
    if isinstance(value, list | tuple):
        return [pack(entry) for entry in value]
    if isinstance(value, dict):
        return {key: pack(entry) for key, entry in value.items()}
    tagged = _tagged(value)
    return value if tagged is None else tagged


def _tagged(value: Any) -> dict[str, Any] | None:
    """Return the tagged form of a value that JSON has none for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$date": (value - EPOCH) / MILLISECOND}
    if isinstance(value, float) and not isfinite(value):
        return {"$number": "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    return {"$undefined": True} if value is UNDEFINED else None


def unpack(value: Any) -> Any:
    """Read what the Node.js program has packed."""
    if isinstance(value, list):
        return [unpack(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, content),) = value.items()
        read = TAGS.get(tag)
        if read is not None:
            return read(content)
    return {key: unpack(entry) for key, entry in value.items()}


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


TAGS: dict[str, Callable[[Any], Any]] = {
    "$binary": base64.b64decode,
    "$date": lambda milliseconds: EPOCH + milliseconds * MILLISECOND,
    "$number": _number,
    "$undefined": lambda _: UNDEFINED,
}
