from __future__ import annotations

from typing import Any

import pytest

from rtserver.engineio.counters import Counters
from rtserver.engineio.handler import Handshake
from rtserver.transport.hooks import Hooks

REQUEST = Handshake("GET", "/engine.io/")


def changed(name: Any, value: Any) -> Any:
    """Return the headers after a hook has added one."""
    hooks = Hooks(Counters(), None)
    hooks.add("headers", lambda headers, handshake: headers.add(name, value))
    return hooks.change((("A", "1"),), REQUEST, initial=False)


def test_the_initial_hooks_come_first_and_each_in_its_order() -> None:
    hooks = Hooks(Counters(), None)
    calls = []
    for event in ("headers", "initial_headers"):
        for number in (1, 2):
            hooks.add(event, lambda *_, call=(event, number): calls.append(call))
    hooks.change((), REQUEST, initial=True)
    assert calls == [("initial_headers", 1), ("initial_headers", 2), ("headers", 1), ("headers", 2)]
    calls.clear()
    hooks.change((), REQUEST, initial=False)
    assert calls == [("headers", 1), ("headers", 2)]


@pytest.mark.parametrize("value", ["", "a b\tc", "~!", "a=1; Path=/; HttpOnly"])
def test_a_value_is_a_line_of_ascii(value: str) -> None:
    assert changed("B", value) == (("A", "1"), ("B", value))


@pytest.mark.parametrize(
    "value", ["a\rb", "a\nb", "a\r\nC: d", "a\n", "a\0", "\x7f", "é", "😀", 1, b"a", ["a"], None]
)
def test_any_other_value_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"set the header B to .*: one line of ASCII text was expected"):
        changed("B", value)


@pytest.mark.parametrize("name", ["", "B:", "B C", "B\r\nC", "B\n", "é", "(B)"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and - were expected in a name"):
        changed(name, "1")


@pytest.mark.parametrize(
    "name",
    ["content-length", "Content-Type", "TRANSFER-ENCODING", "Connection", "Upgrade", "Sec-WebSocket-Accept"],
)
def test_what_the_transport_sets_is_its_own(name: str) -> None:
    with pytest.raises(ValueError, match=f"set the header {name}: the transport sets it itself"):
        changed(name, "1")


def test_an_event_that_doesnt_exist() -> None:
    with pytest.raises(
        ValueError, match="received the event 'header', expected one of initial_headers, headers"
    ):
        Hooks(Counters(), None).add("header", print)


async def later(*_: object) -> None:
    """Stands for an ``async`` hook."""


@pytest.mark.parametrize("function", [None, "name", later])
def test_what_is_no_plain_function(function: Any) -> None:
    with pytest.raises(TypeError, match=r"headers: received .*, expected a plain function, not an async one"):
        Hooks(Counters(), None).add("headers", function)


def test_allow_request_must_be_a_function() -> None:
    with pytest.raises(TypeError, match="allow_request: received True, expected a function or None"):
        Hooks(Counters(), True)  # type: ignore[arg-type]
