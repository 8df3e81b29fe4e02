"""How clients are asked for tokens, and what must be true of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtserver.service.auth.sources import Source

__all__ = ["Expectations", "Manners"]


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must be true of a token, besides its signature.

    Args:
        audiences: It has to be for one of these; whoever it is for, if there are none.
        issuer: Who has to have issued it; anyone if None.
        leeway: Seconds that clocks may differ by.
        required: Claims that it has to have.
    """

    audiences: Sequence[str] = ()
    issuer: str | None = None
    leeway: float = 30
    required: Sequence[str] = ("exp",)


@dataclass(frozen=True, slots=True)
class Manners:
    """How clients are asked.

    Args:
        sources: Where a token is looked for.
        name: What it is called there.
        user: The claim that names the user: a new token has to have the same.
        refresh_before: Seconds before its token expires that a client is asked for a new one.
        refresh_event: The event that asks for it.
        connections: How many clients of one user may be in a namespace; None for any number.
    """

    sources: Sequence[Source] = ("auth", "header")
    name: str = "token"
    user: str = "sub"
    refresh_before: float = 30
    refresh_event: str = "token_refresh"
    connections: int | None = None
