"""The ``connect`` and ``disconnect`` handlers of sockets, while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from rtserver.server.flow import Flow
from rtserver.server.hub import Hub
from rtserver.server.ordered_start import HandlerTask
from rtserver.server.runtime import is_suspended
from rtserver.server.socket import Socket

__all__ = ["LifecycleTasks"]


class LifecycleTasks:
    """Starts what lets sockets in and out, and counts what suspends as work of its client.

    Args:
        hub: The shared state.
        flow: Counts the handlers that suspend.
    """

    __slots__ = ("_flow", "_hub")

    def __init__(self, hub: Hub, flow: Flow) -> None:
        self._hub = hub
        self._flow = flow

    def start(self, socket: Socket, coroutine: Coroutine[Any, Any, None]) -> HandlerTask | None:
        """Run a coroutine for a socket, which begins at once.

        Returns:
            Its task, if it has suspended.
        """
        runtime, spans = self._hub.runtime(), self._hub.spans
        if spans is not None:
            coroutine = spans.lifecycle(socket, coroutine)
        try:
            task = runtime.start(coroutine)
        except asyncio.CancelledError:  # a handler that cancels itself has ended
            return None
        if not is_suspended(task):
            return None
        task.socket = socket
        task.add_done_callback(self._ended)
        runtime.keep(task)
        self._flow.started(socket.client)
        return task  # type: ignore[no-any-return]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        assert isinstance(task, HandlerTask)
        self._flow.ended(task.socket.client)
