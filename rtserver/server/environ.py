"""The WSGI-like dictionary of a client, kept only for clients whose application has written to it.

A dictionary of some thirty entries takes several kilobytes. Nearly every application reads it once, in
its ``connect`` handler. So it is built when asked for, from the compact handshake; the habit of storing
things in it (``environ["user"] = ...``) still works, because the first write keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rtserver.server.socket import Socket

__all__ = ["Environ", "environ_of"]

REQUEST_KEY = "aiohttp.request"
RECOVERED_KEY = "rtserver.recovered"


class Keeper(Protocol):
    """What holds a client's environ once it is worth keeping."""

    environ: Environ | None


class Environ(dict[str, Any]):
    """A dictionary that its keeper holds from the first change on.

    Args:
        values: What the handshake says.
        keeper: Whose environ this is.
    """

    __slots__ = ("_keeper",)

    def __init__(self, values: Mapping[str, Any], keeper: Keeper) -> None:
        super().__init__(values)
        self._keeper = keeper

    def release_request(self) -> None:
        """Let go of the host's request, which is for connect handlers: `Admission` says until when."""
        super().pop(REQUEST_KEY, None)

    def tell_recovered(self, recovered: bool) -> None:
        """Say whether the client has come back after it had lost its connection."""
        super().__setitem__(RECOVERED_KEY, recovered)

    def _changed(self) -> None:
        kept = self._keeper.environ
        if kept is None:
            self._keeper.environ = self
        elif kept is not self:  # two were handed out before either was written to
            dict.update(kept, self)

    def __setitem__(self, key: str, value: Any, /) -> None:
        """Set a key."""
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str, /) -> None:
        """Remove a key."""
        super().__delitem__(key)
        self._changed()

    def __ior__(self, other: Any, /) -> Environ:  # type: ignore[override, misc]
        """Set all keys of another mapping."""
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Return the value of `key`, after setting it to `default` where there was none."""
        value = super().setdefault(key, default)
        self._changed()
        return value

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set all these keys."""
        super().update(*args, **kwargs)
        self._changed()

    def pop(self, key: str, /, *default: Any) -> Any:
        """Remove `key` and return its value."""
        value = super().pop(key, *default)
        self._changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last key and its value."""
        item = super().popitem()
        self._changed()
        return item

    def clear(self) -> None:
        """Remove every key."""
        super().clear()
        self._changed()


def environ_of(socket: Socket) -> Environ:
    """Return the environ of a socket's client, built anew unless the application has written to it."""
    client = socket.client
    environ = client.environ or Environ(client.session.handshake.environ(), client)
    environ.tell_recovered(socket.recovered)
    return environ
