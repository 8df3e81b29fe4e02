"""What several commands have on their command lines, and what they print."""

from __future__ import annotations

import argparse
import json
from typing import Any
from urllib.parse import urlsplit

from rtserver.errors import StartError

__all__ = ["JSON_HELP", "printed", "read_json", "read_namespace", "read_positive", "read_url", "read_value"]

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


def read_url(text: str) -> str:
    """Read the address of a service.

    Raises:
        argparse.ArgumentTypeError: It isn't one.
    """
    try:
        url = urlsplit(text)
        is_url = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # the port isn't a number from 0 to 65535, or brackets are wrong
        is_url = False
    if not is_url:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a URL such as http://127.0.0.1:8000")
    return text


def read_namespace(text: str) -> str:
    """Read the name of a namespace.

    Raises:
        argparse.ArgumentTypeError: It isn't one.
    """
    if not text.startswith("/") or "," in text:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a namespace such as /chat")
    return text


def read_positive(text: str) -> float:
    """Read a number above 0.

    Raises:
        argparse.ArgumentTypeError: It isn't one.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a number above 0")
    return value


def printed(value: Any) -> str:
    """Write a value on one line; bytes as their length and beginning, as JSON has none."""
    return json.dumps(value, ensure_ascii=False, default=_printed_bytes)


def _printed_bytes(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes: {bytes(value[:16]).hex(' ')}{' …' if len(value) > 16 else ''}>"
    raise StartError(f"{type(value).__name__} can't be printed")
