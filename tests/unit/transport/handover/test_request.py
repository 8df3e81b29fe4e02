from __future__ import annotations

import pytest
from multidict import CIMultiDict

from rtserver.transport.exchange import Exchange
from rtserver.transport.handover.request import request_bytes
from rtserver.transport.head import recognise

ADDRESS = ("", 0)


def parsed(method: str, *raw_headers: tuple[bytes, bytes], target: str = "/x?sid=a") -> Exchange:
    """Return a request as it comes from aiohttp."""
    headers = CIMultiDict((name.decode(), value.decode()) for name, value in raw_headers)
    return Exchange(method, target, (1, 1), headers, raw_headers, ADDRESS, ADDRESS, False)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /x?sid=a HTTP/1.1\r\nHost: a\r\nconnection:close\r\n\r\n",
        b"POST /x?sid=a HTTP/1.1\r\nHOST:a\r\nContent-Length: 3\r\nX-Other:  b \r\n\r\n",
    ],
)
def test_what_the_lane_understood_is_the_same_to_the_byte(data: bytes) -> None:
    head = recognise(data)
    assert head is not None
    exchange = Exchange(
        head.method, head.target, (1, 1), head.headers, head.headers.raw(), ADDRESS, ADDRESS, False
    )
    assert request_bytes(exchange) == data


def test_a_body_that_was_read_has_its_length() -> None:
    exchange = parsed(
        "POST",
        (b"Host", b"a"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Content-Encoding", b"gzip"),
        (b"expect", b"100-continue"),
        (b"X-Twice", b"1"),
        (b"X-Twice", b"2"),
    )
    assert request_bytes(exchange, b"4x") == (
        b"POST /x?sid=a HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Twice: 2\r\nContent-Length: 2\r\n\r\n4x"
    )
    assert b"Content-Length: 0\r\n" in request_bytes(exchange)


def test_a_connection_that_has_to_end() -> None:
    exchange = parsed("GET", (b"Host", b"a"), (b"Connection", b"keep-alive"))
    assert request_bytes(exchange) == (b"GET /x?sid=a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    assert request_bytes(exchange, close=True) == (
        b"GET /x?sid=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )


def test_bytes_that_are_no_ascii() -> None:
    exchange = parsed("GET", (b"Host", b"a"), target="/x?é\udcff")
    assert request_bytes(exchange).startswith(b"GET /x?\xc3\xa9\xff HTTP/1.1\r\n")
