from __future__ import annotations

import json

import pytest

from rtserver.engineio.request import (
    OLD_PROTOCOLS,
    Query,
    bad_request,
    check_handshake,
    check_transport,
    check_use,
    error_body,
    forbidden,
    parse_query,
    unknown_session,
)
from rtserver.errors import EngineRequestError

BOTH = ("polling", "websocket")


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/engine.io/?EIO=4&transport=polling", Query("4", "polling", None)),
        ("/engine.io/?EIO=4&transport=websocket&sid=abc", Query("4", "websocket", "abc")),
        ("/engine.io/?transport=poll%69ng&EIO=4&sid=a%2Bb", Query("4", "polling", "a+b")),
        ("/engine.io/", Query(None, None, None)),
        ("/engine.io/?", Query(None, None, None)),
        ("/engine.io/?EIO&sid=&transport", Query("", "", None)),
        ("/engine.io/?EIO=4&EIO=3&sid=1&sid=2", Query("4", None, "1")),
        ("/engine.io/?EIO=4&EIO=3&x=%20&sid=1&sid=2", Query("4", None, "1")),
        ("/engine.io/?a=b=c&EIO=4", Query("4", None, None)),
    ],
)
def test_parse_query(target: str, query: Query) -> None:
    assert parse_query(target) == query


def refused(error: pytest.ExceptionInfo[EngineRequestError]) -> tuple[int, int, str]:
    return error.value.status, error.value.code, error.value.message


def test_transport() -> None:
    assert check_transport(Query("4", "websocket", None), BOTH) == "websocket"
    with pytest.raises(EngineRequestError) as info:
        check_transport(Query("4", "carrier-pigeon", None), BOTH)
    assert refused(info) == (
        400,
        0,
        "Transport unknown: received transport 'carrier-pigeon', expected polling or websocket",
    )
    with pytest.raises(EngineRequestError) as info:
        check_transport(Query("4", None, None), ("websocket",))
    assert refused(info) == (400, 0, "Transport unknown: received no transport, expected websocket")


def test_handshake() -> None:
    assert check_handshake(Query("4", "polling", None), "GET") == 4
    assert check_handshake(Query("3", "polling", None), "GET", OLD_PROTOCOLS) == 3
    assert check_handshake(Query(None, "polling", None), "GET", OLD_PROTOCOLS) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE"])
def test_handshake_method(method: str) -> None:
    with pytest.raises(EngineRequestError) as info:
        check_handshake(Query("4", "polling", None), method)
    assert refused(info) == (400, 2, f"Bad handshake method: received {method!r} without a sid, expected GET")


@pytest.mark.parametrize(
    ("received", "words"), [("3", "EIO '3'"), (None, "no EIO"), ("", "EIO ''"), ("4a", "EIO '4a'")]
)
def test_handshake_version(received: str | None, words: str) -> None:
    with pytest.raises(EngineRequestError) as info:
        check_handshake(Query(received, "polling", None), "GET")
    assert refused(info) == (400, 5, f"Unsupported protocol version: received {words}, expected 4")


def test_use_of_a_session() -> None:
    check_use(Query("4", "polling", "abc"), "GET", "polling")
    check_use(Query("4", "polling", "abc"), "POST", "polling")
    with pytest.raises(EngineRequestError) as info:
        check_use(Query("4", "polling", "abc"), "GET", "websocket")
    assert refused(info) == (
        400,
        3,
        "Bad request: received transport 'polling', but the session uses websocket",
    )
    with pytest.raises(EngineRequestError) as info:
        check_use(Query("4", "polling", "abc"), "PUT", "polling")
    assert refused(info) == (405, 3, "Bad request: received 'PUT', expected GET or POST")
    assert info.value.headers == {"Allow": "GET, POST, OPTIONS"}


def test_errors() -> None:
    error = unknown_session("x" * 5000)
    assert (error.status, error.code) == (400, 1)
    assert error.message == f"Session ID unknown: received '{'x' * 40}…', open a new session"
    assert (forbidden("no").status, forbidden("no").code, forbidden("no").message) == (
        403,
        4,
        "Forbidden: no",
    )
    assert bad_request("no").message == "Bad request: no"


def test_body() -> None:
    assert error_body(unknown_session('a"b')) == (
        b'{"code":1,"message":"Session ID unknown: received \'a\\"b\', open a new session"}'
    )
    assert json.loads(error_body(forbidden("ü")))["message"] == "Forbidden: ü"
