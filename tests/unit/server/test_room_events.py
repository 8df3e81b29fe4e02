from __future__ import annotations

import asyncio
import logging

import pytest

from tests.unit.server.harness import Harness, turns

Log = list[tuple[object, ...]]


def watched(harness: Harness, namespace: str | None = None) -> Log:
    log: Log = []
    for event in ("create-room", "join-room", "leave-room", "delete-room"):
        harness.sio.on_room(event, lambda *args, event=event: log.append((event, *args)), namespace)
    return log


async def test_rooms_are_created_with_the_first_member_and_deleted_with_the_last() -> None:
    harness = Harness()
    log = watched(harness)
    first, second = harness.session(), harness.session()
    a, b = first.join(), second.join()
    assert log == [("create-room", a), ("join-room", a, a), ("create-room", b), ("join-room", b, b)]
    log.clear()
    await harness.sio.enter_room(a, "x")
    await harness.sio.enter_room(a, "x")
    await harness.sio.enter_room(b, "x")
    assert log == [("create-room", "x"), ("join-room", "x", a), ("join-room", "x", b)]
    log.clear()
    await harness.sio.leave_room(a, "x")
    await harness.sio.leave_room(a, "x")
    assert log == [("leave-room", "x", a)]
    log.clear()
    second.close()
    assert log == [
        ("leave-room", b, b),
        ("delete-room", b),
        ("leave-room", "x", b),
        ("delete-room", "x"),
    ]


async def test_a_room_is_created_before_it_is_joined_and_left_before_it_is_deleted() -> None:
    harness = Harness()
    log: Log = []
    for event in ("join-room", "delete-room", "leave-room", "create-room"):
        harness.sio.on_room(event, lambda room, *_, event=event: log.append((event, room)))
    session = harness.session()
    sid = session.join()
    session.close()
    assert log == [(event, sid) for event in ("create-room", "join-room", "leave-room", "delete-room")]


async def test_a_clients_own_room_lives_as_long_as_it_has_members() -> None:
    harness = Harness()
    log = watched(harness)
    first, second = harness.session(), harness.session()
    a, b = first.join(), second.join()
    log.clear()
    await harness.sio.enter_room(b, a)
    first.close()
    assert log == [("join-room", a, b), ("leave-room", a, a)]
    log.clear()
    second.close()
    assert ("delete-room", a) in log


async def test_a_refused_client_was_never_in_its_own_room() -> None:
    harness = Harness()
    log = watched(harness)
    harness.sio.on("connect", lambda sid, environ: False)
    harness.session().receive("0")
    assert log == []


async def test_namespaces_are_watched_one_by_one_or_all() -> None:
    harness = Harness(namespaces="*")
    session = harness.session()
    main, chat = session.join(), session.join("/chat")
    here, everywhere = watched(harness, "/chat"), watched(harness, "*")
    await harness.sio.enter_room(main, "x")
    await harness.sio.enter_room(chat, "y", "/chat")
    assert here == [("create-room", "y"), ("join-room", "y", chat)]
    assert everywhere == [("create-room", "x"), ("join-room", "x", main), *here]


async def test_handlers_may_be_coroutines_and_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()
    log: list[str] = []
    release = asyncio.Event()

    @harness.sio.on_room("join-room")
    def broken(room: str, sid: str) -> None:
        raise RuntimeError("at once")

    @harness.sio.on_room("join-room")
    async def later(room: str, sid: str) -> None:
        await release.wait()
        log.append(room)
        raise RuntimeError("later")

    caplog.set_level(logging.ERROR)
    sid = harness.session().join()
    release.set()
    await turns()
    assert log == [sid]
    assert harness.sio.counters.handler_errors == 2
    assert caplog.text.count(f"the handler of 'join-room' failed for client {sid}") == 2


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="received the room event 'joined', expected one of create-room, "):
        Harness().sio.on_room("joined", print)


async def test_what_a_room_handler_does_to_a_new_client_follows_the_answer_to_it() -> None:
    harness = Harness()

    @harness.sio.on_room("join-room")
    async def welcome(room: str, sid: str) -> None:
        await harness.sio.emit("welcome", to=sid)

    @harness.sio.event
    async def connect(sid: str, environ: object) -> None:
        await harness.sio.emit("earlier", to=sid)

    session = harness.session()
    session.receive("0")
    connected, *events = session.take()
    assert str(connected).startswith('40{"sid":')
    assert events == ['42["earlier"]', '42["welcome"]']


async def test_a_room_handler_may_disconnect_a_new_client() -> None:
    harness = Harness()
    log = watched(harness)

    @harness.sio.on_room("join-room")
    async def end(room: str, sid: str) -> None:
        await harness.sio.disconnect(sid)

    session = harness.session()
    session.receive("0")
    connected, ended = session.take()
    assert str(connected).startswith('40{"sid":')
    assert ended == "41"
    assert [event for event, *_ in log] == ["create-room", "join-room", "leave-room", "delete-room"]
    assert harness.sio._hub.namespaces == {}


async def test_a_room_handler_that_cancels_itself_holds_nothing_up() -> None:
    harness = Harness()

    @harness.sio.on_room("leave-room")
    async def end(room: str, sid: str) -> None:
        raise asyncio.CancelledError

    session = harness.session()
    sid = session.join()
    await harness.sio.enter_room(sid, "x")
    session.close()
    assert harness.sio._hub.namespaces == {}
