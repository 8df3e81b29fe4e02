"""Events from server to server: what a server and its namespaces offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from rtserver.server.answers import Answers
from rtserver.server.interface.backend import event_args
from rtserver.server.interface.operator import Chain
from rtserver.server.membership import done

__all__ = ["ServerSide"]

Function = TypeVar("Function", bound=Callable[..., Any])


class ServerSide(Chain):
    """The methods that concern the servers of the cluster themselves, not their clients."""

    __slots__ = ()

    @overload
    def on_server_event(self, event: str, handler: None = None) -> Callable[[Function], Function]: ...

    @overload
    def on_server_event(self, event: str, handler: Callable[..., Any]) -> None: ...

    def on_server_event(self, event: str, handler: Callable[..., Any] | None = None) -> Any:
        """Handle an event that another server emits with `server_side_emit`.

        Args:
            event: The event's name.
            handler: An ``async def`` or a plain function, called with the event's arguments. What it
                returns is its answer. Without it, a decorator is returned.
        """
        operator = self._operator()

        def register(function: Function) -> Function:
            operator.backend.server_events.add(operator.namespace, event, function)
            return function

        if handler is None:
            return register
        register(handler)
        return None

    async def server_side_emit(self, event: str, *args: Any) -> None:
        """Emit an event to the other servers of the cluster: not to this one, and to no client.

        Args:
            event: Its name.
            args: Its arguments.

        Raises:
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet = event_args(event, args)
        await done(operator.backend.manager.server_side_emit(operator.namespace, packet))

    async def server_side_emit_with_ack(
        self,
        event: str,
        *args: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the manager keeps it
    ) -> Answers:
        """Emit an event to the other servers of the cluster, and wait for their answers.

        Args:
            event: Its name.
            args: Its arguments.
            timeout: Seconds that the servers have; what the manager gives them if omitted, 5 by default.

        Returns:
            The answers, and in ``silent`` the servers that gave none: being late raises nothing.

        Raises:
            ValueError: The name is reserved.
        """
        operator = self._operator()
        packet = event_args(event, args)
        manager = operator.backend.manager
        seconds = manager.request_timeout if timeout is None else timeout
        return await manager.server_side_ask(operator.namespace, packet, seconds)
