"""What the API understands: one model for each command. The OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from rtserver.server.interface.backend import RESERVED, event_args
from rtserver.service.api.keys import Scope

__all__ = [
    "LONGEST_WAIT",
    "Batch",
    "Command",
    "Disconnect",
    "Emit",
    "GetHistory",
    "GetPresence",
    "Join",
    "Leave",
    "ListSockets",
    "Recipients",
    "Some",
]

LONGEST_WAIT = 60.0
"""Seconds that a request may wait for acknowledgments, those of a batch taken together."""
MOST_COMMANDS = 100
MOST_LISTED = 1000


def _not_reserved(event: str) -> str:
    event_args(event, ())
    return event


Name = Annotated[str, Field(min_length=1, max_length=1000)]
EventName = Annotated[
    str,
    Field(min_length=1, max_length=1000, json_schema_extra={"not": {"enum": sorted(RESERVED)}}),
    AfterValidator(_not_reserved),
]
Rooms = Annotated[list[Name], Field(min_length=1, description="The rooms.", examples=[["lobby"]])]
Namespace = Annotated[
    str, Field(pattern="^/", max_length=1000, description="The namespace, with its slash.", examples=["/"])
]


class Request(BaseModel):
    """What comes from a backend."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Some(Request):
    """Clients, by any of these. Who is meant more than once counts once; an empty list is nobody."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    rooms: list[Name] = Field(default=[], description="Who is in one of these rooms.", examples=[["lobby"]])
    users: list[Name] = Field(
        default=[],
        description="Whose user this is: who is in the room that the setting api.user_room names.",
        examples=[["ada"]],
    )
    sockets: list[Name] = Field(
        default=[], description="Single connections, by their ids.", examples=[["M2nQ4cVQ9mMuRMJyAAAB"]]
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError('expected rooms, users or sockets; everyone is "all"')
        return self


def _kind(value: Any) -> str:
    return "some" if isinstance(value, (dict, Some)) else "all"


def _everyone(value: Any) -> Any:
    if value != "all":
        raise ValueError('expected "all", or an object with rooms, users or sockets')
    return value


Everyone = Annotated[Literal["all"], BeforeValidator(_everyone)]
Recipients = Annotated[Annotated[Everyone, Tag("all")] | Annotated[Some, Tag("some")], Discriminator(_kind)]
"""Who is meant: everyone in the namespace, or some."""
Except = Annotated[Some | None, Field(alias="except", description="Who of them isn't meant.")]


class Command(Request):
    """What one key's scope is about, in one namespace."""

    scope: ClassVar[Scope]

    namespace: Namespace = "/"


class Emit(Command):
    """Send an event."""

    scope: ClassVar[Scope] = "emit"

    to: Recipients = Field(description='Who receives it: "all", or some.', examples=["all"])
    except_: Except = None
    event: EventName = Field(description="Its name.", examples=["news"])
    args: list[Any] = Field(
        default=[],
        description='Its arguments, one after another. {"$bytes": "AQI="} stands for bytes, in base64.',
        examples=[[{"title": "Hello"}]],
    )
    volatile: bool = Field(
        default=False, description="Whether clients that aren't ready for it go without, instead of later."
    )
    ack_timeout: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for the clients' acknowledgments. Not set: none is asked for.",
        examples=[5],
    )


class Join(Command):
    """Put clients into rooms."""

    scope: ClassVar[Scope] = "join"

    clients: Recipients = Field(description='Who: "all", or some.', examples=[{"users": ["ada"]}])
    except_: Except = None
    rooms: Rooms


class Leave(Command):
    """Take clients out of rooms."""

    scope: ClassVar[Scope] = "leave"

    clients: Recipients = Field(description='Who: "all", or some.', examples=[{"users": ["ada"]}])
    except_: Except = None
    rooms: Rooms


class Disconnect(Command):
    """Disconnect clients from the namespace."""

    scope: ClassVar[Scope] = "disconnect"

    clients: Recipients = Field(description='Who: "all", or some.', examples=[{"users": ["eve"]}])
    except_: Except = None
    close: bool = Field(
        default=False, description="Whether their connections are closed, with all their namespaces."
    )


class ListSockets(Command):
    """List clients, in the order of their ids."""

    scope: ClassVar[Scope] = "sockets"

    clients: Recipients = Field(default="all", description='Who: "all", or some.', examples=["all"])
    except_: Except = None
    limit: int = Field(default=100, ge=1, le=MOST_LISTED, description="How many are listed at most.")
    after: str | None = Field(
        default=None, description="The id after which the list begins: the next of the answer before."
    )


class GetPresence(Command):
    """Tell who is in a room. The setting presence.rooms must name it."""

    scope: ClassVar[Scope] = "presence"

    room: Name = Field(description="The room.", examples=["lobby"])


class GetHistory(Command):
    """Return what was sent to a room lately, the oldest first. The setting history.rooms must name it."""

    scope: ClassVar[Scope] = "history"

    room: Name = Field(description="The room.", examples=["lobby"])
    limit: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many events at most, the newest. Not set: all that are kept.",
    )
    since: str | None = Field(
        default=None, max_length=1000, description="The id of the last event that is known already."
    )


class EmitInBatch(Emit):
    """Send an event, as a part of a batch."""

    command: Literal["emit"]


class JoinInBatch(Join):
    """Put clients into rooms, as a part of a batch."""

    command: Literal["join"]


class LeaveInBatch(Leave):
    """Take clients out of rooms, as a part of a batch."""

    command: Literal["leave"]


class DisconnectInBatch(Disconnect):
    """Disconnect clients, as a part of a batch."""

    command: Literal["disconnect"]


class Batch(Request):
    """Several commands that change something, done one after another."""

    commands: list[
        Annotated[
            EmitInBatch | JoinInBatch | LeaveInBatch | DisconnectInBatch, Field(discriminator="command")
        ]
    ] = Field(
        min_length=1,
        max_length=MOST_COMMANDS,
        description="The commands, each with its name. Nothing is done unless all of them are valid.",
        examples=[[{"command": "emit", "to": "all", "event": "news", "args": ["Hello"]}]],
    )

    @model_validator(mode="after")
    def _ends_in_time(self) -> Self:
        waits = sum(each.ack_timeout or 0 for each in self.commands if isinstance(each, Emit))
        if waits > LONGEST_WAIT:
            raise ValueError(
                f"received ack_timeout of {waits:g} seconds in all, expected {LONGEST_WAIT:g} at most"
            )
        return self
