"""Who may use the admin UI: what `Server.instrument` takes as `auth`, in one form."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

__all__ = ["Auth", "Check", "Credentials", "Decision", "HasGone", "Login", "derive_secret"]

Login = Mapping[str, Any]
"""What a client has to send, usually ``username`` and ``password``."""
Check = Callable[[Any], bool | Awaitable[bool]]
"""Tells whether the auth of a client will do: a plain or an ``async def`` function."""
HasGone = Callable[[], bool]
"""Tells whether the client has left meanwhile."""
Decision = Callable[[Any, HasGone], bool | Awaitable[bool]]
"""A `Check` that is spared clients that have left before it was their turn."""


class Credentials:
    """Decides who is an admin.

    Args:
        decide: Looks at what a client sends of itself.
        secret: What no client knows, and all servers that ask for the same credentials have in common: who
            was accepted by one of them is known to the others.
    """

    __slots__ = ("_decide", "secret")

    def __init__(self, decide: Decision, secret: bytes) -> None:
        self._decide = decide
        self.secret = secret

    @classmethod
    def of(cls, auth: Auth) -> Credentials | None:
        """Take what `Server.instrument` was given. None means that nobody is asked.

        Raises:
            ValueError: It is missing, or nobody could ever come in.
            TypeError: It is something else.
        """
        if auth is None:
            raise ValueError("auth must be specified; auth=False lets everyone in, which only tests want")
        if isinstance(auth, Credentials):
            return auth
        if auth is False:
            return None
        if callable(auth):
            check = auth
            return cls(lambda received, _: check(received), secrets.token_bytes(32))
        logins = [auth] if isinstance(auth, Mapping) else auth
        if not isinstance(logins, Sequence) or not all(isinstance(login, Mapping) for login in logins):
            raise TypeError(
                f"auth: received {type(auth).__name__}, expected a dictionary such as"
                ' {"username": ..., "password": ...}, a list of these, a function, or False'
            )
        if not logins or not all(logins):
            raise ValueError("auth: an empty dictionary or list lets nobody in; write False for everyone")
        secret = derive_secret(*(_bytes(dict(login)) for login in logins))
        return cls(lambda received, _: any(_agree(received, login) for login in logins), secret)

    async def accept(self, auth: Any, has_gone: HasGone) -> bool:
        """Tell whether a client may come in.

        Args:
            auth: What it sends of itself.
            has_gone: Whether it has left.
        """
        answer = self._decide(auth, has_gone)
        return bool(await answer if inspect.isawaitable(answer) else answer)


Auth = Credentials | Login | Sequence[Login] | Check | bool | None


def derive_secret(*passwords: bytes) -> bytes:
    """Derive a secret from passwords: slowly, because clients know what is signed with it and could guess."""
    lengths = b"".join(b"%d:%b" % (len(each), each) for each in passwords)
    return hashlib.scrypt(lengths, salt=b"rtserver admin", n=2**14, r=8, p=1)


def _agree(received: Any, login: Login) -> bool:
    """Compare, in a time that doesn't tell how much of it is right."""
    if not isinstance(received, Mapping):
        return False
    same = [hmac.compare_digest(_bytes(received.get(key)), _bytes(login[key])) for key in login]
    return all(same)


def _bytes(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=repr).encode()
