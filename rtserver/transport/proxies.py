"""Where a client is, when its requests come through proxies, and whether its connection is encrypted there.

A proxy writes into ``X-Forwarded-For`` whose request it passes on, and into ``X-Forwarded-Proto`` how it
received that. Anyone can write such headers: they count only as far as the proxies that wrote them are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from rtserver.engineio.request import forbidden
from rtserver.transport.exchange import Exchange

__all__ = ["UNIX", "Proxies"]

UNIX: Final = "unix"
"""Stands for whoever connects through a Unix socket."""


class Proxies:
    """The proxies whose word counts.

    Args:
        trusted: Addresses and networks, such as ``"10.0.0.0/8"``; `UNIX` for a Unix socket.
        secure_only: Whether requests are refused that come unencrypted.

    Raises:
        ValueError: One of them is no network.
    """

    __slots__ = ("_has_unix", "_networks", "_secure_only")

    def __init__(self, trusted: Sequence[str], secure_only: bool) -> None:
        self._has_unix = UNIX in trusted
        try:
            self._networks = [ip_network(each) for each in trusted if each != UNIX]
        except ValueError as error:
            raise ValueError(
                f'trusted_proxies: {error}; expected addresses, networks such as "10.0.0.0/8", or "{UNIX}"'
            ) from None
        self._secure_only = secure_only

    def resolve(self, exchange: Exchange) -> None:
        """Put the client's own address into its request, and whether its connection is encrypted.

        Raises:
            EngineRequestError: It isn't, and has to be.
        """
        if self._trusts(exchange.remote[0]):
            claimed = ",".join(exchange.headers.getall("X-Forwarded-For", ()))
            if claimed:
                exchange.remote = self._client(claimed, exchange.remote)
            scheme = ",".join(exchange.headers.getall("X-Forwarded-Proto", ()))
            if scheme:
                exchange.secure = _last(scheme).lower() in {"https", "wss"}
        if self._secure_only and not exchange.secure:
            raise forbidden("received an unencrypted request, expected https:// or wss://")

    def _client(self, claimed: str, remote: tuple[str, int]) -> tuple[str, int]:
        """Go from the nearest proxy outward, as far as the one that told is trusted.

        Args:
            claimed: The value of ``X-Forwarded-For``: each proxy has added at the end whom it heard.
            remote: Who the connection is from.
        """
        for each in reversed(claimed.split(",")):
            named = _parse(each)
            if named is None:  # what isn't an address was told by a trusted proxy, but tells nothing
                break
            remote = named
            if not self._trusts(named[0]):
                break
        return remote

    def _trusts(self, host: str) -> bool:
        try:
            address = _address(host)
        except ValueError:
            return self._has_unix  # a path, or the empty name of a client's Unix socket
        return any(address in network for network in self._networks)


def _parse(value: str) -> tuple[str, int] | None:
    """Read an address, with or without a port; an IPv6 address with one stands in brackets."""
    host, port = value.strip(), ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        address = _address(host)
    except ValueError:
        return None
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    return str(address), int(port) if is_port else 0


def _address(host: str) -> IPv4Address | IPv6Address:
    """Return an address; one of IPv4 that a socket of IPv6 tells of (RFC 4291, 2.5.5.2) as what it is."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()
