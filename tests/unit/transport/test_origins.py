from __future__ import annotations

from typing import Any

import pytest

from rtserver.errors import EngineRequestError
from rtserver.transport.exchange import Exchange, address
from rtserver.transport.head import HeaderBlock
from rtserver.transport.origins import OriginPolicy


def request(origin: str | None, method: str = "GET", *, secure: bool = False, **headers: str) -> Exchange:
    values = {"host": "chat.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if origin is not None:
        values["origin"] = origin
    return Exchange(method, "/", (1, 1), HeaderBlock(b"", values), (), ("", 0), ("", 0), secure)


def environ() -> dict[str, Any]:
    return {"REMOTE_ADDR": "203.0.113.7"}


def check(allowed: Any, exchange: Exchange, credentials: bool = True) -> dict[str, str]:
    return dict(OriginPolicy(allowed, credentials).check(exchange, environ))


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        (None, "http://chat.example"),
        (None, "http://chat.example:80"),
        ("*", "https://any.example"),
        (["https://a.example", "*"], "https://any.example"),
        ("https://app.example", "https://app.example"),
        ("https://*.app.example", "https://eu.app.example"),
        (["https://a.example", "https://app.example"], "https://app.example"),
        (lambda origin: origin == "https://app.example", "https://app.example"),
        (lambda origin, environ: environ["REMOTE_ADDR"] == "203.0.113.7", "https://app.example"),
    ],
)
def test_allowed(allowed: Any, origin: str) -> None:
    assert check(allowed, request(origin)) == {
        "Access-Control-Allow-Origin": origin,
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
    }


@pytest.mark.parametrize(
    "allowed",
    [
        None,
        "https://app.example",
        "http://*.app.example",
        ["https://app.example"],
        "",  # a setting that was left empty opens nothing
        (),
        lambda origin: False,
        lambda origin, environ: None,
    ],
)
def test_refused(allowed: Any) -> None:
    with pytest.raises(EngineRequestError, match=r"'http://evil.example' is not allowed") as caught:
        check(allowed, request("http://evil.example"))
    assert (caught.value.code, caught.value.status) == (4, 403)


def test_a_wrong_pattern() -> None:
    with pytest.raises(ValueError, match=r"received '\*\.app\.example', expected an origin"):
        OriginPolicy(["*.app.example"], True)


@pytest.mark.parametrize("allowed", [True, 5])
def test_a_wrong_kind(allowed: Any) -> None:
    with pytest.raises(TypeError, match=r"cors_allowed_origins: received (True|5), expected an origin"):
        OriginPolicy(allowed, True)


def test_the_message_names_what_is_allowed() -> None:
    with pytest.raises(EngineRequestError, match=r"'https://app.example', 'https://b.example'"):
        check(["https://app.example", "https://b.example"], request("http://evil.example"))
    with pytest.raises(EngineRequestError, match=r"'http://chat.example'"):
        check(None, request("http://evil.example"))


def test_the_scheme_counts() -> None:
    assert check(None, request("https://chat.example", secure=True))
    with pytest.raises(EngineRequestError):
        check(None, request("https://chat.example"))


def test_behind_a_proxy() -> None:
    exchange = request(
        "https://public.example", x_forwarded_proto="https, http", x_forwarded_host="public.example, inner"
    )
    assert check(None, exchange)
    assert check(None, request("https://chat.example", x_forwarded_proto="https"))
    with pytest.raises(EngineRequestError):
        check(None, request("http://evil.example", x_forwarded_host="public.example"))


def test_switched_off() -> None:
    assert check([], request("http://evil.example")) == {}
    assert check([], request("http://evil.example", "OPTIONS")) == {}


def test_without_an_origin() -> None:
    assert check(["https://app.example"], request(None)) == {}


def test_without_credentials() -> None:
    assert "Access-Control-Allow-Credentials" not in check("*", request("https://a.example"), False)


def test_preflight() -> None:
    headers = check("*", request("https://a.example", "OPTIONS", access_control_request_headers="x-token"))
    assert headers["Access-Control-Allow-Methods"] == "OPTIONS, GET, POST"
    assert headers["Access-Control-Allow-Headers"] == "x-token"
    assert "Access-Control-Allow-Headers" not in check("*", request("https://a.example", "OPTIONS"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("203.0.113.7", 80), ("203.0.113.7", 80)),
        (("2001:db8::1", 80, 0, 0), ("2001:db8::1", 80)),
        ("/run/a.sock", ("/run/a.sock", 0)),
        ("", ("", 0)),
        (None, ("", 0)),
        (b"\0abstract", ("", 0)),
    ],
)
def test_addresses(value: Any, expected: tuple[str, int]) -> None:
    assert address(value) == expected


class TestScripts:
    """JSONP: a page loads a response as a script, for which its browser sends no ``Origin``."""

    @pytest.mark.parametrize(
        ("allowed", "page"),
        [
            (None, "http://chat.example/page"),
            (None, "http://chat.example"),
            ("https://app.example", "https://app.example/a?b=c"),
            (lambda origin: origin == "https://app.example", "https://app.example/"),
            (lambda origin, environ: environ["REMOTE_ADDR"] == "203.0.113.7", "https://app.example/"),
            ("*", None),
            ([], None),
        ],
    )
    def test_allowed(self, allowed: Any, page: str | None) -> None:
        OriginPolicy(allowed, True).check_script(self.load(page), environ)

    @pytest.mark.parametrize(
        ("page", "message"),
        [
            (None, "expected a Referer header"),
            ("https://evil.example/http://chat.example/", "'https://evil.example' is not allowed"),
            ("chat.example", "is not allowed"),
        ],
    )
    @pytest.mark.parametrize("allowed", [None, "https://app.example"])
    def test_refused(self, allowed: Any, page: str | None, message: str) -> None:
        with pytest.raises(EngineRequestError, match=message):
            OriginPolicy(allowed, True).check_script(self.load(page), environ)

    def test_an_origin_has_been_checked(self) -> None:
        OriginPolicy(None, True).check_script(request("http://chat.example"), environ)

    @staticmethod
    def load(page: str | None) -> Exchange:
        return request(None) if page is None else request(None, referer=page)
