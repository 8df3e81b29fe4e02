"""How many clients may connect, and how quickly, where that is limited.

Addresses are the clients' own, as far as proxies are believed. What is counted is Engine.IO sessions: a
browser on polling has several TCP connections, and one session.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from typing import Final

from rtserver.engineio.request import FORBIDDEN
from rtserver.errors import EngineRequestError

__all__ = ["Gate", "GateLimits"]

MAX_REMEMBERED: Final = 100_000
"""Addresses whose handshakes are remembered. When there are more, those with nothing to remember go."""
RETRY: Final = 10
"""Seconds after which a client may try again that found no place."""
HTTP_TOO_MANY: Final = 429
HTTP_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What is limited; None for what isn't.

    Args:
        connections: Sessions in all.
        connections_per_address: Sessions from one address.
        handshakes_per_second: New sessions from one address, on average.
        handshakes_burst: How many of them may come at once.
    """

    connections: int | None = None
    connections_per_address: int | None = None
    handshakes_per_second: float | None = None
    handshakes_burst: int = 20


class Gate:
    """Counts those who come in and go out.

    Args:
        limits: What is limited.
        now: Returns the time in seconds.
    """

    __slots__ = ("_addresses", "_allowances", "_limits", "_now", "inside", "refused")

    def __init__(self, limits: GateLimits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._addresses: dict[str, int] = {}
        self._allowances: dict[str, tuple[float, float]] = {}
        """How many handshakes an address may make, and when that was so."""
        self.inside = 0
        """Sessions that there are."""
        self.refused = {"connections": 0, "connections_per_address": 0, "handshakes": 0}
        """Requests that were refused, by the limit."""

    def ask(self, address: str) -> None:
        """Ask for a new session.

        Args:
            address: Where the client is.

        Raises:
            EngineRequestError: There are too many.
        """
        address = _network(address)
        self._check(address)
        if self._limits.handshakes_per_second is not None:
            self._shake_hands(address, self._limits.handshakes_per_second)

    def _check(self, address: str) -> None:
        limits = self._limits
        if limits.connections is not None and self.inside >= limits.connections:
            self.refused["connections"] += 1
            raise _refusal(
                f"the server has {limits.connections} clients, the most that it takes",
                HTTP_UNAVAILABLE,
                RETRY,
            )
        most = limits.connections_per_address
        if most is not None and self._addresses.get(address, 0) >= most:
            self.refused["connections_per_address"] += 1
            raise _refusal(
                f"this address has {most} connections, the most that it may have", HTTP_TOO_MANY, RETRY
            )

    def enter(self, address: str) -> None:
        """Count a session that begins, unless others have taken its place since it asked.

        Raises:
            EngineRequestError: There are too many.
        """
        address = _network(address)
        self._check(address)
        self.inside += 1
        if self._limits.connections_per_address is not None:
            self._addresses[address] = self._addresses.get(address, 0) + 1

    def leave(self, address: str) -> None:
        """Count a session that has ended."""
        address = _network(address)
        self.inside -= 1
        left = self._addresses.get(address, 0) - 1
        if left > 0:
            self._addresses[address] = left
        else:
            self._addresses.pop(address, None)

    def _shake_hands(self, address: str, rate: float) -> None:
        now, burst = self._now(), self._limits.handshakes_burst
        allowance, since = self._allowances.get(address, (burst, now))
        allowance = min(burst, allowance + (now - since) * rate) - 1
        if allowance < 0:
            self.refused["handshakes"] += 1
            wait = math.ceil(-allowance / rate)
            raise _refusal(
                f"expected at most {rate:g} new connections a second from one address", HTTP_TOO_MANY, wait
            )
        if len(self._allowances) >= MAX_REMEMBERED:
            self._tidy(now, rate)
        self._allowances[address] = allowance, now

    def _tidy(self, now: float, rate: float) -> None:
        """Forget the addresses that may shake hands as often as any that is new; all if there are none."""
        burst = self._limits.handshakes_burst
        self._allowances = {
            address: (allowance, since)
            for address, (allowance, since) in self._allowances.items()
            if allowance + (now - since) * rate < burst
        }
        if len(self._allowances) >= MAX_REMEMBERED:
            self._allowances.clear()


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """Return what stands for an address: with IPv6 one host has a network of 2^64 addresses to itself."""
    if ":" not in address:
        return address
    return str(ip_network((address.partition("%")[0], 64), strict=False).network_address)


def _refusal(message: str, status: int, seconds: int) -> EngineRequestError:
    headers = {"Retry-After": str(seconds)}
    what = "Too many requests" if status == HTTP_TOO_MANY else "Unavailable"
    return EngineRequestError(FORBIDDEN, f"{what}: {message}; try again in {seconds} s", status, headers)
