"""The manager of a server that is alone: every client is connected here."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from socketio.exceptions import TimeoutError as NoAnswer

from rtserver.server.acks import AckCallback
from rtserver.server.manager import LocalSink
from rtserver.server.namespace import Room

__all__ = ["MemoryManager"]


class MemoryManager:
    """Delivers straight to the server's own clients. It implements `rtserver.server.manager.Manager`."""

    __slots__ = ("_sink",)

    def __init__(self) -> None:
        self._sink: LocalSink

    def attach(self, sink: LocalSink) -> None:
        """Learn whose manager this is."""
        self._sink = sink

    def start(self) -> None:
        """Begin. There is nothing to begin."""

    def emit(
        self,
        namespace: str,
        args: Sequence[Any],
        rooms: Sequence[Room] = (),
        except_rooms: Sequence[Room] = (),
        ack: AckCallback | None = None,
    ) -> None:
        """Send an event to those clients that it is for."""
        self._sink.emit(namespace, args, rooms, except_rooms, ack)

    async def call(
        self,
        namespace: str,
        args: Sequence[Any],
        sid: str,
        timeout: float | None,  # noqa: ASYNC109 - the Protocol's
    ) -> Sequence[Any]:
        """Fail at once: a client that isn't connected here can't answer.

        Raises:
            socketio.exceptions.TimeoutError: Always.
        """
        raise NoAnswer(f"no client {sid!r} is connected to namespace {namespace!r}")

    def enter_room(self, namespace: str, sid: str, room: Room) -> None:
        """Fail: the client isn't connected here, so it isn't connected.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{sid!r} can't enter room {room!r}: it is not connected to namespace {namespace!r}")

    def leave_room(self, namespace: str, sid: str, room: Room) -> None:
        """Do nothing: who isn't connected is in no room."""

    def close_room(self, namespace: str, room: Room) -> None:
        """Take every client out of a room."""
        self._sink.close_room(namespace, room)

    def disconnect(self, namespace: str, sid: str) -> Awaitable[None] | None:
        """Do nothing: the client isn't connected."""

    def close(self) -> None:
        """End. There is nothing to end."""
