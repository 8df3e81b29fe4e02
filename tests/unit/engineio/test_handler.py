from __future__ import annotations

import gc
import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from engineio.async_drivers.aiohttp import translate_request

from rtserver.engineio.handler import Handshake

BROWSER = [
    (b"Host", b"chat.example:8443"),
    (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
    (b"Accept-Language", b"en-US,en;q=0.9"),
    (b"Cache-Control", b"no-cache"),
    (b"Connection", b"keep-alive"),
    (b"Cookie", b"session=0123456789abcdef0123456789abcdef; theme=dark"),
    (b"Origin", b"https://chat.example:8443"),
    (b"Pragma", b"no-cache"),
    (b"Referer", b"https://chat.example:8443/rooms/python"),
    (b"Sec-Fetch-Mode", b"cors"),
]
TARGET = "/socket.io/?EIO=4&transport=polling&t=abc&user=J%C3%BCrgen+B&empty=&tag=1&tag=2"


def handshake(**options: Any) -> Handshake:
    return Handshake(
        "GET",
        TARGET,
        BROWSER,
        remote=("192.0.2.7", 50123),
        local=("198.51.100.1", 8443),
        time=1_700_000_000.5,
        **options,
    )


def test_path_and_query() -> None:
    shaken = handshake()
    assert shaken.path == "/socket.io/"
    assert shaken.query_string == "EIO=4&transport=polling&t=abc&user=J%C3%BCrgen+B&empty=&tag=1&tag=2"
    assert shaken.query == {
        "EIO": ["4"],
        "transport": ["polling"],
        "t": ["abc"],
        "user": ["Jürgen B"],
        "empty": [""],
        "tag": ["1", "2"],
    }


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a%20b", "/a b", ""),
        ("/", "/", ""),
        ("http://chat.example/socket.io/?EIO=4", "/socket.io/", "EIO=4"),
        ("http://chat.example", "/", ""),
        ("/x?next=http://a/b?c", "/x", "next=http://a/b?c"),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    shaken = Handshake("GET", target)
    assert (shaken.path, shaken.query_string) == (path, query)
    assert (shaken.environ()["PATH_INFO"], shaken.environ()["QUERY_STRING"]) == (path, query)


def test_header() -> None:
    shaken = Handshake(
        "GET", "/", [(b"Host", b"a"), (b"X-Name", b"J\xc3\xbcrgen"), (b"X-Empty", b""), (b"x-name", b"2")]
    )
    assert shaken.header("host") == "a"
    assert shaken.header("X-NAME") == "Jürgen"
    assert shaken.header("x-empty") == ""
    assert shaken.header("name") is None
    assert shaken.header("cookie") is None
    assert list(shaken.headers) == [("host", "a"), ("x-name", "Jürgen"), ("x-empty", ""), ("x-name", "2")]


def test_a_header_value_is_never_taken_for_a_name() -> None:
    shaken = Handshake("GET", "/", [(b"X-A", b"origin:evil"), (b"Origin", b"good")])
    assert shaken.header("origin") == "good"


def test_environ_has_what_the_aiohttp_driver_has_and_true_addresses() -> None:
    request = make_mocked_request("GET", "/socket.io/?EIO=4&t=1", headers=_headers())
    shaken = Handshake(
        "GET",
        "/socket.io/?EIO=4&t=1",
        BROWSER,
        remote=("192.0.2.7", 50123),
        local=("198.51.100.1", 8443),
        request=request,
    )
    ours, theirs = shaken.environ(), translate_request(request)
    different = {key: ours[key] for key in theirs if ours.get(key) != theirs[key]}
    assert different == {
        "SERVER_SOFTWARE": "rtserver",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50123",
        "SERVER_NAME": "198.51.100.1",
        "SERVER_PORT": "8443",
    }
    assert ours.keys() == theirs.keys()


def _headers() -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in BROWSER}


def test_environ_of_headers() -> None:
    shaken = Handshake(
        "POST",
        "/p?q=1",
        [(b"Content-Type", b"text/plain"), (b"content-length", b"3"), (b"X-A", b"1"), (b"x-a", b"2")],
        http_version=(1, 0),
    )
    environ = shaken.environ()
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["HTTP_X_A"] == "1,2"
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["RAW_URI"] == "/p?q=1"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_CONTENT_TYPE" not in environ


@pytest.mark.parametrize(
    ("secure", "forwarded", "scheme"),
    [
        (False, None, "http"),
        (True, None, "https"),
        (False, b"https", "https"),
        (True, b"http, https", "http"),
    ],
)
def test_scheme(secure: bool, forwarded: bytes | None, scheme: str) -> None:
    headers = [] if forwarded is None else [(b"X-Forwarded-Proto", forwarded)]
    assert Handshake("GET", "/", headers, secure=secure).environ()["wsgi.url_scheme"] == scheme


def test_the_request_is_there_while_it_lives() -> None:
    request = SimpleNamespace(content=io.BytesIO(b"body"))
    shaken = handshake(request=request)
    assert shaken.environ()["aiohttp.request"] is request
    assert shaken.environ()["wsgi.input"].read() == b"body"
    shaken.request = None
    assert "aiohttp.request" not in shaken.environ()
    assert shaken.environ()["wsgi.input"].read() == b""


def test_bytes_that_are_not_utf8_survive() -> None:
    shaken = Handshake("GET", "/", [(b"X-Name", b"J\xfcrgen")])
    value = shaken.header("x-name")
    assert value is not None
    assert value.encode("utf-8", "surrogateescape") == b"J\xfcrgen"


def test_a_handshake_takes_at_most_600_bytes_beyond_its_headers() -> None:
    raw = sum(len(name) + len(value) + 4 for name, value in BROWSER)
    shaken = handshake()
    parts = [shaken, *gc.get_referents(shaken)]
    parts += [part for pair in (shaken.remote, shaken.local) for part in pair]
    shared = {id(Handshake), id("GET"), id(None), id(False), id(shaken.http_version)}
    size = sum(sys.getsizeof(part) for part in {id(p): p for p in parts}.values() if id(part) not in shared)
    assert size - raw <= 600, f"{size} bytes, {raw} of them headers"
