"""What is known of a client, by its token or from the backend, and how that is written in a room's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["CLAIMS", "PUBLIC_CLAIMS", "find_claim", "room_part", "room_parts"]

CLAIMS: Final = "claims"
"""The key of a client's session under which its claims are."""
PUBLIC_CLAIMS: Final = "user"
"""The key under which those are that others are told."""

_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
"""What UTF-8 has no form for: to other servers, all of them would be the same."""
_ESCAPES = str.maketrans({"%": "%25", ":": "%3A", "*": "%2A"})


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim; None for one that there isn't.

    Args:
        claims: The client's claims.
        name: The claim's name, or the way to one within others: ``"realm_access.roles"``.
    """
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found


def room_part(value: str | int) -> str:
    """Return what a value is written as in the name of a room: part of the name, and never more than one.

    A colon is written ``%3A``, and ``%`` and ``*`` likewise: no two values are written in the same way.
    """
    return str(value).translate(_ESCAPES)


def room_parts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return what a claim stands for in the name of a room: one part for each value of a list.

    Only whole numbers, and text that isn't empty and has a form in UTF-8, stand for something.
    """
    found = find_claim(claims, name)
    values = found if isinstance(found, (list, tuple)) else (found,)
    return tuple(dict.fromkeys(room_part(value) for value in values if _is_name(value)))


def _is_name(value: Any) -> bool:
    if isinstance(value, str):
        return value != "" and _HALF_CHARACTER.search(value) is None
    return isinstance(value, int) and not isinstance(value, bool)
