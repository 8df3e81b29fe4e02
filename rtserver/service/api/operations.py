"""The operations of the API, in one table: the routes and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from rtserver.service.api.answers import (
    Answer,
    BatchAnswer,
    Done,
    EmitAnswer,
    HistoryAnswer,
    PresenceAnswer,
    SocketsAnswer,
)
from rtserver.service.api.commands import Commands
from rtserver.service.api.requests import (
    Batch,
    Command,
    Disconnect,
    Emit,
    GetHistory,
    GetPresence,
    Join,
    Leave,
    ListSockets,
)

__all__ = ["OPERATIONS", "Operation", "commands_of"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one path is for.

    Args:
        name: The path, after that of the API.
        request: What it understands.
        answer: What it answers.
        run: Does it. Gets a request of that kind.
        errors: HTTP statuses of its own, with their meaning.
        is_change: Whether it changes something: then a repetition of it can be recognised.
    """

    name: str
    request: type[BaseModel]
    answer: type[Answer]
    run: Callable[[Commands, Any], Awaitable[Answer]]
    errors: tuple[tuple[int, str], ...] = ()
    is_change: bool = True


OPERATIONS: Final = (
    Operation("emit", Emit, EmitAnswer, Commands.emit),
    Operation("join", Join, Done, Commands.join),
    Operation("leave", Leave, Done, Commands.leave),
    Operation("disconnect", Disconnect, Done, Commands.disconnect),
    Operation("batch", Batch, BatchAnswer, Commands.batch),
    Operation("sockets", ListSockets, SocketsAnswer, Commands.list_sockets, is_change=False),
    Operation(
        "presence",
        GetPresence,
        PresenceAnswer,
        Commands.presence,
        ((404, "The room has no presence."),),
        is_change=False,
    ),
    Operation(
        "history",
        GetHistory,
        HistoryAnswer,
        Commands.history,
        ((404, "The room has no history."),),
        is_change=False,
    ),
)


def commands_of(request: BaseModel) -> list[Command]:
    """Return the commands that a request consists of: itself, or those of a batch."""
    if isinstance(request, Batch):
        return list(request.commands)
    assert isinstance(request, Command)
    return [request]
