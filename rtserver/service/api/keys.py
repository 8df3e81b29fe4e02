"""Who may use the API: keys, and what each of them is for.

Of a key only its SHA-256 hash is kept. A request's key is hashed and compared with every one of them, in a
time that doesn't depend on how much of it is right.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from rtserver.errors import ApiError

__all__ = ["EVERY", "Key", "KeyRing", "Scope"]

Scope = Literal["emit", "join", "leave", "disconnect", "sockets", "presence", "history"]
"""What a key may be for: one of the commands."""
EVERY: Final = "*"
"""Stands for every scope, or every namespace."""
_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without what makes it secret.

    Args:
        name: Whose it is, for the log.
        digest: The SHA-256 hash of the key.
        scopes: What it may be used for; ``"*"`` among them for everything.
        namespaces: Where; ``"*"`` among them for everywhere.
        rate: Commands a second, on average; None for any number.
        burst: How many of them may come at once.
    """

    name: str
    digest: bytes
    scopes: Sequence[str]
    namespaces: Sequence[str]
    rate: float | None = None
    burst: int = 100

    def check(self, scope: str, namespace: str) -> None:
        """Make sure that a command may be done with this key.

        Raises:
            ApiError: It may not.
        """
        if scope not in self.scopes and EVERY not in self.scopes:
            raise ApiError(
                403,
                "scope_missing",
                f'this key is for {", ".join(self.scopes)}, expected the scope "{scope}"',
            )
        if namespace not in self.namespaces and EVERY not in self.namespaces:
            raise ApiError(
                403,
                "namespace_forbidden",
                f"received the namespace {namespace}, this key is for {', '.join(self.namespaces)}",
            )


class KeyRing:
    """All keys.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def find(self, authorization: str | None) -> Key:
        """Return the key of a request.

        Args:
            authorization: The value of its header ``Authorization`` (RFC 6750, 2.1).

        Raises:
            ApiError: There is none, or it isn't known.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != _SCHEME or not secret.strip():
            raise _unauthorized("key_missing", "expected the header Authorization: Bearer, with an API key")
        digest = sha256(secret.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        if found is None:
            raise _unauthorized(
                "key_unknown", "the API key isn't one of [[api.keys]]: ask who runs the service"
            )
        return found


def _unauthorized(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, {"WWW-Authenticate": 'Bearer realm="rtserver"'})
