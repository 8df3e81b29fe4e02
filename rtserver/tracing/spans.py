"""Makes spans of what applications do: connects, events, acknowledgments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from importlib import metadata
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind

from rtserver.server.answers import Answers
from rtserver.server.handlers import Found
from rtserver.server.socket import Socket, State
from rtserver.tracing.options import Tracing
from rtserver.tracing.parents import Parents

__all__ = ["EVENT", "NAMESPACE", "SID", "HandlerSpans"]

NAMESPACE = "rtserver.namespace"
EVENT = "rtserver.event"
SID = "rtserver.sid"

Answer = TypeVar("Answer")


class HandlerSpans:
    """Implements `rtserver.server.spans.Spans`.

    Args:
        options: Whose traces they belong to.
        find: Returns the socket of a namespace and a sid.
    """

    __slots__ = ("_find", "_parents", "_tracer")

    def __init__(self, options: Tracing, find: Callable[[str, str], Socket | None]) -> None:
        self._parents = Parents(options)
        self._find = find
        self._tracer = trace.get_tracer("rtserver", metadata.version("rtserver"))

    async def lifecycle(self, socket: Socket, coroutine: Coroutine[Any, Any, None]) -> None:
        """Make a span of what lets a socket in or out, middleware and handlers included."""
        is_leaving = socket.state is State.LEAVING
        name = socket.namespace.name
        if is_leaving:
            context, links = self._parents.of_event(socket)
        else:
            context, links = self._parents.of_client(socket), []
        attributes = {NAMESPACE: name, SID: socket.sid}
        with self._begun("disconnect" if is_leaving else "connect", attributes, context, links) as span:
            await coroutine
            if not is_leaving and socket.state is State.GONE:
                span.set_attribute("rtserver.refused", True)

    def handler(self, found: Found, namespace: str, event: str, is_known: bool) -> Found:
        """Make a span of each call of a handler."""
        function, is_async = found
        name = f"event {event}" if is_known else "event"  # what clients choose has no end

        def begin(sid: str) -> AbstractContextManager[Span]:
            context, links = self._parents.of_event(self._find(namespace, sid))
            return self._begun(name, {NAMESPACE: namespace, EVENT: event, SID: sid}, context, links)

        async def wait(sid: str, *args: Any) -> Any:
            with begin(sid):
                return await function(sid, *args)

        def call(sid: str, *args: Any) -> Any:
            with begin(sid):
                return function(sid, *args)

        return (wait if is_async else call), is_async

    async def ask(self, namespace: str, event: str, answer: Awaitable[Answer]) -> Answer:
        """Make a span of the time until an event is acknowledged, in the trace of whoever asks."""
        attributes = {NAMESPACE: namespace, EVENT: event}
        with self._tracer.start_as_current_span(
            f"ask {event}", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            answered = await answer
            if isinstance(answered, Answers):
                span.set_attribute("rtserver.answers", len(answered))
                span.set_attribute("rtserver.missing", answered.missing_count)
            return answered

    def _begun(
        self, name: str, attributes: dict[str, str], context: Context, links: list[Link]
    ) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(
            name, context, SpanKind.SERVER, attributes=attributes, links=links
        )
