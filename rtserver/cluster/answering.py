"""What a server answers the others of its cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from rtserver.cluster.bus import Bus
from rtserver.cluster.message import (
    Kind,
    Message,
    describe,
    describe_answer,
    event_of,
    target_of,
)
from rtserver.cluster.tasks import Tasks
from rtserver.server.answers import unpack
from rtserver.server.manager import LocalSink
from rtserver.server.target import Flags, Target

__all__ = ["ACK_TIMEOUT", "Answering"]

ACK_TIMEOUT: Final = 60.0
"""Seconds that clients of other servers have where the application sets no time-out."""


class Answering:
    """Answers their questions.

    Args:
        bus: What carries the messages.
        sink: This server's clients.
        tasks: What runs until there is an answer.
    """

    __slots__ = ("_bus", "_sink", "_tasks", "receivers")

    def __init__(self, bus: Bus, sink: LocalSink, tasks: Tasks) -> None:
        self._bus = bus
        self._sink = sink
        self._tasks = tasks
        self.receivers: Mapping[Kind, Callable[[Message], None]] = {
            Kind.FETCH: self._fetch,
            Kind.SERVER_SIDE_EMIT: self._server_side_emit,
            Kind.ALL_ROOMS: self._all_rooms,
            Kind.SIDS: self._sids,
        }
        """What takes the questions, but those to clients."""

    def ask(
        self, message: Message, target: Target, args: Sequence[Any], flags: Flags, seconds: float | None
    ) -> None:
        """Ask the clients here, as another server asks those of all.

        Args:
            message: Its message.
            target: Which clients.
            args: The event's name, then its arguments.
            flags: How it is delivered.
            seconds: Seconds that the clients have; None where that isn't said.
        """

        def answered(answer: Any) -> None:
            self._reply(message, Kind.CLIENT_ANSWER, describe_answer(answer))

        inquiry = self._sink.ask(target, args, flags, answered)
        self._reply(message, Kind.CLIENT_COUNT, {"clientCount": inquiry.count})
        self._tasks.keep(inquiry.collect(ACK_TIMEOUT if seconds is None else seconds))

    def confirm(self, message: Message, target: Target) -> None:
        """Tell an older server that the client in question is here."""
        if "requestId" in message.data and self._sink.details(target):
            self._reply(message, Kind.DONE, {})

    def _all_rooms(self, message: Message) -> None:
        details = self._sink.details(Target(message.namespace))
        rooms = dict.fromkeys(room for each in details for room in each.rooms)
        self._reply(message, Kind.ALL_ROOMS_ANSWER, {"rooms": list(rooms)})

    def _sids(self, message: Message) -> None:
        details = self._sink.details(target_of(message.namespace, message.data.get("opts")))
        self._reply(message, Kind.SIDS_ANSWER, {"sockets": [each.sid for each in details]})

    def _fetch(self, message: Message) -> None:
        details = self._sink.details(target_of(message.namespace, message.data.get("opts")))
        self._reply(message, Kind.FETCHED, {"sockets": [describe(each) for each in details]})

    def _server_side_emit(self, message: Message) -> None:
        answer = self._sink.server_side(message.namespace, event_of(message.data.get("packet")))
        if answer is not None and "requestId" in message.data:
            self._tasks.keep(self._answer(message, answer))

    async def _answer(self, message: Message, answer: Awaitable[Sequence[Any] | None]) -> None:
        args = await answer
        if args is not None:
            self._reply(message, Kind.SERVER_SIDE_ANSWER, describe_answer(unpack(args)))

    def _reply(self, message: Message, kind: Kind, data: Mapping[str, Any]) -> None:
        data = {"requestId": message.data.get("requestId"), **data}
        self._bus.reply(message.uid, Message(self._bus.uid, message.namespace, kind, data))
