"""Which trace a client says that it belongs to: by W3C Trace Context, or as the process is set up for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link

from rtserver.server.socket import Socket
from rtserver.tracing.options import Tracing

__all__ = ["Parents"]

_LONGEST: Final = 8192
"""Characters of a value that is looked at: the limit of W3C Baggage, the longest of them."""


class Parents:
    """Finds the traces of clients.

    Args:
        options: Where they may be named, and what belongs to them.
    """

    __slots__ = ("_options",)

    def __init__(self, options: Tracing) -> None:
        self._options = options

    def of_client(self, socket: Socket) -> Context:
        """Return the context that a client's connection goes on with; an empty one if it names none."""
        carrier: dict[str, str] = {}
        for place in self._options.traceparent:
            carrier = _carried(socket, place == "headers")
            if carrier:
                break
        return propagate.extract(carrier, Context())

    def of_event(self, socket: Socket | None) -> tuple[Context, list[Link]]:
        """Return the context that an event of a client goes on with, and what it is linked to."""
        if socket is None:
            return Context(), []
        context = self.of_client(socket)
        if self._options.one_trace:
            return context, []
        client = trace.get_current_span(context).get_span_context()
        return Context(), [Link(client)] if client.is_valid else []


def _carried(socket: Socket, in_headers: bool) -> dict[str, str]:
    """Return the fields that name a trace."""
    source: Any = socket.client.session.handshake if in_headers else socket.auth
    if in_headers:
        values = {name: source.header(name) for name in propagate.get_global_textmap().fields}
    elif isinstance(source, Mapping):
        values = {name: source.get(name) for name in propagate.get_global_textmap().fields}
    else:
        return {}
    return {
        name: value for name, value in values.items() if isinstance(value, str) and len(value) <= _LONGEST
    }
