"""What `Hooks` does by itself; with a server it is tested in `interface/test_socket_hooks.py`."""

from __future__ import annotations

from typing import Any

from rtserver.server.hooks import Hooks, Listener, with_sid
from rtserver.server.socket import State
from tests.unit.server.harness import Harness


def test_a_handler_is_made_one_that_takes_the_sid() -> None:
    function, is_async = with_sid(lambda *args: args)
    assert (function("sid", 1, 2), is_async) == ((1, 2), False)


async def test_what_handles_one_event_goes_first_and_only_once() -> None:
    hooks, always, once = Hooks(), with_sid(print), with_sid(print)
    hooks.handle("event", always)
    hooks.handle_once("event", once)
    assert [hooks.take("event"), hooks.take("event"), hooks.take("other")] == [once, always, None]
    hooks.handle_once("event", once)
    hooks.forget("event")
    assert hooks.take("event") is None


async def test_a_listener_that_is_removed_by_another_is_still_called_for_that_event() -> None:
    harness = Harness()
    socket = harness.sio.socket(harness.session().join())._socket
    hooks = Hooks()
    called: list[Any] = []

    def forget_all(*args: Any) -> None:
        hooks.incoming = ()

    hooks.incoming = (Listener.of(forget_all), Listener.of(lambda *args: called.append(args)))
    hooks.received(harness.sio._hub, socket, ["event", 1])
    hooks.received(harness.sio._hub, socket, ["event", 2])
    assert called == [("event", 1)]


async def test_nothing_is_told_of_what_a_socket_that_leaves_is_not_sent() -> None:
    harness = Harness()
    socket = harness.sio.socket(harness.session().join())._socket
    hooks = Hooks()
    called: list[Any] = []
    hooks.outgoing = (Listener.of(lambda *args: called.append(args)),)
    hooks.sent(harness.sio._hub, socket, ["event"])
    socket.state = State.LEAVING
    hooks.sent(harness.sio._hub, socket, ["event"])
    assert called == [("event",)]
