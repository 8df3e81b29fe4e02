"""The names of rooms, as a declaration writes them: ``lobby``, ``user:{sub}``, ``chat:*``.

A name has parts between colons. A part is fixed text, a claim in braces, or ``*`` for what a client
chooses; never a mixture. Neither a claim's value nor a client's choice has a colon in it, so that a room's
name suits a pattern part by part or not at all: "team-{team}-{user}" would be in doubt about "team-a-b-c".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any, Final

from rtserver.service.namespaces.claims import room_parts

__all__ = ["MAX_NAME", "RoomPattern", "parse_pattern"]

MAX_NAME: Final = 255
"""Characters that a pattern, and a room's name that a client chooses, may have."""

_COLON: Final = re.compile(r":(?![^{}]*\})")  # not one within braces: claims are named by URLs, too
_CLAIM: Final = re.compile(r"\{([^{}]+)\}")
_UNFIT: Final = re.compile(r"[*\x00-\x1f\x7f\ud800-\udfff]")
"""What no name may have that someone chooses: UTF-8 has no half characters for other servers."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A part that a claim stands in."""

    name: str


class _Choice(Enum):
    """A part that a client chooses."""

    ANY = "*"


_Part = str | _Claim | _Choice


@dataclass(frozen=True, slots=True)
class RoomPattern:
    """A pattern of room names.

    Args:
        text: As it was written.
        parts: Its parts.
    """

    text: str
    parts: tuple[_Part, ...]

    def __str__(self) -> str:
        """Return it as it was written."""
        return self.text

    @property
    def is_open(self) -> bool:
        """Whether clients choose a part of the name."""
        return _Choice.ANY in self.parts

    @property
    def claims(self) -> tuple[str, ...]:
        """The names of the claims in it."""
        return tuple(part.name for part in self.parts if isinstance(part, _Claim))

    def rooms(self, claims: Mapping[str, Any]) -> Iterator[str]:
        """Go through the rooms that a client has by its claims: none if it lacks one, several for a list.

        Args:
            claims: The client's claims. The pattern mustn't be open.
        """
        choices = [
            room_parts(claims, part.name) if isinstance(part, _Claim) else (str(part),) for part in self.parts
        ]
        return (":".join(parts) for parts in product(*choices))

    def suits(self, room: str, claims: Mapping[str, Any]) -> bool:
        """Tell whether the pattern has a room's name in it, for a client with these claims."""
        names = self._split(room)
        return len(names) == len(self.parts) and all(
            name in room_parts(claims, part.name) if isinstance(part, _Claim) else _fits(part, name)
            for part, name in zip(self.parts, names, strict=True)
        )

    def suits_someone(self, room: str) -> bool:
        """Tell whether the pattern has a room's name in it for a client with whatever claims."""
        names = self._split(room)
        return len(names) == len(self.parts) and all(map(_fits, self.parts, names))

    def _split(self, room: str) -> list[str]:
        """Take a name apart, into no more parts than it takes to see that they are too many."""
        return room.split(":", len(self.parts))

    def meets(self, other: RoomPattern) -> bool:
        """Tell whether there may be a room that both patterns have, for whatever clients."""
        return len(self.parts) == len(other.parts) and all(
            mine == yours or not (isinstance(mine, str) and isinstance(yours, str))
            for mine, yours in zip(self.parts, other.parts, strict=True)
        )

    def opens(self, other: RoomPattern) -> bool:
        """Tell whether either pattern may let a client into a room that the other has for someone else.

        They do where they meet, and a claim of one stands where the other has something else.
        """
        return self.meets(other) and any(
            mine != yours and (isinstance(mine, _Claim) or isinstance(yours, _Claim))
            for mine, yours in zip(self.parts, other.parts, strict=True)
        )


def parse_pattern(text: str, *, is_open: bool = True) -> RoomPattern:
    """Read a pattern.

    Args:
        text: The pattern.
        is_open: Whether clients may choose parts of the name.

    Raises:
        ValueError: It can't be understood, or has names in it that aren't for patterns.
    """
    if len(text) > MAX_NAME:
        raise ValueError(f"received a room of {len(text)} characters, expected at most {MAX_NAME}")
    parts = tuple(_parse_part(text, part) for part in _COLON.split(text))
    if _Choice.ANY in parts and not is_open:
        raise ValueError(f'received "{text}", expected a room without *: nobody chooses what stands there')
    if len(parts) == 1 and not isinstance(parts[0], str):
        raise ValueError(
            f'received "{text}", expected a fixed part before it, such as "room:{text}": rooms that are named'
            " by nothing but a client's id are the clients' own"
        )
    return RoomPattern(text, parts)


def _parse_part(text: str, part: str) -> _Part:
    if part == "*":
        return _Choice.ANY
    if claim := _CLAIM.fullmatch(part):
        return _Claim(claim[1])
    if not part:
        raise ValueError(f'received "{text}", expected a name whose parts between colons aren\'t empty')
    if "*" in part:
        raise ValueError(f'received "{text}", expected * to be all of a part between colons, as in "chat:*"')
    if "{" in part or "}" in part:
        raise ValueError(
            f'received "{text}", expected a claim in braces to be all of a part between colons, as in'
            ' "user:{sub}"'
        )
    if _UNFIT.search(part):
        raise ValueError(f"received {text!r}, expected a name without control characters")
    return part


def _fits(part: _Part, name: str) -> bool:
    """Tell whether a part of a name suits a part of a pattern, whatever the claims are."""
    if isinstance(part, str):
        return part == name
    if isinstance(part, _Claim):
        return name != "" and "*" not in name
    return name != "" and _UNFIT.search(name) is None
