"""What several commands have on their command lines, and what they print."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rtserver.errors import StartError

__all__ = ["JSON_HELP", "printed", "read_json", "read_value"]

JSON_HELP = "arguments of the event, each as JSON; what isn't JSON is taken as text"


def read_value(text: str) -> Any:
    """Read an argument of an event: JSON, or text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_json(text: str) -> Any:
    """Read an option that has to be JSON.

    Raises:
        argparse.ArgumentTypeError: It isn't.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected JSON: {error}") from None


def printed(value: Any) -> str:
    """Write a value on one line; bytes as their length and beginning, as JSON has none."""
    return json.dumps(value, ensure_ascii=False, default=_printed_bytes)


def _printed_bytes(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes: {bytes(value[:16]).hex(' ')}{' …' if len(value) > 16 else ''}>"
    raise StartError(f"{type(value).__name__} can't be printed")
