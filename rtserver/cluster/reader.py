"""Decodes the messages of other servers that concern this one, and no others."""

from __future__ import annotations

from typing import Final

from rtserver.cluster.head import audience_of
from rtserver.cluster.message import Kind, Message
from rtserver.cluster.rooms import HasMembers, concerns_any
from rtserver.cluster.wire import decode, dump, pack

__all__ = ["Reader"]

SMALL: Final = 512
"""Bytes of a message that is decoded in the time in which it is found out whom it is for."""


class Reader:
    """One server's view of the messages of the cluster adapters.

    Args:
        uid: The server's id.
        has_members: Tells whom it has.
    """

    __slots__ = ("_has_members", "_own", "skipped")

    def __init__(self, uid: str, has_members: HasMembers) -> None:
        self._has_members = has_members
        self._own = (dump({"uid": uid})[:-1], b"\x84" + pack("uid") + pack(uid))
        """How this server's own messages begin, in JSON and in msgpack."""
        self.skipped = 0
        """Events of others that concern nobody here."""

    def read(self, body: bytes) -> Message | None:
        """Decode a message.

        Returns:
            The message; None where it is this server's own, or an event that concerns nobody here.

        Raises:
            ClusterViolation: It can't be understood.
        """
        if body.startswith(self._own):
            return None
        audience = audience_of(body) if len(body) > SMALL else None
        if audience is not None and not concerns_any(self._has_members, *audience):
            self.skipped += 1
            return None
        message = decode(body)
        if audience is None and self._is_for_others(message):
            self.skipped += 1
            return None
        return message

    def _is_for_others(self, message: Message) -> bool:
        data = message.data
        if message.kind is not Kind.BROADCAST:
            return False
        opts = data.get("opts")
        rooms = opts.get("rooms") if isinstance(opts, dict) and "requestId" not in data else None
        return isinstance(rooms, list) and not concerns_any(self._has_members, message.namespace, rooms)
