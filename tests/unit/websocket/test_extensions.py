from __future__ import annotations

import contextlib
import time

import pytest

from rtserver.errors import HandshakeError
from rtserver.websocket.extensions import parse_extensions


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("", []),
        ("  ", []),
        ("foo", [("foo", ())]),
        ("foo, bar; baz=2", [("foo", ()), ("bar", (("baz", "2"),))]),  # RFC 6455, 9.1
        ("foo;a;b=1;a", [("foo", (("a", None), ("b", "1"), ("a", None)))]),
        ('foo ; a = "10" ,bar', [("foo", (("a", "10"),)), ("bar", ())]),
        ('foo; a="1\\0"', [("foo", (("a", "10"),))]),
        (", ,foo,,bar,", [("foo", ()), ("bar", ())]),
        ("x-a!#$%&'*+-.^_`|~9", [("x-a!#$%&'*+-.^_`|~9", ())]),
    ],
)
def test_grammar(header: str, parsed: object) -> None:
    assert parse_extensions(header) == parsed


@pytest.mark.parametrize(
    "header",
    [
        "foo bar",
        "foo;",
        "foo; =1",
        "foo; a=",
        'foo; a="',
        'foo; a=""',
        'foo; a="b c"',
        'foo; a="b',
        "foo=1",
        ";a",
        "foo, é",
        "foo; a=1 2",
        'foo; a="b"c',
    ],
)
def test_what_breaks_it_is_400(header: str) -> None:
    with pytest.raises(HandshakeError, match="Sec-WebSocket-Extensions is malformed at") as caught:
        parse_extensions(header)
    assert caught.value.status == 400


def test_no_header_takes_long() -> None:
    start = time.process_time()
    for header in ('foo; a="' + "a" * 8000, "foo" + " " * 8000 + "x", ", " * 4000, "foo;a" * 1600 + "="):
        with contextlib.suppress(HandshakeError):
            parse_extensions(header)
    assert time.process_time() - start < 30  # milliseconds; backtracking would take for ever
