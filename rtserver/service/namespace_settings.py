"""The tables of the config file about namespaces that need no application."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from rtserver.service.limit_settings import Count, Rate
from rtserver.service.namespaces.declaration import Declaration, Event
from rtserver.service.namespaces.pattern import RoomPattern, parse_pattern
from rtserver.service.namespaces.rate import EventRate
from rtserver.service.section import Section
from rtserver.service.setting_types import Expected

__all__ = ["EventSettings", "NamespaceLimitSettings", "NamespaceSettings", "check_namespaces"]

_DECLARATION = Declaration("/")


def _name(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", value):
        raise ValueError
    return value


def _pattern(value: str) -> str:
    parse_pattern(value)
    return value


def _fixed(value: str) -> str:
    parse_pattern(value, is_open=False)
    return value


NamespaceName = Annotated[
    str, AfterValidator(_name), Expected('"/", or "/" before letters, digits and . _ ~ - /')
]
Room = Annotated[str, AfterValidator(_fixed), Expected('a room, such as "lobby" or "user:{sub}"')]
Rooms = Annotated[str, AfterValidator(_pattern), Expected('a pattern of rooms, such as "chat:*"')]
Filled = Annotated[str, Field(min_length=1)]


class NamespaceLimitSettings(Section):
    """How much clients may do in this namespace."""

    rooms: Count = Field(
        default=_DECLARATION.max_rooms, description="Rooms that a client may be in, besides its own."
    )
    clients: Count | None = Field(
        default=None, description="Clients that may be in it, each process for itself.", examples=[10_000]
    )
    events_per_second: Rate | None = Field(
        default=None,
        description="Events of one client, on average. Those over the limit are refused.",
        examples=[5],
    )
    events_burst: Count = Field(default=20, description="How many of them may come at once.")

    def rate(self) -> EventRate | None:
        """Return how many events a client may send; None for any number."""
        per_second = self.events_per_second
        return None if per_second is None else EventRate(per_second, self.events_burst)


class EventSettings(Section):
    """An event that clients may send to this namespace. Repeat the table for more; others are refused."""

    name: Filled = Field(
        description='Its name. "*", where the backend answers it: every event that isn\'t declared.',
        examples=["message"],
    )
    relay: list[Rooms] = Field(
        default=[],
        description='Rooms that it goes to: "lobby", "team:{team}" by the sender\'s claim, or "chat:*", where'
        " the event's first argument names the room.",
        examples=[["chat:*"]],
    )
    members_only: bool = Field(default=True, description="Whether only who is in a room may send to it.")
    to_sender: bool = Field(
        default=False, description="Whether its sender receives it, too, when it is in the room."
    )
    volatile: bool = Field(
        default=False, description="Whether clients that aren't ready for it go without, as for cursors."
    )
    backend: bool = Field(
        default=False, description="Whether the backend of [webhooks] answers it, and nothing is relayed."
    )


class NamespaceSettings(Section):
    """A namespace that needs no application (docs/declared-namespaces.md). Repeat the table for more."""

    name: NamespaceName = Field(description="Its name.", examples=["/work"])
    join: list[Room] = Field(
        default=[],
        description='Rooms that each client is in. "user:{sub}": by a claim of its token or from the backend;'
        " one that is a list gives a room for each.",
        examples=[["user:{sub}"]],
    )
    may_join: list[Rooms] = Field(
        default=[],
        description='Rooms that a client may enter, with the event join. "chat:*": it chooses what is for *.',
        examples=[["chat:*"]],
    )
    may_leave: list[Rooms] | None = Field(
        default=None,
        description="Rooms that it may leave, with the event leave. Not set: those of may_join.",
        examples=[["chat:*"]],
    )
    public: list[Filled] = Field(
        default=[],
        description="Claims of a client that others are told: in an object before the arguments of each event"
        " that is relayed, and in presence.",
        examples=[["sub", "name"]],
    )
    history: list[Filled] | None = Field(
        default=None,
        description="Rooms that have a history here, in the place of history.rooms. []: none has.",
        examples=[["chat:*"]],
    )
    presence: list[Filled] | None = Field(
        default=None,
        description="Rooms that tell who is in them, in the place of presence.rooms. []: none does.",
        examples=[["chat:*"]],
    )
    backend: bool = Field(
        default=False,
        description="Whether the backend of [webhooks] decides who is let in, with which claims and rooms.",
    )
    limits: NamespaceLimitSettings = NamespaceLimitSettings()
    events: list[EventSettings] = Field(default=[], description="Events that clients may send.")

    @model_validator(mode="after")
    def _no_event_twice(self) -> Self:
        names = [event.name for event in self.events]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'events: received "{name}" {names.count(name)} times, expected it once')
        return self

    def declaration(self) -> Declaration:
        """Return what is declared."""
        may_join = _patterns(self.may_join)
        return Declaration(
            self.name,
            join=_patterns(self.join),
            may_join=may_join,
            may_leave=may_join if self.may_leave is None else _patterns(self.may_leave),
            public=tuple(self.public),
            backend=self.backend,
            events={
                each.name: Event(
                    each.name,
                    _patterns(each.relay),
                    members_only=each.members_only,
                    to_sender=each.to_sender,
                    volatile=each.volatile,
                    backend=each.backend,
                )
                for each in self.events
            },
            max_rooms=self.limits.rooms,
            max_clients=self.limits.clients,
            rate=self.limits.rate(),
        )


def check_namespaces(
    namespaces: Sequence[NamespaceSettings],
    *,
    tokens: Sequence[str],
    has_backend: bool,
    answered: Sequence[str],
    others_join: bool,
    refresh_event: str,
) -> None:
    """Look for what is contradictory in declared namespaces.

    Args:
        namespaces: The namespaces.
        tokens: The namespaces whose clients need a token; "*" for all.
        has_backend: Whether there is a backend.
        answered: The namespaces that the backend is asked about by name.
        others_join: Whether something else puts clients into rooms: an application, say.
        refresh_event: The event by which clients are asked for a new token.

    Raises:
        ValueError: There is something; it is told what, and where.
    """
    names = [each.name for each in namespaces]
    for each in namespaces:
        label = f'namespaces: "{each.name}"'
        if names.count(each.name) > 1:
            raise ValueError(f"{label} is declared {names.count(each.name)} times, expected it once")
        if each.name in answered:
            raise ValueError(
                f"{label} is in webhooks.namespaces as well, expected it here alone: backend = true lets the"
                " backend decide about its clients, and about events"
            )
        declaration = each.declaration()
        asks_backend = each.backend or any(event.backend for event in each.events)
        if asks_backend and not has_backend:
            raise ValueError(
                f"{label} has backend = true, expected webhooks.url, the backend's address, as well"
            )
        has_claims = each.backend or each.name in tokens or "*" in tokens
        if not has_claims and (claim := next(declaration.claims, None)):
            raise ValueError(
                f'{label} has the claim "{claim}", and its clients have none: name the namespace in'
                " auth.namespaces, or set backend = true"
            )
        if refresh_event in declaration.events:
            raise ValueError(
                f'{label}: the event "{refresh_event}" can\'t be declared: clients answer it with their'
                " tokens, see auth.refresh_event"
            )
        for contradiction in declaration.contradictions(others_join or asks_backend):
            raise ValueError(f"{label}: {contradiction}")


def _patterns(texts: Sequence[str]) -> tuple[RoomPattern, ...]:
    return tuple(map(parse_pattern, texts))
