"""What is chosen of tracing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import util
from typing import TYPE_CHECKING, Literal

from rtserver.errors import StartError

if TYPE_CHECKING:
    from rtserver.server.socket import Socket
    from rtserver.server.spans import Spans

__all__ = ["Place", "Tracing", "make_spans", "missing"]

Place = Literal["headers", "auth"]
"""Where a client may say which trace it belongs to: in the headers of its handshake, or in its auth."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """How a server makes spans.

    Args:
        traceparent: Where a client's trace is looked for, in this order. Empty: clients aren't believed.
        one_trace: Whether a client's events belong to that trace, too. Otherwise each begins one of its own,
            with a link to the client's: connections live long, and a trace with all of their events grows
            without an end.

    Raises:
        ValueError: There is no such place.
    """

    traceparent: tuple[Place, ...] = ("headers", "auth")
    one_trace: bool = False

    def __post_init__(self) -> None:
        """Check the places."""
        for place in self.traceparent:
            if place not in ("headers", "auth"):
                raise ValueError(f"traceparent: received {place!r}, expected 'headers' or 'auth'")


def missing() -> str | None:
    """Say what has to be installed for spans to be made; None if nothing has to."""
    try:
        found = util.find_spec("opentelemetry.trace")
    except ModuleNotFoundError:
        found = None
    return None if found else "opentelemetry-api isn't installed: pip install 'rtserver[tracing]'"


def make_spans(options: Tracing, find: Callable[[str, str], Socket | None]) -> Spans:
    """Return what makes spans.

    Args:
        options: How.
        find: Returns the socket of a namespace and a sid.

    Raises:
        StartError: OpenTelemetry isn't installed.
    """
    if (problem := missing()) is not None:
        raise StartError(f"tracing: {problem}")
    from rtserver.tracing.spans import HandlerSpans  # noqa: PLC0415 - not everyone has it

    return HandlerSpans(options, find)
