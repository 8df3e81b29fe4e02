from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.errors import EngineRequestError
from rtserver.transport.exchange import Exchange
from rtserver.transport.head import HeaderBlock
from rtserver.transport.proxies import Proxies

PROXY = ("10.1.2.3", 5000)


def request(remote: tuple[str, int] = PROXY, *, secure: bool = False, **headers: str) -> Exchange:
    values = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange("GET", "/", (1, 1), HeaderBlock(b"", values), (), remote, ("", 0), secure)


def resolved(claimed: str, remote: tuple[str, int] = PROXY, trusted: str = "10.0.0.0/8") -> tuple[str, int]:
    exchange = request(remote, x_forwarded_for=claimed)
    Proxies(trusted.split(), secure_only=False).resolve(exchange)
    return exchange.remote


@pytest.mark.parametrize(
    ("claimed", "client"),
    [
        ("203.0.113.7", ("203.0.113.7", 0)),
        ("203.0.113.7:4711", ("203.0.113.7", 4711)),
        (" 203.0.113.7 , 10.9.9.9", ("203.0.113.7", 0)),
        ("2001:db8::7", ("2001:db8::7", 0)),
        ("[2001:db8::7]:4711", ("2001:db8::7", 4711)),
        ("[2001:db8::7]", ("2001:db8::7", 0)),
        ("::ffff:203.0.113.7", ("203.0.113.7", 0)),
        ("203.0.113.7:many", ("203.0.113.7", 0)),
        ("10.0.0.1", ("10.0.0.1", 0)),  # a client in the proxies' own network
    ],
)
def test_a_trusted_proxy_tells_who_the_client_is(claimed: str, client: tuple[str, int]) -> None:
    assert resolved(claimed) == client


@pytest.mark.parametrize("claimed", ["127.0.0.1, 203.0.113.7", "10.0.0.1, 203.0.113.7", "evil, 203.0.113.7"])
def test_what_the_client_has_written_itself_doesn_t_count(claimed: str) -> None:
    assert resolved(claimed) == ("203.0.113.7", 0)


@pytest.mark.parametrize(
    "claimed", ["", "unknown", "_hidden", "203.0.113.7, unknown", "1.2.3", "999.1.1.1", ","]
)
def test_what_is_no_address_tells_nothing(claimed: str) -> None:
    assert resolved(claimed) == PROXY


def test_who_isn_t_trusted_is_not_believed() -> None:
    stranger = ("198.51.100.9", 5000)
    assert resolved("203.0.113.7", stranger) == stranger


@pytest.mark.parametrize(
    ("remote", "trusted"),
    [
        (("::1", 1), "::1"),
        (("::ffff:10.1.2.3", 1), "10.0.0.0/8"),
        (("fe80::1%eth0", 1), "fe80::/10"),
        (("", 0), "unix"),
        (("/run/nginx.sock", 0), "10.0.0.0/8 unix"),
    ],
)
def test_whoever_is_trusted(remote: tuple[str, int], trusted: str) -> None:
    assert resolved("203.0.113.7", remote, trusted) == ("203.0.113.7", 0)


def test_a_unix_socket_is_trusted_only_when_it_is_named() -> None:
    assert resolved("203.0.113.7", ("", 0), "0.0.0.0/0") == ("", 0)


@pytest.mark.parametrize(
    ("remote", "secure", "scheme", "expected"),
    [
        (PROXY, False, "https", True),
        (PROXY, False, "WSS", True),
        (PROXY, True, "http", False),  # the client's connection counts, not the proxy's
        (PROXY, False, "https, http", False),
        (PROXY, True, "", True),
        (("198.51.100.9", 1), False, "https", False),
    ],
)
def test_whether_it_is_encrypted(remote: tuple[str, int], secure: bool, scheme: str, expected: bool) -> None:
    exchange = request(remote, secure=secure, x_forwarded_proto=scheme)
    Proxies(["10.0.0.0/8"], secure_only=False).resolve(exchange)
    assert exchange.secure is expected


def test_unencrypted_requests_are_refused_if_so_wanted() -> None:
    proxies = Proxies(["10.0.0.0/8"], secure_only=True)
    proxies.resolve(request(x_forwarded_proto="https"))
    proxies.resolve(request(("198.51.100.9", 1), secure=True))
    with pytest.raises(EngineRequestError, match="expected https:// or wss://"):
        proxies.resolve(request(("198.51.100.9", 1), x_forwarded_proto="https"))


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy", "10.0.0.0/33", ""])
def test_what_is_no_network(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"trusted_proxies: .*expected addresses, networks such as"):
        Proxies([wrong], secure_only=False)


@given(st.text(st.characters(max_codepoint=255)))
def test_anything_gives_an_address(claimed: str) -> None:
    host, port = resolved(claimed)
    assert host
    assert 0 <= port <= 65_535
