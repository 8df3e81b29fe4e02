"""What the lane understands, aiohttp's parser understands in the same way: nothing can be smuggled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from rtserver.transport.head import recognise

NAMES = [
    "Host",
    "host",
    "Connection",
    "Upgrade",
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "Expect",
    "Cookie",
    "X_Under",
    "X-Any",
    "",
    "X ",
    " X",
    "Ä",
]
VALUES = [
    "a.example",
    "keep-alive",
    "close",
    "Upgrade",
    "keep-alive, Upgrade",
    "websocket",
    "h2c",
    "chunked",
    "0",
    "5",
    "05",
    "+5",
    "5, 5",
    " 5 ",
    "\t5",
    "",
    "100-continue",
    "a\rb",
    "a\nContent-Length: 3",
    "é",
    "\x7f",
    "\x00",
]
TARGETS = ["/e/?x=1", "/e/", "/e/?ä", "/e/ ?", "//e/", "http://a/e/", "/e/#f", "*"]
VERSIONS = ["HTTP/1.1\r\n", "HTTP/1.1\r\n", "HTTP/1.0\r\n", "HTTP/1.1\n", "HTTP/1.1 \r\n", "HTTP/2.0\r\n"]
lines = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(NAMES) | st.text(max_size=4),
    st.sampled_from([":", ": ", ":  ", " :", ":\t", ""]),
    st.sampled_from(VALUES) | st.text(max_size=4),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n ", "\r\n\r\n"]),
)
heads = st.builds(
    "{} {} {}{}\r\n".format,
    st.sampled_from(["GET", "POST", "get", "GET ", "HEAD", "\r\nGET"]),
    st.sampled_from(["/e/?x=1", "/e/", "/e/?ä", "/e/ ?", "//e/", "http://a/e/", "/e/#f", "*"])
    | st.text(max_size=5),
    st.sampled_from(
        ["HTTP/1.1\r\n", "HTTP/1.1\r\n", "HTTP/1.0\r\n", "HTTP/1.1\n", "HTTP/1.1 \r\n", "HTTP/2.0\r\n"]
    ),
    st.lists(lines, max_size=5).map("".join),
)
LIKELY = [
    "Connection: keep-alive",
    "Connection: close",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Content-Length: 0",
    "Content-Length: 5",
    "content-length:  05 ",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:1.0)",
    "Accept:*/*",
    "X-Empty:",
    'Cookie: a=1; b="2"',
    "Origin: https://app.example",
]
oddities = st.builds("X-{}: {}".format, st.text(max_size=2), st.text(max_size=2))
likely = st.builds(
    "{} /e/?x=1{} HTTP/1.1\r\nHost: a\r\n{}\r\n".format,
    st.sampled_from(["GET", "POST"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5),
    st.lists(
        st.sampled_from(LIKELY) | st.builds("X-{}: {}".format, st.text(max_size=2), st.text(max_size=2)),
        max_size=4,
    ).map(lambda lines: "".join(f"{line}\r\n" for line in lines)),
)


class FakeProtocol(BaseProtocol):
    def pause_reading(self) -> None: ...

    def resume_reading(self, resume_parser: bool = True) -> None: ...


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@given(text=heads | likely)
def test_aiohttp_agrees(text: str, loop: asyncio.AbstractEventLoop) -> None:
    data = text.encode()
    head = recognise(data)
    if head is None:
        return
    parser = HttpRequestParser(FakeProtocol(loop), loop, 2**16)
    try:
        messages, upgraded, tail = parser.feed_data(data + b"x" * head.length)
    except HttpProcessingError as error:
        pytest.fail(f"aiohttp refuses what the lane accepts: {error}")
    assert len(messages) == 1
    message, payload = messages[0]
    assert (message.method, message.path) == (head.method, head.target)
    assert tuple(message.raw_headers) == tuple(head.headers.raw())
    assert not message.chunked
    assert message.should_close == (not head.keep_alive)
    assert upgraded == head.is_upgrade
    assert tail == b""
    assert payload.is_eof()
    assert cast(Any, payload).total_bytes == head.length if head.length else True
