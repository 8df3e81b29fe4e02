"""What a client that wants its state back sends with its CONNECT packet."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Claim", "split_claim"]


class Claim(NamedTuple):
    """The two fields that the official client adds to the application's own."""

    pid: str
    offset: str | None
    """The offset of the last event that it has received; None if there was none."""


def split_claim(auth: Any) -> tuple[Claim | None, Any]:
    """Take the claim out of what a client sent with its CONNECT packet.

    The application doesn't get to see it: who knows a client's pid can take its place.

    Returns:
        The claim, None without one, and what the application sent itself.
    """
    if type(auth) is not dict:
        return None, auth
    pid, offset = auth.get("pid"), auth.get("offset")
    if not isinstance(pid, str) or not isinstance(offset, str | None):
        return None, auth
    return Claim(pid, offset), {key: value for key, value in auth.items() if key not in ("pid", "offset")}
