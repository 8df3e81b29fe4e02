from __future__ import annotations

import gzip
import zlib

import pytest

from rtserver.errors import EngineRequestError, HandshakeError
from rtserver.transport.answers import engine_error, error_response, ok_response, payload_response
from rtserver.transport.exchange import Exchange
from rtserver.transport.head import HeaderBlock


def make(accept_encoding: str | None = None) -> Exchange:
    values = {} if accept_encoding is None else {"accept-encoding": accept_encoding}
    exchange = Exchange("GET", "/", (1, 1), HeaderBlock(b"", values), (), ("", 0), ("", 0), False)
    exchange.common_headers = (("X-Common", "1"),)
    return exchange


def test_ok() -> None:
    response = ok_response(make())
    assert (response.status, response.body, response.close) == (200, b"ok", False)
    assert ("X-Common", "1") in response.headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", "deflate"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0, deflate;q=0.1", "deflate"),
        ("gzip; q=0.000, deflate; q=0", None),
        ("*", "gzip"),
        ("*, gzip;q=0", "deflate"),
        ("*;q=0", None),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"),
    ],
)
def test_the_coding_is_one_that_the_client_accepts(accepted: str | None, coding: str | None) -> None:
    payload = b"4" + b"x" * 99
    response = payload_response(make(accepted), payload, 100)
    assert dict(response.headers).get("Content-Encoding") == coding
    body = response.body
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "deflate":
        body = zlib.decompress(body)
    assert body == payload


def test_short_payloads_are_not_compressed() -> None:
    assert payload_response(make("gzip"), b"x" * 99, 100).body == b"x" * 99
    assert payload_response(make("gzip"), b"x" * 99, None).body == b"x" * 99


def test_errors() -> None:
    response = error_response(make(), EngineRequestError(1, "Session ID unknown", headers={"X": "y"}), True)
    assert response.status == 400
    assert response.body == b'{"code":1,"message":"Session ID unknown"}'
    assert response.close
    assert {("X", "y"), ("X-Common", "1"), ("Content-Type", "application/json")} <= set(response.headers)


def test_errors_of_a_handshake_get_the_protocols_code() -> None:
    response = error_response(
        make(), engine_error(HandshakeError(426, "why", {"Sec-WebSocket-Version": "13"}))
    )
    assert (response.status, response.body) == (426, b'{"code":3,"message":"Bad request: why"}')
    assert ("Sec-WebSocket-Version", "13") in response.headers
