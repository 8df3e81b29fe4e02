"""Whom an event is for, read from a message before the event itself is decoded.

Most events in a cluster are for rooms in which a server has nobody: what such a message costs is what it
costs to see that. The larger the event, the more is saved. Known are the orders of keys in which Node's
adapters and this server write events without acknowledgment:

    {"type":3,"data":{"packet":…,"opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"…","nsp":"/"}
    {"uid":"…","nsp":"/","type":3,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"packet":…}}

In JSON, what stands before or behind the packet is matched from that end of the message. That is sound
although the packet may have anything in it: in what is matched no string has a backslash, and every
quotation mark has its pair, so that it can't begin within a string of the packet. In msgpack any order is
understood. What looks different is decoded as a whole, which costs more and comes to the same.

A message for others isn't looked at any further: whether it is one that could be understood is theirs to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgpack
import orjson

from rtserver.socketio.msgpack_data import Unpacker

__all__ = ["Audience", "audience_of", "rooms_of"]

_VALUE: Final = rb'(?:"[^"\\]*+"|[-\w.]++)'
_ARRAY: Final = rb"\[(?:" + _VALUE + rb",?)*+\]"
_FLAGS: Final = rb'\{(?:"[^"\\]*+":' + _VALUE + rb",?)*+\}"
_OPTS: Final = (
    rb'"opts":\{"rooms":(?P<rooms>'
    + (_ARRAY + rb'),"except":' + _ARRAY + rb',"flags":' + _FLAGS)
    + (rb'(?:,"\w++":' + _VALUE + rb")*+\}")
)
_SENDER: Final = rb'"uid":"[^"\\]*+","nsp":"(?P<nsp>[^"\\]*+)"'


# A message, and the data of a message; each as this server writes it, and as Node's adapters do.
_OURS: Final = re.compile(rb"\{" + _SENDER + rb',"type":3,"data":\{' + _OPTS + rb',"packet":\{')
_OURS_END: Final = b"]}}}"
_NODES: Final = b'{"type":3,"data":{"packet":{'
_NODES_END: Final = re.compile(rb"\}," + _OPTS + rb"\}," + _SENDER + rb"\}")
_OUR_DATA: Final = re.compile(rb"\{" + _OPTS + rb',"packet":\{')
_OUR_DATA_END: Final = b"]}}"
_NODES_DATA: Final = b'{"packet":{'
_NODES_DATA_END: Final = re.compile(rb"\}," + _OPTS + rb"\}")

_OPTS_BEGIN: Final = b'},"opts":{"rooms":['
"""How what Node's adapters write behind the packet begins."""

_BROADCAST: Final = b"\x03"
_unpacker = Unpacker()


class Audience(NamedTuple):
    """Whom an event is for."""

    namespace: str
    rooms: Sequence[Any]
    """As they stand in the message: nobody has checked that they are names."""


def audience_of(body: bytes) -> Audience | None:
    """Read whom the event of a message is for.

    Args:
        body: A message as the cluster adapters have it, in JSON or msgpack.

    Returns:
        None where it isn't an event without acknowledgment, or can't be told without decoding all of it.
    """
    try:
        if body[:1] == b"{":
            match = _match(body, _OURS, _OURS_END, _NODES, _NODES_END)
            return None if match is None else Audience(match["nsp"].decode(), orjson.loads(match["rooms"]))
        members = _unpacker.members(body, b"\xa4data")
        if b"\xa3nsp" not in members or body[members.get(b"\xa4type", slice(0))] != _BROADCAST:
            return None
        namespace, rooms = _load(body[members[b"\xa3nsp"]]), _rooms_in(body, members)
    except ValueError:
        return None
    return Audience(namespace, rooms) if isinstance(namespace, str) and rooms is not None else None


def rooms_of(data: bytes) -> Sequence[Any] | None:
    """Read which rooms an event is for from the data of its message; see `audience_of`."""
    try:
        if data[:1] == b"{":
            match = _match(data, _OUR_DATA, _OUR_DATA_END, _NODES_DATA, _NODES_DATA_END)
            rooms: list[Any] | None = None if match is None else orjson.loads(match["rooms"])
            return rooms
        return _rooms_in(data, _unpacker.members(data))
    except ValueError:
        return None


def _match(
    text: bytes, ours: re.Pattern[bytes], our_end: bytes, nodes: bytes, nodes_end: re.Pattern[bytes]
) -> re.Match[bytes] | None:
    if text.startswith(nodes):
        return nodes_end.fullmatch(text, max(text.rfind(_OPTS_BEGIN), 0))
    match = ours.match(text)
    # A request, which has its id, may have it behind the packet.
    return match if match is not None and text.endswith(our_end) else None


def _rooms_in(body: bytes, members: dict[bytes, slice]) -> Sequence[Any] | None:
    if b"\xa9requestId" in members or b"\xa4opts" not in members:
        return None
    opts = _load(body[members[b"\xa4opts"]])
    rooms = opts.get("rooms") if isinstance(opts, dict) else None
    return rooms if isinstance(rooms, list) else None


def _load(packed: bytes) -> Any:
    return _unpacker.unpack(packed, msgpack.ExtType)
