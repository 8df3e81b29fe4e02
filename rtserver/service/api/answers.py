"""What the API answers: one model for each kind of answer. The OpenAPI document is made from them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Acks",
    "Answer",
    "BatchAnswer",
    "Done",
    "EmitAnswer",
    "ErrorAnswer",
    "Failed",
    "HistoryAnswer",
    "PresenceAnswer",
    "RoomEvent",
    "SocketInfo",
    "SocketsAnswer",
    "Succeeded",
]

_MISSING = "Nodes of the cluster that didn't answer in time, by their ids: what they know is missing here."


class Answer(BaseModel):
    """What a backend gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Done(Answer):
    """It was done at every node of the cluster."""

    missing_nodes: list[str] = Field(
        description="Nodes that haven't confirmed it in time, by their ids: it may not be done there."
    )


class Acks(Answer):
    """What clients have acknowledged an event with."""

    answers: list[Any] = Field(
        description="The argument of each client's acknowledgment: null for none, an array for several."
    )
    missing_clients: int = Field(description="How many clients didn't acknowledge it in time, or left.")
    missing_nodes: list[str] = Field(description=_MISSING)


class EmitAnswer(Answer):
    """The event was sent."""

    in_touch: bool = Field(
        description="Whether this node is in touch with the others. If not, they get it when it is again, if"
        " at all."
    )
    acks: Acks | None = Field(description="What clients answered, where ack_timeout has asked for that.")


class SocketInfo(Answer):
    """One connection of a client to one namespace."""

    id: str = Field(description="Its id.")
    rooms: list[str] = Field(description="The rooms that it is in, without the one that bears its id.")
    address: str = Field(description="The client's address.")
    connected_at: float = Field(description="When it was opened, in seconds since 1970.")
    info: dict[str, Any] = Field(description="What the setting api.info names of its session.")


class SocketsAnswer(Answer):
    """Clients, in the order of their ids."""

    sockets: list[SocketInfo] = Field(description="The clients.")
    count: int = Field(description="How many there are, listed here or not.")
    next: str | None = Field(description="What to ask for as after, to get the others; null at the end.")
    missing_nodes: list[str] = Field(description=_MISSING)


class PresenceAnswer(Answer):
    """Who is in a room."""

    members: dict[str, dict[str, Any]] = Field(
        description="What the setting presence.info names of each member, by its id."
    )
    count: int = Field(description="How many there are, listed here or not.")
    missing_nodes: list[str] = Field(description=_MISSING)


class RoomEvent(Answer):
    """An event that was sent to a room."""

    id: str = Field(description="What to ask for as since, to get what came after it.")
    event: str = Field(description="Its name.")
    args: list[Any] = Field(description="Its arguments.")
    time: float = Field(description="When it was sent, in seconds since 1970.")


class HistoryAnswer(Answer):
    """What was sent to a room lately."""

    events: list[RoomEvent] = Field(description="The events, the oldest first.")
    complete: bool = Field(description="False where events after since are missing.")


class ErrorAnswer(Answer):
    """What is wrong."""

    code: str = Field(description="For programs.", examples=["invalid_request"])
    message: str = Field(description="What was received, what was expected, what to do.")


class Succeeded(Answer):
    """A command of a batch that was done."""

    status: int = Field(description="200.", ge=200, le=200)
    answer: EmitAnswer | Done = Field(description="What it would have been answered with alone.")


class Failed(Answer):
    """A command of a batch that failed. Those after it were done all the same."""

    status: int = Field(description="The HTTP status that it would have had alone.", ge=400, le=599)
    error: ErrorAnswer = Field(description="What is wrong.")


class BatchAnswer(Answer):
    """What became of the commands."""

    results: list[Succeeded | Failed] = Field(description="One for each command, in their order.")
