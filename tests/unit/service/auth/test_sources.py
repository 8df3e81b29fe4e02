from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rtserver.server.handshake import SocketHandshake
from rtserver.service.auth.sources import Source, find_token


def handshake(
    auth: Any = None, headers: dict[str, str] | None = None, query: dict[str, str] | None = None
) -> SocketHandshake:
    return SocketHandshake(
        headers or {}, query or {}, auth or {}, "203.0.113.7", datetime.now(UTC), False, False, "/"
    )


EVERYWHERE = handshake(
    {"token": "of-auth"},
    {"authorization": "Bearer of-header", "cookie": 'other=1; token="of-cookie"'},
    {"token": "of-query"},
)


@pytest.mark.parametrize("source", ["auth", "header", "query", "cookie"])
def test_each_source(source: Source) -> None:
    assert find_token(EVERYWHERE, [source], "token") == f"of-{source}"
    assert find_token(handshake(), [source], "token") is None


def test_sources_come_in_their_order() -> None:
    assert find_token(EVERYWHERE, ["cookie", "auth"], "token") == "of-cookie"
    assert find_token(handshake({"token": "of-auth"}), ["cookie", "auth"], "token") == "of-auth"


def test_no_other_source_is_looked_at() -> None:
    assert find_token(handshake(query={"token": "of-query"}), ["auth", "header"], "token") is None


@pytest.mark.parametrize("auth", ["text", ["token"], {"token": 7}, {"token": None}, {"token": ""}, 7])
def test_an_auth_without_a_token(auth: Any) -> None:
    assert find_token(handshake(auth), ["auth"], "token") is None


@pytest.mark.parametrize("value", ["bearer  abc ", "BEARER abc"])
def test_the_scheme_of_the_header_in_any_case(value: str) -> None:
    assert find_token(handshake(headers={"authorization": value}), ["header"], "token") == "abc"


@pytest.mark.parametrize("value", ["", "Basic YTpi", "Bearer", "Bearer ", "abc"])
def test_a_header_without_a_token(value: str) -> None:
    assert find_token(handshake(headers={"authorization": value}), ["header"], "token") is None


@pytest.mark.parametrize("value", ["=;;=", "token", "token=", "\x00=1", "a=b; (=1"])
def test_cookies_without_a_token(value: str) -> None:
    assert find_token(handshake(headers={"cookie": value}), ["cookie"], "token") is None


@pytest.mark.parametrize(
    "before", ['theme={"a":1}', "a[b]=c", "path=/", "secure", "x=a b", "x=ü", "=", "tokens=1", "x=token=1"]
)
def test_other_cookies_are_no_matter(before: str) -> None:
    for value in (f"{before}; token=abc", f"{before};token=abc", f"token=abc; {before}"):
        assert find_token(handshake(headers={"cookie": value}), ["cookie"], "token") == "abc"


def test_the_first_of_two_cookies_is_the_one_for_this_path() -> None:
    assert find_token(handshake(headers={"cookie": "token=abc; token=def"}), ["cookie"], "token") == "abc"


def test_a_cookie_s_value_is_not_unescaped() -> None:
    value = 'token="' + "\\" * 100_000 + '"'
    assert find_token(handshake(headers={"cookie": value}), ["cookie"], "token") == "\\" * 100_000
