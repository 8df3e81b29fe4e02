"""Where session ids come from: those of Engine.IO sessions and those of Socket.IO clients."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from os import urandom

__all__ = ["new_sid"]

SID_BYTES = 15
"""Random bytes of an id: 120 bits, 20 characters, as Socket.IO's own."""


def new_sid() -> str:
    """Return an id that can't be guessed: whoever knows it can act as the client."""
    return urlsafe_b64encode(urandom(SID_BYTES)).decode()
