"""A request to the HTTP API of a running service, from a command."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from rtserver.errors import StartError

__all__ = ["post", "read_key"]

MARGIN: Final = 10.0
"""Seconds that an answer may take beyond those that the service waits for clients."""


def read_key(file: Path) -> str:
    """Read a key from a file, ``-`` for the standard input.

    Raises:
        StartError: It can't be read, or has none.
    """
    try:
        key = (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise StartError(f"--key-file: {file} can't be read: {reason}") from None
    if not key:
        raise StartError(f"--key-file: {file} is empty, expected a key of [[api.keys]]")
    return key


def post(url: str, key: str, body: dict[str, Any], wait: float = 0) -> dict[str, Any]:
    """Send a command, and return its answer.

    Args:
        url: The command's.
        key: The API key.
        body: The request.
        wait: Seconds that the service may wait for clients.

    Raises:
        StartError: The service can't be reached, or refuses.
    """
    try:
        request = urllib.request.Request(
            url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
        )
        with urllib.request.urlopen(request, timeout=wait + MARGIN) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise StartError(f"{url}: {_message(error)}") from None
    except (OSError, ValueError) as error:
        raise StartError(f"{url}: {getattr(error, 'reason', error)}") from None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StartError(f"{url}: the answer isn't rtserver's; expected the URL of an API, as in /api")
    return value


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError, TypeError):
        return (
            f"answered with the HTTP status {error.code}, and isn't rtserver's API: that is where the service"
            " listens, below api.path, if it has [[api.keys]]"
        )
