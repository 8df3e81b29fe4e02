"""Places in a stream: the ids of its entries, and what clients are told to come back to.

A server sends its own events to its clients before it has read them back from the stream, now and then: when
Redis is away, or when the application moves a client between rooms at that moment. How far such a client has
come is not one place in the stream then, but two: what it has been sent of the stream, and how many entries
of its server beyond that. Its offset names both: ``1795207251637-0~3a9acb922455989f~17``. All others are the
ids of entries, as those of Node's adapter. To that, the longer form is an offset that it doesn't know: the
client is a new one there.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["START", "Offset", "StreamId", "parse_id", "parse_offset"]

_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})", re.ASCII)
_OFFSET: Final = re.compile(r"([0-9]{1,20}-[0-9]{1,20})(?:~([\w-]{1,64})~([0-9]{1,16}))?", re.ASCII)
_BITS: Final = 64
_MOST: Final = 2**_BITS - 1


class StreamId(NamedTuple):
    """The id of an entry. Later entries have greater ones."""

    milliseconds: int
    number: int

    def __str__(self) -> str:
        """Return the id as Redis has it."""
        return f"{self.milliseconds}-{self.number}"


START: Final = StreamId(0, 0)
"""Before every entry."""


class Offset(NamedTuple):
    """How far someone has come."""

    id: StreamId
    """It knows the stream up to and including this entry, ..."""
    seq: int = 0
    """... and of one server all entries up to this number; 0 for none beyond the above."""
    uid: str = ""
    """That server."""

    def __str__(self) -> str:
        """Return the offset as clients are told it."""
        return f"{self.id}~{self.uid}~{self.seq}" if self.seq else str(self.id)

    @property
    def position(self) -> int:
        """The same, without the server, as one number that never gets less."""
        return (self.id.milliseconds << _BITS | self.id.number) << _BITS | self.seq

    @classmethod
    def at(cls, position: int, uid: str) -> Offset:
        """Return the offset of a position."""
        id = position >> _BITS
        return cls(StreamId(id >> _BITS, id & _MOST), position & _MOST, uid)


def parse_id(text: str) -> StreamId | None:
    """Read an id; None where it isn't one."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    id = StreamId(int(found[1]), int(found[2]))
    return id if max(id) <= _MOST else None


def parse_offset(text: str) -> Offset | None:
    """Read what a client was told; None where it can't have been told that."""
    found = _OFFSET.fullmatch(text)
    id = parse_id(found[1]) if found is not None else None
    if found is None or id is None:
        return None
    return Offset(id) if found[2] is None else Offset(id, int(found[3]), found[2])
