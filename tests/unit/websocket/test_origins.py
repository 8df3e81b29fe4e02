from __future__ import annotations

import re
from typing import Any

import pytest

from rtserver.errors import HandshakeError
from rtserver.websocket.origins import check_origin, check_patterns, is_allowed_origin


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "same"),
    [
        ("http://app.example", "app.example", "http", True),
        ("HTTP://App.Example", "app.EXAMPLE", "http", True),
        ("http://app.example", "app.example:80", "http", True),
        ("http://app.example:80", "app.example", "ws", True),
        ("https://app.example", "app.example:443", "wss", True),
        ("http://app.example:8080", "app.example:8080", "http", True),
        ("http://[::1]:8080", "[::1]:8080", "http", True),
        ("https://app.example", "app.example", "http", False),
        ("http://app.example:8080", "app.example", "http", False),
        ("https://app.example:80", "app.example", "https", False),
        ("http://app.example.evil.example", "app.example", "http", False),
        ("http://evil.example", "app.example", "http", False),
        ("null", "app.example", "http", False),
        ("", "app.example", "http", False),
    ],
)
def test_the_same_origin(origin: str, host: str, scheme: str, same: bool) -> None:
    assert is_allowed_origin(origin, host, scheme, None) is same


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        ("*", "https://any.example", True),
        ("*", "null", True),
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://A.example", True),
        ("https://a.example", "https://a.example.evil.example", False),
        (["https://a.example", "HTTPS://b.example"], "https://b.example", True),
        (["https://a.example"], "https://b.example", False),
        (["https://a.example"], "http://a.example", False),
        ([], "http://host.example", False),
        (["https://a.example", "*"], "https://any.example", True),
        ("https://*.a.example", "https://b.a.example", True),
        ("https://*.A.example", "https://c.B.a.example", True),
        ("https://*.a.example", "https://a.example", False),
        ("https://*.a.example", "https://.a.example", False),
        ("https://*.a.example", "https://b..a.example", False),
        ("https://*.a.example", "http://b.a.example", False),
        ("https://*.a.example", "https://b.a.example:8443", False),
        ("https://*.a.example", "https://ba.example", False),
        ("https://*.a.example", "https://b.aaexample", False),
        ("https://*.a.example", "https://b.a.example.evil.example", False),
        ("https://*.a.example", "https://evil.example/b.a.example", False),
        ("https://*.a.example", "https://evil.example#.a.example", False),
        ("https://*.a.example", "https://user@evil.example:.a.example", False),
        ("https://*.a.example", "https://b.a.example\n", False),
        ("https://*.a.example", "null", False),
        ("https://*.a.example:8443", "https://b.a.example:8443", True),
        ("http://localhost:*", "http://localhost:3000", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "http://localhost:3000.evil.example", False),
        ("http://localhost:*", "http://localhost.evil.example:3000", False),
        ("http://localhost:*", "http://localhost:", False),
        ("http://*.localhost:*", "http://a.localhost:1", True),
        ("http://[::1]:*", "http://[::1]:8080", True),
        ("https://*", "https://a.example", False),
        ("https://a*.example", "https://ab.example", False),
        (lambda origin: origin.endswith(".example"), "https://x.example", True),
        (lambda origin: origin.endswith(".example"), "https://x.test", False),
    ],
)
def test_allowed_origins(allowed: Any, origin: str, is_allowed: bool) -> None:
    assert is_allowed_origin(origin, "host.example", "http", allowed) is is_allowed
    if is_allowed:
        check_origin(origin, "host.example", "http", allowed)
    else:
        with pytest.raises(HandshakeError):
            check_origin(origin, "host.example", "http", allowed)


@pytest.mark.parametrize(
    "wrong",
    ["*.a.example", "https://*", "https://*a.example", "https://a.*", "https://*.a.example/", "http*://a"],
)
def test_a_pattern_that_means_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=rf"^received '{re.escape(wrong)}', expected an origin: "):
        check_patterns(["https://a.example", wrong])


@pytest.mark.parametrize(
    "wrong", ["a.example", "https://a.example/", "https://", "https://a.example:port", ""]
)
def test_what_matches_no_origin_can_be_refused_too(wrong: str) -> None:
    check_patterns(wrong)
    with pytest.raises(ValueError, match="expected an origin"):
        check_patterns(wrong, strict=True)


def test_what_can_be_allowed() -> None:
    origins = ["*", "null", "file://", "https://a.example:8443", "https://[::1]", "capacitor://localhost"]
    check_patterns([*origins, "https://*.a.example", "http://*.localhost:*"], strict=True)
    check_patterns(None, strict=True)
    check_patterns([], strict=True)
    check_patterns(lambda origin: True, strict=True)


def test_a_request_without_an_origin_is_no_browser() -> None:
    check_origin(None, "host.example", "http", None)
    check_origin(None, "host.example", "http", [])


def test_the_same_origin_but_for_tls_is_behind_a_proxy() -> None:
    with pytest.raises(HandshakeError, match="a proxy that speaks TLS for it has to be in trusted_proxies"):
        check_origin("https://Host.example", "host.example", "ws", None)
    with pytest.raises(HandshakeError, match="add it to the allowed origins"):
        check_origin("http://host.example", "host.example", "https", None)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        (
            None,
            "origin 'https://evil.example' is not allowed: allowed is the same origin, 'http://host.example';"
            " add it to the allowed origins",
        ),
        (
            ["https://a.example", "https://b.example"],
            "origin 'https://evil.example' is not allowed: allowed are 'https://a.example', 'https://b.example';"
            " add it to the allowed origins",
        ),
        (
            [],
            "origin 'https://evil.example' is not allowed: allowed are none; add it to the allowed origins",
        ),
        (
            lambda origin: False,
            "origin 'https://evil.example' is not allowed: the server's check of origins refused it",
        ),
    ],
)
def test_a_refusal_says_what_was_received_and_what_is_allowed(allowed: Any, message: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        check_origin("https://evil.example", "host.example", "http", allowed)
    assert (caught.value.status, caught.value.message) == (403, message)


def test_a_long_list_of_origins_is_cut() -> None:
    with pytest.raises(HandshakeError, match=r"'https://9\.example' and others; add it"):
        check_origin("null", "host.example", "http", [f"https://{n}.example" for n in range(100)])
