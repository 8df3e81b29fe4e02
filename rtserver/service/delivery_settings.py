"""The tables of the config file about what is kept for clients that come later, or come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from rtserver.server.delivery.duplicates import MAX_ID, MIN_ID, DuplicateSuppression
from rtserver.server.delivery.history import History
from rtserver.server.delivery.presence import Presence
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.section import Seconds, Section

__all__ = ["DuplicateSettings", "HistorySettings", "PresenceSettings", "RecoverySettings"]

_RECOVERY = ConnectionStateRecovery()
_DUPLICATES = DuplicateSuppression()
_HISTORY = History([])
_PRESENCE = Presence([])


class RecoverySettings(Section):
    """Clients that lost their connection come back to their id, rooms and data, and get what they missed."""

    enabled: bool = Field(
        default=False,
        description="Whether they do. It costs memory for what is kept, and processor time for each event.",
    )
    max_disconnection_duration: Seconds = Field(
        default=_RECOVERY.max_disconnection_duration, description="Seconds in which a client must be back."
    )
    skip_middlewares: bool = Field(
        default=_RECOVERY.skip_middlewares,
        description="Whether a client that is back is admitted without asking the middleware again.",
    )
    max_packets: int = Field(
        default=_RECOVERY.max_packets,
        ge=1,
        description="Events that are kept, for all clients together. The oldest is forgotten first.",
    )
    max_bytes: int = Field(
        default=_RECOVERY.max_bytes, ge=1, description="Bytes that those events may have together."
    )
    max_sessions: int = Field(
        default=_RECOVERY.max_sessions,
        ge=1,
        description="Clients that may be away at one time. Who is away longest is forgotten first.",
    )

    def options(self) -> ConnectionStateRecovery | None:
        """Return the option of the Server; None for nothing."""
        return ConnectionStateRecovery(**_values(self)) if self.enabled else None


class DuplicateSettings(Section):
    """Packets that clients send again, with the options retries and ackTimeout, run their handlers once."""

    enabled: bool = Field(default=False, description="Whether they do.")
    window: Seconds = Field(
        default=_DUPLICATES.window, description="Seconds for which the answer to a packet is kept."
    )
    id_field: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "Field of an event's last argument, an object, with an id of the packet that is unique among all"
            f" clients: a string of {MIN_ID} to {MAX_ID} characters. Not set: known by content."
        ),
        examples=["packetId"],
    )
    max_packets: int = Field(
        default=_DUPLICATES.max_packets,
        ge=1,
        description="Answers that are kept, for all clients together. The oldest is forgotten first.",
    )
    max_bytes: int = Field(
        default=_DUPLICATES.max_bytes, ge=1, description="Bytes that those answers may have together."
    )

    def options(self) -> DuplicateSuppression | None:
        """Return the option of the Server; None for nothing."""
        return DuplicateSuppression(**_values(self)) if self.enabled else None


class HistorySettings(Section):
    """What was sent to rooms lately, for those who come later."""

    rooms: list[str] = Field(
        default=[],
        description='Rooms that have a history: patterns such as "chat:*", in which "*" is any characters.',
    )
    max_events: int = Field(default=_HISTORY.max_events, ge=1, description="Events that are kept of a room.")
    max_bytes: int = Field(
        default=_HISTORY.max_bytes, ge=1, description="Bytes, roughly, that are kept of a room."
    )
    max_age: Seconds = Field(default=_HISTORY.max_age, description="Seconds for which an event is kept.")
    max_rooms: int = Field(
        default=_HISTORY.max_rooms,
        ge=1,
        description="Rooms whose history is kept. The one that was sent to least recently goes first.",
    )
    replay: int = Field(
        default=_HISTORY.replay,
        ge=0,
        description="Events that a client receives when it enters a room: max_events or fewer.",
    )

    @model_validator(mode="after")
    def _replay_is_kept(self) -> Self:
        if self.replay > self.max_events:
            raise ValueError(f"replay is {self.replay}, expected max_events, {self.max_events}, or less")
        return self

    def options(self, in_namespaces: Mapping[str, Sequence[str]]) -> History | None:
        """Return the option of the Server; None for nothing.

        Args:
            in_namespaces: Rooms of single namespaces, in the place of `rooms`.
        """
        is_used = bool(self.rooms) or any(in_namespaces.values())
        return History(**_values(self), in_namespaces=in_namespaces) if is_used else None


class PresenceSettings(Section):
    """Who is in a room, and news of that for those in the room."""

    rooms: list[str] = Field(
        default=[],
        description='Rooms that tell who is in them: patterns such as "chat:*".',
    )
    info: list[str] = Field(
        default=[],
        description="Keys of a client's session that are told of it, besides its id.",
    )
    max_members: int = Field(
        default=_PRESENCE.max_members, ge=1, description="Members that are listed. All of them are counted."
    )
    announce: bool = Field(
        default=_PRESENCE.announce,
        description="Whether members receive presence_join and presence_leave when others come and go.",
    )
    grace: float = Field(
        default=_PRESENCE.grace,
        ge=0,
        description="Seconds after which it is told that a client has left, if it has not come back.",
    )

    def options(
        self, in_namespaces: Mapping[str, Sequence[str]], info: Mapping[str, Sequence[str]]
    ) -> Presence | None:
        """Return the option of the Server; None for nothing.

        Args:
            in_namespaces: Rooms of single namespaces, in the place of `rooms`.
            info: Further keys of sessions that are told in single namespaces.
        """
        values = {**_values(self), "in_namespaces": in_namespaces, "info_in_namespaces": info}
        return Presence(**values) if self.rooms or any(in_namespaces.values()) else None


def _values(section: Section) -> dict[str, Any]:
    return section.model_dump(exclude={"enabled"})
