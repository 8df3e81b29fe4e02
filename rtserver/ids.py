"""Where session ids come from: those of Engine.IO sessions and those of Socket.IO clients."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from os import urandom

__all__ = ["new_sid", "veiled"]

SID_BYTES = 15
"""Random bytes of an id: 120 bits, 20 characters, as Socket.IO's own."""


def new_sid(name: str = "") -> str:
    """Return an id that can't be guessed: whoever knows it can act as the client.

    Args:
        name: What it begins with, 4 characters of its own alphabet: where several processes serve, the name
            of the one that has the session. 96 random bits are left then.
    """
    if name:
        return name + urlsafe_b64encode(urandom(SID_BYTES - 3)).decode()
    return urlsafe_b64encode(urandom(SID_BYTES)).decode()


def veiled(sid: str) -> str:
    """Return what stands for an id in logs: always the same for one id, and of no use to who reads it."""
    return blake2b(sid.encode(), digest_size=6).hexdigest()
