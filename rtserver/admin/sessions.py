"""What lets an admin who has shown a password come back without it: the UI keeps it, and no server does.

A session is the time at which it ends, signed. Every server that has the same secret believes it, whether or
not it was the one that issued it; a new secret ends all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["LIFETIME", "Sessions"]

LIFETIME: Final = 24 * 3600
"""Seconds after which the password has to be shown again."""


class Sessions:
    """Issues sessions, and recognises them.

    Args:
        secret: What they are signed with.
        now: Returns seconds since the epoch.
    """

    __slots__ = ("_now", "_secret")

    def __init__(self, secret: bytes, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now = now

    def issue(self) -> str:
        """Return the id of a new session."""
        end = str(int(self._now()) + LIFETIME)
        return f"{end}.{self._sign(end)}"

    def holds(self, session: Any) -> bool:
        """Tell whether something that a client sent is a session that hasn't ended."""
        if not isinstance(session, str) or not session.isascii():
            return False
        end, _, signature = session.partition(".")
        return hmac.compare_digest(signature, self._sign(end)) and self._now() < int(end)

    def _sign(self, end: str) -> str:
        return hmac.new(self._secret, b"admin session until " + end.encode(), hashlib.sha256).hexdigest()
