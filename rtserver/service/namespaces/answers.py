"""What a declared namespace acknowledges events with: an object, with ``ok``, or ``code`` and ``message``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rtserver.errors import EventRefused

__all__ = ["OK", "Answer", "refusal", "shown"]

Answer = Mapping[str, Any]

OK: Final[Answer] = {"ok": True}
"""It was done, and there is nothing else to say."""


def refusal(code: str, message: str, **more: Any) -> EventRefused:
    """Return what is raised for an event that isn't done.

    Args:
        code: Why, for the client's program.
        message: What was received, what was expected and what to do.
        more: What else the program is told.
    """
    return EventRefused({"code": code, "message": message, **more})


def shown(value: object) -> str:
    """Return what a client sent as it is shown to it: cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "…"
