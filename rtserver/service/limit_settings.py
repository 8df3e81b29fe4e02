"""The table of the config file about how much clients may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rtserver.server.event_limits import EventLimits
from rtserver.service.section import Section
from rtserver.transport.gate import GateLimits

__all__ = ["LimitSettings"]

_GATE = GateLimits()
_EVENTS = EventLimits()

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class LimitSettings(Section):
    """How much clients may do, each process for itself (docs/limits.md). What isn't set isn't limited."""

    connections: Count | None = Field(
        default=None, description="Clients in all; others are told to try again.", examples=[50_000]
    )
    connections_per_address: Count | None = Field(
        default=None,
        description="Clients from one address. Behind a proxy, set engine.trusted_proxies.",
        examples=[100],
    )
    connections_per_user: Count | None = Field(
        default=None,
        description="Clients of one user in one namespace: of tokens with the same claim auth.user.",
        examples=[20],
    )
    handshakes_per_second: Rate | None = Field(
        default=None, description="New clients from one address, on average.", examples=[5]
    )
    handshakes_burst: Count = Field(
        default=_GATE.handshakes_burst, description="How many of them may come at once."
    )
    events_per_second: Rate | None = Field(
        default=None,
        description="Packets of one client, on average. Events over the limit are left out.",
        examples=[50],
    )
    events_burst: Count = Field(
        default=_EVENTS.events_burst, description="How many of them may come at once."
    )
    bytes_per_second: Rate | None = Field(
        default=None, description="Bytes of one client's packets, on average.", examples=[100_000]
    )
    bytes_burst: Count = Field(default=_EVENTS.bytes_burst, description="How many of them may come at once.")
    tolerance: int = Field(
        default=_EVENTS.tolerance,
        ge=0,
        description="Packets over these limits, one after another, until a client is disconnected.",
    )

    def gate(self) -> GateLimits | None:
        """Return what is limited of connections; None for nothing."""
        limits = GateLimits(
            self.connections, self.connections_per_address, self.handshakes_per_second, self.handshakes_burst
        )
        limited = (limits.connections, limits.connections_per_address, limits.handshakes_per_second)
        return None if limited == (None, None, None) else limits

    def events(self) -> EventLimits | None:
        """Return what is limited of events; None for nothing."""
        if self.events_per_second is None and self.bytes_per_second is None:
            return None
        return EventLimits(
            self.events_per_second, self.events_burst, self.bytes_per_second, self.bytes_burst, self.tolerance
        )
