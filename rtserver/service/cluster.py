"""How a server stands with the others of its cluster."""

from __future__ import annotations

from typing import Any

from rtserver.host import Server

__all__ = ["in_touch"]


def in_touch(server: Server) -> bool:
    """Tell whether a server reaches the others, as far as its manager knows; one that is alone does."""
    status: Any = getattr(server.manager, "status", None)
    return status is None or getattr(status(), "connected", True) is not False
