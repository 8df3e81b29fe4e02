from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest

from rtserver import DuplicateSuppression, EventRefused
from rtserver.server.interface.socket import Socket
from tests.unit.server.harness import FakeSession, Harness, turns


class One:
    """A server with one client, and what happens there."""

    def __init__(self, **settings: Any) -> None:
        self.harness = Harness(**settings)
        self.sio = self.harness.sio
        self.session: FakeSession = self.harness.session()
        self.socket: Socket = self.sio.socket(self.session.join())
        self.seen: list[Any] = []

        @self.sio.on("*")
        def every(event: str, sid: str, *args: Any) -> str:
            self.seen.append(("handler", event, *args))
            return "handled"

    def note(self, name: str) -> Any:
        return lambda *args: self.seen.append((name, *args))


# Handlers of one socket.


async def test_a_handler_of_its_own_goes_before_the_one_for_all() -> None:
    one = One()
    other = one.harness.session()
    other.join()

    @one.socket.on("hello")
    async def hello(name: str) -> str:
        return f"Hello, {name}"

    one.session.receive('21["hello","Ada"]', '22["else"]')
    other.receive('23["hello","Ada"]')
    assert one.session.take() == ['431["Hello, Ada"]', '432["handled"]']
    assert other.take() == ['433["handled"]']
    one.socket.off("hello")
    one.session.receive('24["hello","Ada"]')
    assert one.session.take() == ['434["handled"]']


async def test_a_handler_of_its_own_needs_none_for_all() -> None:
    harness = Harness()
    session = harness.session()
    socket = harness.sio.socket(session.join())
    socket.on("hello", lambda name: name)
    session.receive('21["hello","Ada"]', '22["else"]')
    assert session.take() == ['431["Ada"]']
    assert harness.sio.counters.unhandled_events == 1


async def test_a_handler_for_one_event() -> None:
    one = One()

    @one.socket.once("hello")
    async def first(name: str) -> str:
        return f"Hello, {name}"

    one.session.receive('21["hello","Ada"]', '22["hello","Ada"]')
    assert one.session.take() == ['431["Hello, Ada"]', '432["handled"]']
    one.socket.on("hello", lambda name: "own")
    one.socket.once("hello", lambda name: "replaced")
    one.socket.once("hello", lambda name: "once")
    one.session.receive('23["hello","Ada"]', '24["hello","Ada"]')
    assert one.session.take() == ['433["once"]', '434["own"]']
    one.socket.once("hello", lambda name: "never")
    one.socket.on("hello", lambda name: "newer")
    one.session.receive('25["hello","Ada"]')
    one.socket.once("hello", lambda name: "never")
    one.socket.off("hello")
    one.session.receive('26["hello","Ada"]')
    assert one.session.take() == ['435["newer"]', '436["handled"]']


async def test_a_handler_for_one_event_may_wait_for_the_next_one() -> None:
    one = One()

    @one.socket.once("step")
    def first() -> str:
        one.socket.once("step", lambda: "second")
        return "first"

    one.session.receive('21["step"]', '22["step"]', '23["step"]')
    assert one.session.take() == ['431["first"]', '432["second"]', '433["handled"]']


async def test_an_event_that_the_middleware_refuses_is_not_the_one() -> None:
    one = One()

    @one.socket.use
    async def ponder(event: str, args: list[Any]) -> None:
        await asyncio.sleep(0)
        if args == ["no"]:
            raise EventRefused("refused")

    one.socket.once("hello", lambda name: "once")
    one.session.receive('21["hello","no"]', '22["hello","Ada"]', '23["hello","Ada"]')
    await turns(10)
    assert one.session.take() == ['431["refused"]', '432["once"]', '433["handled"]']


async def test_its_end_comes_once_anyway() -> None:
    one = One()
    one.socket.once("disconnect", one.note("disconnect"))
    one.session.receive("1")
    assert one.seen == [("disconnect", "client disconnect")]


@pytest.mark.parametrize("method", ["on", "once"])
async def test_the_connection_belongs_to_the_server(method: str) -> None:
    with pytest.raises(ValueError, match="register it on the server"):
        getattr(One().socket, method)("connect", print)


async def test_it_is_told_of_its_end() -> None:
    one = One()

    @one.sio.event
    async def disconnect(sid: str, reason: str) -> None:
        one.seen.append(("handler for all", reason))

    await one.socket.join("room")
    one.socket.on(
        "disconnecting", lambda reason: one.seen.append(("disconnecting", reason, one.socket.rooms))
    )
    one.socket.on("disconnect", one.note("first"))

    @one.socket.on("disconnect")
    async def second(reason: str) -> None:
        one.seen.append(("second", reason, one.socket.rooms))

    assert one.socket._socket.client.careful is False  # its events take the short way still
    one.session.receive("1")
    assert one.seen == [
        ("disconnecting", "client disconnect", {one.socket.id, "room"}),
        ("handler for all", "client disconnect"),
        ("first", "client disconnect"),
        ("second", "client disconnect", set()),
    ]


async def test_what_is_told_of_its_end_can_be_forgotten() -> None:
    one = One()
    one.socket.on("disconnect", one.note("told"))
    one.socket.off("disconnect")
    one.session.receive("1")
    assert one.seen == []


async def test_one_that_is_refused_after_all_is_told_of_its_end() -> None:
    harness, seen = Harness(), list[str]()

    @harness.sio.use
    async def middleware(socket: Socket) -> None:
        socket.on("disconnecting", seen.append)
        socket.on("disconnect", seen.append)

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> bool:
        return False

    harness.session().receive("0")
    assert seen == ["server disconnect"]


async def test_a_failure_at_its_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    one = One()
    one.socket.on("disconnect", lambda: None)
    one.session.receive("1")
    assert "'disconnect'" in caplog.text
    assert not one.sio.manager._sink._hub.namespaces  # type: ignore[attr-defined]


async def test_a_reserved_name_stays_a_violation() -> None:
    one = One()
    one.socket.on_any(print)
    one.session.receive('2["connect"]')
    assert not one.session.is_open


# Catch-alls.


async def test_incoming_catch_alls_are_called_first_and_in_order() -> None:
    one = One()
    second = one.socket.on_any(one.note("second"))
    one.socket.prepend_any(one.note("first"))

    @one.socket.on_any
    async def third(event: str, *args: Any) -> None:
        one.seen.append(("third", event, *args))
        await asyncio.sleep(0)

    one.session.receive('2["move",1,2]')
    assert one.seen == [(name, "move", 1, 2) for name in ("first", "second", "third", "handler")]
    one.seen.clear()
    assert one.socket.listeners_any()[1:] == (second, third)
    one.socket.off_any(second)
    one.socket.off_any(print)
    one.session.receive('2["move"]')
    assert [name for name, _ in one.seen] == ["first", "third", "handler"]
    one.socket.off_any()
    one.seen.clear()
    one.session.receive('2["move"]')
    assert one.seen == [("handler", "move")]
    await turns()


async def test_catch_alls_see_events_without_a_handler_and_with_attachments() -> None:
    harness = Harness()
    session = harness.session()
    seen: list[Any] = []
    socket = harness.sio.socket(session.join())
    socket.on_any(lambda *args: seen.append(args))
    session.receive('51-["picture",{"_placeholder":true,"num":0}]', b"\x00", '2["text"]')
    assert seen == [("picture", b"\x00"), ("text",)]


async def test_outgoing_catch_alls_see_what_the_client_is_sent() -> None:
    one = One()
    other = one.harness.session()
    other.join()
    assert one.socket.listeners_any_outgoing() == ()
    last = one.socket.on_any_outgoing(one.note("last"))
    first = one.socket.prepend_any_outgoing(one.note("first"))
    assert one.socket.listeners_any_outgoing() == (first, last)
    assert one.socket.listeners_any() == ()
    await one.sio.emit("all", 1)
    await one.sio.emit("one", {"a": b"\x00"}, to=one.socket.id)
    await one.socket.emit("direct")
    await one.socket.volatile.emit("volatile")
    await one.sio.emit("other", skip_sid=one.socket.id)
    await one.sio.to(one.socket.id).timeout(0).emit_with_ack("asked")
    await one.sio.emit("callback", to=one.socket.id, callback=print)
    wanted = [("all", 1), ("one", {"a": b"\x00"}), ("direct",), ("volatile",), ("asked",), ("callback",)]
    assert one.seen == [(name, *each) for each in wanted for name in ("first", "last")]
    assert other.take() == ['42["all",1]', '42["other"]']
    one.seen.clear()
    one.socket.off_any_outgoing(last)
    await one.socket.emit("event")
    assert one.seen == [("first", "event")]
    one.socket.off_any_outgoing()
    await one.socket.emit("event")
    assert one.seen == [("first", "event")]


async def test_a_namespace_is_plain_while_nobody_listens_to_what_is_sent() -> None:
    one = One()
    namespace = one.socket._socket.namespace
    other = one.sio.socket(one.harness.session().join())
    assert namespace.plain
    one.socket.on_any_outgoing(print)
    other.on_any_outgoing(print)
    other.on_any_outgoing(len)
    assert not namespace.plain
    one.session.close()
    one.socket.off_any_outgoing()
    assert not namespace.plain
    other.off_any_outgoing()
    other.off_any_outgoing()
    assert namespace.plain


async def test_a_catch_all_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    one = One()

    async def late(*args: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    def at_once(*args: Any) -> None:
        raise ValueError("at once")

    one.socket.on_any(at_once)
    one.socket.on_any_outgoing(late)
    one.session.receive('21["event"]')
    await one.socket.emit("event")
    await turns()
    assert one.session.take() == ['431["handled"]', '42["event"]']
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "'on_any'" in caplog.text
    assert "'on_any_outgoing'" in caplog.text


# Middleware.


async def test_middleware_may_change_arguments() -> None:
    one = One()

    @one.socket.use
    def plain(event: str, args: list[Any]) -> None:
        args.append(event)

    @one.socket.use
    async def suspending(event: str, args: list[Any]) -> None:
        await asyncio.sleep(0)
        args[0] += 1

    one.session.receive('21["event",1]')
    await turns()
    assert one.seen == [("handler", "event", 2, "event")]
    assert one.session.take() == ['431["handled"]']


@pytest.mark.parametrize("suspends", [False, True])
async def test_a_refused_event_is_answered_with_what_was_raised(
    suspends: bool, caplog: pytest.LogCaptureFixture
) -> None:
    one = One()

    @one.socket.use
    async def guard(event: str, args: list[Any]) -> None:
        if suspends:
            await asyncio.sleep(0)
        if event != "allowed":
            raise EventRefused(*args)

    one.session.receive('21["no","because",{"code":403}]', '22["no"]', '2["no",1]', '23["allowed"]')
    await turns(10)
    assert one.session.take() == ['431["because",{"code":403}]', '433["handled"]']
    assert one.seen == [("handler", "allowed")]
    assert one.sio.counters.refused_events == 3
    assert not caplog.records


async def test_middleware_that_fails_is_logged_and_drops_the_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = One()

    @one.socket.use
    def broken(event: str, args: list[Any]) -> None:
        raise EventRefused(object()) if args else ValueError("broken")

    one.session.receive('21["event"]', '22["event",1]')
    assert (one.session.take(), one.seen, one.session.is_open) == ([], [], True)
    assert len(caplog.records) == one.sio.counters.handler_errors == 2


@pytest.mark.parametrize("serial", [False, True])
async def test_no_event_overtakes_one_that_the_middleware_ponders(serial: bool) -> None:
    one = One(serial=serial)
    go = {number: asyncio.Event() for number in range(3)}

    @one.socket.use
    async def ponder(event: str, args: list[Any]) -> None:
        await go[args[0]].wait()

    one.session.receive('2["event",0]', '2["event",1]', '2["event",2]')
    go[1].set()
    go[2].set()
    await turns()
    assert one.seen == []
    go[0].set()
    await turns(20)
    assert one.seen == [("handler", "event", number) for number in range(3)]


async def test_handlers_of_events_that_came_through_run_concurrently() -> None:
    one = One()
    both = asyncio.Barrier(2)

    @one.sio.event
    async def meet(sid: str) -> None:
        await both.wait()

    one.socket.use(lambda event, args: None)
    one.session.receive('21["meet"]', '22["meet"]')
    await turns(10)
    assert set(one.session.take()) == {"431[]", "432[]"}


async def test_an_event_whose_client_leaves_meanwhile_is_dropped() -> None:
    one = One()
    go = asyncio.Event()
    pondered: list[str] = []

    @one.socket.use
    async def ponder(event: str, args: list[Any]) -> None:
        pondered.append(event)
        await go.wait()

    one.socket.use(lambda event, args: pondered.append("second"))
    one.session.receive('21["first"]', '22["next"]', "1")
    go.set()
    await turns(10)
    assert (pondered, one.seen) == (["first"], [])


async def test_reading_pauses_for_a_client_whose_events_wait_in_the_middleware() -> None:
    one = One(max_running=2)
    go = asyncio.Event()

    @one.socket.use
    async def ponder(event: str, args: list[Any]) -> None:
        await go.wait()

    one.session.receive('2["event",0]', '2["event",1]', '2["event",2]')
    assert not one.session.reading
    go.set()
    await turns(10)
    assert one.session.reading
    assert [number for _, _, number in one.seen] == [0, 1, 2]


async def test_an_event_that_was_sent_again_passes_the_middleware_once() -> None:
    one = One(duplicates=DuplicateSuppression())
    passed: list[str] = []

    @one.socket.use
    def guard(event: str, args: list[Any]) -> None:
        passed.append(event)
        if len(passed) == 1:
            raise EventRefused

    one.session.receive('21["event"]')  # refused without an answer: the client may try again
    one.session.receive('22["event"]', '23["event"]')
    assert passed == ["event", "event"]
    assert one.session.take() == ['432["handled"]', '433["handled"]']


async def test_an_unhandled_event_may_be_sent_again() -> None:
    harness = Harness(duplicates=DuplicateSuppression())
    session = harness.session()
    socket = harness.sio.socket(session.join())
    seen: list[str] = []
    socket.on_any(seen.append)
    session.receive('21["event"]', '22["event"]')
    assert seen == ["event", "event"]


# Both.


async def test_what_is_attached_in_the_connect_handler_is_there_from_the_first_event() -> None:
    harness = Harness()
    seen: list[Any] = []

    @harness.sio.event
    async def connect(sid: str, environ: dict[str, Any]) -> None:
        harness.sio.socket(sid).on_any(lambda *args: seen.append(args))

    @harness.sio.event
    def event(sid: str) -> None:
        pass

    session = harness.session()
    session.receive("0", '2["event"]', '51-["event",{"_placeholder":true,"num":0}]', b"\x00", '2["event"]')
    assert [args[0] for args in seen] == ["event"] * 3


async def test_what_is_attached_goes_with_the_socket() -> None:
    one = One()
    socket = one.socket
    socket.use(lambda event, args: None)
    socket.on_any_outgoing(print)
    hooks = socket._socket.hooks
    assert hooks is not None
    alive = weakref.ref(hooks.lock)
    del hooks
    one.session.close()
    socket.on("event", print)
    socket.on_any(print)
    socket.prepend_any(print)
    socket.use(lambda event, args: None)
    socket.prepend_any_outgoing(print)
    socket.off("event")
    socket.off_any()
    assert socket._socket.hooks is None
    gc.collect()
    assert alive() is None
    assert one.sio._hub.namespaces == {}


async def test_an_event_for_which_a_catch_all_disconnects_the_client_is_dropped() -> None:
    one = One()

    @one.socket.on_any
    async def end(*args: Any) -> None:
        await one.socket.disconnect()

    one.session.receive('21["event"]')
    assert one.seen == []
    assert one.session.take() == ["41"]
