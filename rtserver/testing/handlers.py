"""Handlers of a test client, for what the server sends and asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from rtserver.testing.connection import Connection
from rtserver.testing.events import Event

__all__ = ["Handlers"]

Answer = Callable[[Any], None]
"""Sends what a handler has returned."""


class Handlers:
    """The handlers of one namespace. What they raise, the connection keeps for the test.

    Args:
        connection: The client's connection.
    """

    __slots__ = ("_connection", "_functions")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._functions: dict[str, Callable[..., Any]] = {}

    def add(self, event: str, function: Callable[..., Any]) -> None:
        """Let a function, plain or an ``async def``, handle an event."""
        self._functions[event] = function

    def handle(self, event: Event, answer: Answer) -> bool:
        """Call the handler of an event. Returns False if there is none."""
        function = self._functions.get(event.name)
        if function is None:
            return False
        try:
            result = function(*event.args)
            if isawaitable(result):
                self._connection.run(self._finish(result, answer))
            else:
                answer(result)
        except Exception as error:  # noqa: BLE001 - the test's next step raises it
            self._connection.failed(error)
        return True

    async def _finish(self, result: Awaitable[Any], answer: Answer) -> None:
        try:
            answer(await result)
        except Exception as error:  # noqa: BLE001 - the test's next step raises it
            self._connection.failed(error)
