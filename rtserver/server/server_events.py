"""Events that the servers of a cluster send each other, and who handles them here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rtserver.server.handlers import is_coroutine_function
from rtserver.server.hub import Hub
from rtserver.server.runtime import is_suspended

__all__ = ["ServerEvents"]


class ServerEvents:
    """The handlers, one for each event of a namespace.

    Args:
        hub: The shared state.
    """

    __slots__ = ("_handlers", "_hub")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._handlers: dict[tuple[str, str], tuple[Callable[..., Any], bool]] = {}

    def add(self, namespace: str, event: str, function: Callable[..., Any]) -> None:
        """Register `function`, in the place of an earlier one for the same event.

        The events come whether or not a client is in the namespace.
        """
        self._hub.keep(namespace)
        self._handlers[namespace, event] = function, is_coroutine_function(function)

    def call(self, namespace: str, args: Sequence[Any]) -> Awaitable[Sequence[Any] | None] | None:
        """Call the handler of an event, at once.

        Args:
            namespace: The namespace.
            args: The event's name, then its arguments.

        Returns:
            What gives the arguments of the answer, or None if the handler fails; None where there is no
            handler. The handler runs whether or not that is awaited.
        """
        handler = self._handlers.get((namespace, args[0]))
        if handler is None:
            return None
        runtime = self._hub.runtime()
        answer = runtime.start(self._answer(namespace, args, *handler))
        if is_suspended(answer):
            runtime.keep(answer)
            return answer  # type: ignore[no-any-return]
        done = runtime.loop.create_future()
        done.set_result(answer)
        return done

    async def _answer(
        self, namespace: str, args: Sequence[Any], function: Callable[..., Any], is_async: bool
    ) -> Sequence[Any] | None:
        event, *rest = args
        try:
            result = function(*rest)
            if is_async:
                result = await result
        except Exception:
            self._hub.counters.handler_errors += 1
            self._hub.logger.exception(
                "the handler of %r, sent by another server, failed in namespace %s", event, namespace
            )
            return None
        if result is None:
            return ()
        return result if isinstance(result, tuple) else (result,)
