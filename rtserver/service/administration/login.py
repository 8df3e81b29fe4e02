"""The one login to the admin UI: a name, and a password or what bcrypt has made of it."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Mapping
from importlib import util
from typing import Any, Final

from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.admin.credentials import Credentials, HasGone, derive_secret

__all__ = ["Login", "is_hash"]

_HASH: Final = re.compile(r"\$2[aby]\$(0[4-9]|1\d|2\d|3[01])\$[./A-Za-z0-9]{53}")
_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at. Programs that make hashes cut the others off."""
MOST_WAITING: Final = 16
"""Guesses that wait to be looked at, together with the one that is. Others are refused."""


class Login:
    """Looks at what people enter.

    Args:
        username: The name.
        password: The password, or a hash of bcrypt.

    Raises:
        ValueError: It is a hash, and bcrypt isn't installed.
    """

    __slots__ = ("_is_hash", "_looking", "_password", "_username", "_waiting")

    def __init__(self, username: str, password: str) -> None:
        self._is_hash = is_hash(password)
        if self._is_hash and util.find_spec("bcrypt") is None:
            raise ValueError(
                "the password is a hash of bcrypt, which isn't installed: pip install 'rtserver[admin]'"
            )
        self._username = username.encode()
        self._password = password.encode()
        self._looking = asyncio.Lock()
        self._waiting = 0

    def credentials(self) -> Credentials:
        """Return what `rtserver.Server.instrument` takes as `auth`."""
        return Credentials(self.accept, derive_secret(self._username, self._password))

    async def accept(self, auth: Any, has_gone: HasGone) -> bool:
        """Tell whether a client has sent the name and the password.

        A hash takes a tenth of a second of a processor or more, so it is looked at in a thread, and one at a
        time: whoever guesses passwords keeps one processor busy, and no client waiting.

        Args:
            auth: What the client sends of itself.
            has_gone: Whether it has left: then it isn't looked at.

        Raises:
            socketio.exceptions.ConnectionRefusedError: Too many wait.
        """
        if not isinstance(auth, Mapping):
            return False
        username, password = (_bytes(auth.get(key)) for key in ("username", "password"))
        knows_name = hmac.compare_digest(username, self._username)
        if not self._is_hash:
            return hmac.compare_digest(password, self._password) and knows_name
        if not knows_name:
            return False
        if self._waiting >= MOST_WAITING:
            raise Refusal("too many log in at a time; try again")
        self._waiting += 1
        try:
            async with self._looking:
                return not has_gone() and await self._fits(password)
        finally:
            self._waiting -= 1

    async def _fits(self, password: bytes) -> bool:
        import bcrypt  # noqa: PLC0415 - not everyone has it

        return await asyncio.to_thread(bcrypt.checkpw, password[:_LONGEST], self._password)


def is_hash(password: str) -> bool:
    """Tell whether it is what bcrypt has made of a password."""
    return _HASH.fullmatch(password) is not None


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
