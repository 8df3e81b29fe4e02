"""Signatures by which a backend knows that a request is from this service, in the form of Standard Webhooks.

https://www.standardwebhooks.com: HMAC-SHA256 over id, time and body. Libraries of many languages check it.
"""

from __future__ import annotations

import binascii
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

__all__ = ["Signer", "signing_key"]

PREFIX: Final = "whsec_"
"""What a secret begins with; base64 follows."""
MIN_KEY_BYTES: Final = 24
"""Standard Webhooks, "Signature scheme": between 24 and 64 bytes."""


def signing_key(secret: str) -> bytes:
    """Return the key that a secret stands for.

    Args:
        secret: ``whsec_`` and the base64 of at least 24 bytes.

    Raises:
        ValueError: It is something else. The message doesn't have the secret in it.
    """
    advice = f'make one with: echo "{PREFIX}$(openssl rand -base64 32)"'
    if not secret.startswith(PREFIX):
        raise ValueError(f"expected a secret that begins with {PREFIX}: {advice}")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"expected base64 behind {PREFIX}: {advice}") from None
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(
            f"received a secret of {len(key)} bytes, expected at least {MIN_KEY_BYTES}: {advice}"
        )
    return key


class Signer:
    """Signs requests, with every key: a backend may know the old one or the new one.

    Args:
        keys: The keys; at least one.
        now: Returns the seconds since the epoch.
    """

    __slots__ = ("_keys", "_now")

    def __init__(self, keys: Sequence[bytes], now: Callable[[], float] = time.time) -> None:
        self._keys = tuple(keys)
        self._now = now

    def headers(self, id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request, for this moment.

        Args:
            id: The id of the message, which stays the same when it is sent again.
            body: The body, as it is sent.
        """
        moment = str(int(self._now()))
        signed = b".".join((id.encode(), moment.encode(), body))
        signatures = (b64encode(hmac.digest(key, signed, sha256)).decode() for key in self._keys)
        return {
            "webhook-id": id,
            "webhook-timestamp": moment,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }
