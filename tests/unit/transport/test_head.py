from __future__ import annotations

import pytest

from rtserver.transport.head import Head, HeaderBlock, recognise

GET = b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a.example\r\n\r\n"


def get(*lines: bytes) -> bytes:
    return GET[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines: bytes) -> bytes:
    return b"POST" + get(*lines)[3:]


def test_a_get() -> None:
    head = recognise(get(b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", b"accept:*/*", b"X-Empty:"))
    assert head is not None
    assert head[:2] == ("GET", "/engine.io/?EIO=4&transport=polling")
    assert (head.length, head.keep_alive, head.is_upgrade) == (0, True, False)
    assert head.headers.values == {
        "host": "a.example",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "accept": "*/*",
        "x-empty": "",
    }


def test_a_post() -> None:
    head = recognise(post(b"Content-Length: 12", b"Content-Type: text/plain;charset=UTF-8"))
    assert head is not None
    assert (head.method, head.length) == ("POST", 12)


@pytest.mark.parametrize(
    ("value", "keep_alive"), [(b"keep-alive", True), (b"Keep-Alive", True), (b"close", False)]
)
def test_connection(value: bytes, keep_alive: bool) -> None:
    head = recognise(get(b"Connection: " + value))
    assert head is not None
    assert head.keep_alive is keep_alive


@pytest.mark.parametrize("value", [b"Upgrade", b"keep-alive, Upgrade"])
def test_an_upgrade(value: bytes) -> None:
    head = recognise(get(b"Upgrade: WebSocket", b"Connection: " + value))
    assert head is not None
    assert head.is_upgrade


@pytest.mark.parametrize(
    "head",
    [
        # the request line
        b"HEAD" + GET[3:],
        b"get" + GET[3:],
        GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
        GET.replace(b"HTTP/1.1", b"HTTP/1.1 "),
        GET.replace(b"GET ", b"GET  "),
        GET.replace(b" HTTP", b"\tHTTP"),
        GET.replace(b"/engine.io", b"http://a.example/engine.io"),
        GET.replace(b"polling", b"pol\xc3\xa4ling"),
        GET.replace(b"polling", b"polling#fragment"),
        b"\r\n" + GET,
        # lines and names
        GET.replace(b"\r\nHost", b"\nHost"),
        get(b"X: a\rb"),
        get(b"X: a\nY: b"),
        get(b" folded: line"),
        get(b"X: a", b"\tfolded"),
        get(b"X : a"),
        get(b": a"),
        get(b"X_Y: a"),
        get(b"no colon"),
        get(b"X:  two spaces".replace(b" ", b"\t")),
        get(b"X: \x00"),
        get(b"X: \xe4"),
        get(b"X: \x7f"),
        # the host
        GET.replace(b"Host: a.example\r\n", b"X: a\r\n"),
        get(b"Host: b.example"),
        get(b"host: a.example"),
        # how the body is framed
        get(b"Content-Length: 0"),
        get(b"Transfer-Encoding: chunked"),
        post(),
        post(b"Transfer-Encoding: chunked"),
        post(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        post(b"Content-Length: 3", b"Content-Length: 3"),
        post(b"Content-Length: 3", b"content-length: 4"),
        post(b"Content-Length: +3"),
        post(b"Content-Length: -3"),
        post(b"Content-Length: 3, 3"),
        post(b"Content-Length: 0x3"),
        post(b"Content-Length: "),
        post(b"Content-Length: 1234567890"),
        post(b"Content-Length: 3", b"Content-Encoding: gzip"),
        post(b"Content-Length: 3", b"Expect: 100-continue"),
        post(b"Content-Length: 3", b"Trailer: X"),
        get(b"TE: trailers"),
        # upgrades
        get(b"Upgrade: websocket"),
        get(b"Connection: Upgrade"),
        get(b"Upgrade: h2c", b"Connection: Upgrade"),
        get(b"Upgrade: h2c, websocket", b"Connection: Upgrade"),
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAA"),
        get(b"Connection: close, X"),
        get(b"Connection: X"),
        get(b"Connection: "),
        post(b"Content-Length: 3", b"Upgrade: websocket", b"Connection: Upgrade"),
        # not a whole head
        GET[:-2],
        GET + b"G",
        b"",
    ],
)
def test_anything_else_is_declined(head: bytes) -> None:
    assert recognise(head) is None


class TestRepeatedHeads:
    """Most clients repeat their headers to the byte."""

    def known(self) -> Head:
        head = recognise(get(b"X: a"))
        assert head is not None
        return head

    def test_only_the_target_is_new(self) -> None:
        known = self.known()
        head = recognise(get(b"X: a").replace(b"polling", b"polling&t=2"), known)
        assert head is not None
        assert head.target == "/engine.io/?EIO=4&transport=polling&t=2"
        assert head.headers is known.headers

    def test_another_header(self) -> None:
        head = recognise(get(b"X: b"), self.known())
        assert head is not None
        assert head.headers.values["x"] == "b"

    def test_another_method(self) -> None:
        assert recognise(post(b"X: a"), self.known()) is None

    def test_a_request_line_that_is_declined(self) -> None:
        assert recognise(get(b"X: a").replace(b"1.1", b"1.0"), self.known()) is None


def test_headers_are_found_in_any_case() -> None:
    headers = HeaderBlock(b"Host: a\r\nX-One:  two \r\n", {"host": "a", "x-one": "two"})
    assert headers.get("HOST") == "a"
    assert headers.get("nothing") is None
    assert headers.getall("X-One", ()) == ("two",)
    assert headers.getall("nothing", ()) == ()
    assert headers.raw() == [(b"Host", b"a"), (b"X-One", b"two")]
