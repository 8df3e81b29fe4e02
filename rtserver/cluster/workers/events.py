"""Events between workers: whom they are for, and the text in which clients are sent them.

    mark   bytes of the target   number of the event   target                 text
    01     00 15                 00 … 00               ["/",["lobby"],[],{}]  42["chat","Hello!"]

The text is written to clients as it comes: nothing is decoded and encoded again on the way. The same targets
come again and again, and each is decoded once. An event that concerns nobody here costs a look at the rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, error
from typing import Any, Final, NamedTuple

import orjson

from rtserver.cluster.message import Kind, Message, target_of
from rtserver.cluster.rooms import LocalRooms
from rtserver.errors import ClusterViolation
from rtserver.server.namespace import Room
from rtserver.server.written import Written, write
from rtserver.socketio.json_codec import JsonCodec

__all__ = ["MARK", "EventForm"]

MARK: Final = b"\x01"
"""How an event begins; no message in JSON or msgpack does."""
_HEAD: Final = Struct(">cHQ")
_MAX_TARGET: Final = 0xFFFF
_MAX_KNOWN: Final = 1024
"""Targets that are remembered."""
_MAX_KNOWN_SIZE: Final = 512
"""Bytes of a target that is remembered, at most."""


class _Known(NamedTuple):
    """A target that has come before."""

    namespace: str
    opts: dict[str, Any]


class EventForm:
    """Writes and reads events.

    Args:
        codec: What they are encoded with.
        rooms: The rooms that concern anyone here.
    """

    __slots__ = ("_codec", "_known", "_rooms", "skipped")

    def __init__(self, codec: JsonCodec, rooms: LocalRooms) -> None:
        self._codec = codec
        self._rooms = rooms
        self._known: dict[bytes, _Known] = {}
        self.skipped = 0
        """Events that concerned nobody here."""

    def encode(self, message: Message) -> bytes | None:
        """Encode a message; None if it isn't an event without acknowledgment that is text alone.

        Raises:
            TypeError: An argument of the event can't be serialized.
        """
        _, namespace, kind, data = message
        if kind is not Kind.BROADCAST or "requestId" in data or "," in namespace:
            return None  # a comma ends the namespace of a packet
        opts = data["opts"]
        try:
            target = orjson.dumps([namespace, opts["rooms"], opts["except"], opts["flags"]])
        except TypeError:  # a room whose name isn't JSON
            return None
        text = write(self._codec, namespace, data["packet"]["data"])
        if text is None or len(target) > _MAX_TARGET:
            return None
        return _HEAD.pack(MARK, len(target), opts.get("seq", 0)) + target + text

    def decode(self, uid: str, body: bytes) -> Message | None:
        """Decode an event.

        Args:
            uid: Who has sent it.
            body: What `encode` has returned.

        Returns:
            None if it concerns nobody here.

        Raises:
            ClusterViolation: It can't be understood.
        """
        try:
            _, length, number = _HEAD.unpack_from(body)
            start = _HEAD.size + length
            target = body[_HEAD.size : start]
            namespace, opts = self._known.get(target) or self._learn(target)
        except (ValueError, TypeError, error) as problem:
            raise ClusterViolation(f"an event {body[:80]!r}, which can't be understood: {problem}") from None
        if not self._concerns_anyone(namespace, opts["rooms"]):
            self.skipped += 1
            if number and self._rooms.on_pass is not None:
                self._rooms.on_pass(uid, number)
            return None
        if number:
            opts = {**opts, "seq": number}
        return Message(
            uid, namespace, Kind.BROADCAST, {"opts": opts, "packet": Written(body[start:], self._codec)}
        )

    def _concerns_anyone(self, namespace: str, rooms: Sequence[Room]) -> bool:
        has_members = self._rooms.has_members
        for room in rooms:  # no `any`: its generator takes longer than all else here
            if has_members(namespace, room):
                return True
        return not rooms

    def _learn(self, target: bytes) -> _Known:
        namespace, rooms, except_rooms, flags = orjson.loads(target)
        if not isinstance(namespace, str) or not isinstance(flags, dict):
            raise TypeError("expected a namespace, rooms, rooms and flags")
        meant = target_of(namespace, {"rooms": rooms, "except": except_rooms})
        opts = {"rooms": list(meant.rooms), "except": list(meant.except_rooms), "flags": flags}
        known = _Known(namespace, opts)
        if len(target) <= _MAX_KNOWN_SIZE:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[target] = known
        return known
