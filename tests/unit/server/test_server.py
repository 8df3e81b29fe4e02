from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import socketio

from rtserver.server.socket import Socket
from tests.unit.server.harness import FakeSession, Harness, manual_clock, turns


def join(harness: Harness, count: int = 3) -> tuple[list[FakeSession], list[str]]:
    sessions = [harness.session() for _ in range(count)]
    return sessions, [session.join() for session in sessions]


def received(sessions: list[FakeSession]) -> list[bool]:
    """Tell who was sent anything since the last call."""
    return [bool(session.take()) for session in sessions]


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        (None, '42["event"]'),
        ("text", '42["event","text"]'),
        ([1, 2], '42["event",[1,2]]'),
        ({"a": 1}, '42["event",{"a":1}]'),
        ((1, "2", None), '42["event",1,"2",null]'),
        ((), '42["event"]'),
    ],
)
async def test_how_data_becomes_arguments(data: Any, packet: str) -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    await harness.sio.emit("event", data, to=sid)
    await harness.sio.emit("event", data)
    assert session.take() == [packet, packet]


async def test_who_receives() -> None:
    harness = Harness()
    sio = harness.sio
    sessions, (a, b, c) = join(harness)
    for sid, room in ((a, "x"), (b, "x"), (b, "y")):
        await sio.enter_room(sid, room)
    cases: list[tuple[dict[str, Any], list[bool]]] = [
        ({}, [True, True, True]),
        ({"to": None}, [True, True, True]),
        ({"to": a}, [True, False, False]),
        ({"room": b}, [False, True, False]),
        ({"to": c, "room": a}, [False, False, True]),
        ({"to": "x"}, [True, True, False]),
        ({"to": ["x", "y"]}, [True, True, False]),
        ({"to": ("y", c)}, [False, True, True]),
        ({"to": {"y"}}, [False, True, False]),
        ({"skip_sid": a}, [False, True, True]),
        ({"skip_sid": [a, b]}, [False, False, True]),
        ({"skip_sid": []}, [True, True, True]),
        ({"to": "x", "skip_sid": b}, [True, False, False]),
        ({"to": a, "skip_sid": a}, [False, False, False]),
        ({"to": "nobody"}, [False, False, False]),
        ({"to": []}, [False, False, False]),
        ({"to": ""}, [False, False, False]),
        ({"namespace": "/other"}, [False, False, False]),
        ({"to": "x", "ignore_queue": True}, [True, True, False]),
    ]
    for kwargs, expected in cases:
        await sio.emit("event", **kwargs)
        assert received(sessions) == expected, kwargs
        await sio.send("data", **kwargs)
        assert received(sessions) == expected, kwargs


async def test_a_client_in_several_rooms_receives_once() -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    for room in ("x", "y", 3):
        await harness.sio.enter_room(sid, room)
    await harness.sio.emit("event", to=["x", "y", 3, sid])
    assert session.take() == ['42["event"]']


async def test_send_emits_message() -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    await harness.sio.send({"a": 1}, to=sid)
    assert session.take() == ['42["message",{"a":1}]']


async def test_a_recipient_that_goes_while_it_is_sent_to_disturbs_nobody() -> None:
    harness = Harness()
    sessions, _ = join(harness)
    sessions[0].on_send = lambda: sessions[0].close("slow client")
    await harness.sio.emit("event")
    assert received(sessions) == [True, True, True]
    await harness.sio.emit("event")
    assert received(sessions) == [False, True, True]


async def test_what_can_not_be_sent_is_told_to_the_application_and_leaves_no_ack() -> None:
    harness = Harness()
    _, [sid] = join(harness, 1)
    for kwargs in ({}, {"to": sid}, {"to": sid, "callback": print}):
        with pytest.raises(TypeError, match="event"):
            await harness.sio.emit("event", object(), **kwargs)
    assert socket(harness, sid).acks is None


def socket(harness: Harness, sid: str) -> Socket:
    found = harness.sio._hub.find("/", sid)
    assert found is not None
    return found


async def test_a_callback_gets_the_acknowledgment_once() -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    seen: list[Any] = []
    await harness.sio.emit("event", 1, to=sid, callback=lambda *args: seen.append(args))
    assert session.take() == ['421["event",1]']
    session.receive('31["a",2]', '31["again"]', "39[]")
    assert seen == [("a", 2)]
    assert harness.sio.counters.unknown_acks == 2
    assert session.is_open


async def test_callbacks_may_be_async_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    seen: list[Any] = []

    async def callback(*args: Any) -> None:
        await asyncio.sleep(0)
        seen.append(args)
        raise RuntimeError("failed")

    await harness.sio.emit("event", to=sid, callback=callback)
    session.receive('31["x"]')
    await turns()
    assert seen == [("x",)]
    assert "RuntimeError: failed" in caplog.text
    assert session.is_open


async def test_a_callback_with_a_room_is_called_for_each_client() -> None:
    harness = Harness()
    sessions, _ = join(harness)
    seen: list[Any] = []
    await harness.sio.emit("event", callback=seen.append)
    for number, session in enumerate(sessions):
        assert session.take() == ['421["event"]']
        session.receive(f"31[{number}]")
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(("ack", "result"), [("[]", None), ("[1]", 1), ("[1,2]", (1, 2)), ("[[1]]", [1])])
async def test_call_returns_the_acknowledgment(ack: str, result: Any) -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    cases: list[dict[str, Any]] = [{"to": sid}, {"sid": sid}]
    for kwargs in cases:
        call = asyncio.create_task(harness.sio.call("event", "data", **kwargs))
        await turns(1)
        [packet] = session.take()
        assert isinstance(packet, str)
        session.receive("3" + packet[2] + ack)
        assert await call == result
    assert socket(harness, sid).acks is None


async def test_a_call_that_is_not_answered_times_out_and_leaves_nothing() -> None:
    loop, clock = manual_clock()
    harness = Harness(clock=clock, connect_timeout=None)
    [session], [sid] = join(harness, 1)
    call = asyncio.create_task(harness.sio.call("event", to=sid, timeout=3))
    await turns(1)
    loop.advance(3.1)
    with pytest.raises(socketio.exceptions.TimeoutError):
        await call
    assert socket(harness, sid).acks is None
    assert len(clock) == 0
    assert harness.sio.counters.ack_timeouts == 1
    session.receive("31[]")
    assert harness.sio.counters.unknown_acks == 1


@pytest.mark.parametrize("seconds", [60, None])
async def test_a_call_whose_client_leaves_fails_at_once(seconds: float | None) -> None:
    _, clock = manual_clock()
    harness = Harness(clock=clock, connect_timeout=None)
    [session], [sid] = join(harness, 1)
    call = asyncio.create_task(harness.sio.call("event", to=sid, timeout=seconds))
    await turns(1)
    session.close()
    with pytest.raises(socketio.exceptions.TimeoutError):
        await call
    assert len(clock) == 0


async def test_a_cancelled_call_leaves_nothing() -> None:
    _, clock = manual_clock()
    harness = Harness(clock=clock, connect_timeout=None)
    _, [sid] = join(harness, 1)
    call = asyncio.create_task(harness.sio.call("event", to=sid))
    await turns(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert socket(harness, sid).acks is None
    assert len(clock) == 0


async def test_call_needs_a_client_that_is_there() -> None:
    harness = Harness()
    with pytest.raises(ValueError, match="broadcast"):
        await harness.sio.call("event")
    for ignore_queue in (False, True):
        with pytest.raises(socketio.exceptions.TimeoutError):
            await harness.sio.call("event", to="nobody", ignore_queue=ignore_queue)


async def test_rooms() -> None:
    harness = Harness()
    sio = harness.sio
    _, (a, b, _) = join(harness)
    await sio.enter_room(a, "x")
    await sio.enter_room(b, "x")
    assert sio.rooms(a) == [a, "x"]
    await sio.leave_room(a, "x")
    await sio.leave_room(a, "x")
    await sio.leave_room("nobody", "x")
    assert sio.rooms(a) == [a]
    await sio.close_room("x")
    await sio.close_room("x", namespace="/other")
    assert sio.rooms(b) == [b]
    assert sio.rooms("nobody") == []
    with pytest.raises(ValueError, match="not connected"):
        await sio.enter_room("nobody", "x")


async def test_a_client_in_the_room_of_another_receives_what_is_for_that_one() -> None:
    harness = Harness()
    sessions, (a, b, _) = join(harness)
    received(sessions)
    await harness.sio.enter_room(b, a)
    await harness.sio.emit("event", to=a)
    assert received(sessions) == [True, True, False]
    await harness.sio.leave_room(b, a)
    await harness.sio.emit("event", to=a)
    assert received(sessions) == [True, False, False]


async def test_sessions_belong_to_a_client_and_a_namespace() -> None:
    harness = Harness(namespaces=("/", "/b"))
    sio = harness.sio
    session = harness.session()
    main, other = session.join("/"), session.join("/b")
    await sio.save_session(main, {"user": 1})
    async with sio.session(main) as data:
        data["more"] = 2
    with pytest.raises(RuntimeError):  # noqa: PT012 - the block itself is under test
        async with sio.session(other, namespace="/b") as data:
            data["kept"] = True
            raise RuntimeError
    assert await sio.get_session(main) == {"user": 1, "more": 2}
    assert await sio.get_session(other, "/b") == {"kept": True}
    for missing in (sio.get_session("nobody"), sio.save_session("nobody", {})):
        with pytest.raises(KeyError):
            await missing


async def test_transport() -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    assert harness.sio.transport(sid) == "websocket"
    session.transport_name = "polling"
    assert harness.sio.transport(sid) == "polling"
    with pytest.raises(KeyError):
        harness.sio.transport("nobody")


async def test_disconnect_returns_when_the_handler_has_ended() -> None:
    harness = Harness()
    seen: list[Any] = []

    @harness.sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await harness.sio.disconnect(sid)
        await asyncio.sleep(0)
        seen.append((sid, reason))

    [session], [sid] = join(harness, 1)
    await harness.sio.disconnect(sid)
    assert session.take() == ["41"]
    assert seen == [(sid, harness.sio.reason.SERVER_DISCONNECT)]
    assert session.is_open
    await harness.sio.disconnect(sid)
    await harness.sio.disconnect("nobody", ignore_queue=True)
    assert len(seen) == 1


async def test_a_client_that_disconnected_may_join_again() -> None:
    harness = Harness()
    [session], [sid] = join(harness, 1)
    await harness.sio.disconnect(sid)
    session.take()
    assert session.join() != sid


async def test_the_reasons_are_those_of_python_socketio() -> None:
    theirs = {
        name: value for name, value in vars(socketio.AsyncServer.reason).items() if not name.startswith("_")
    }
    ours = vars(Harness().sio.reason)
    assert theirs.items() <= ours.items()


async def test_background_tasks() -> None:
    sio = Harness().sio

    async def work(*args: Any, **kwargs: Any) -> Any:
        await sio.sleep(0)
        return args, kwargs

    assert await sio.start_background_task(work, 1, a=2) == ((1,), {"a": 2})
    await sio.sleep()


async def test_shutdown_waits_for_handlers() -> None:
    harness = Harness()
    done: list[bool] = []

    @harness.sio.on("work")
    async def work(sid: str) -> None:
        await asyncio.sleep(0.01)
        done.append(True)

    [session], _ = join(harness, 1)
    session.receive('2["work"]')
    await harness.sio.shutdown()
    assert done == [True]


async def test_shutdown_cancels_handlers_that_take_too_long(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()
    log: list[str] = []

    @harness.sio.on("work")
    async def work(sid: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    [session], _ = join(harness, 1)
    session.receive('2["work"]')
    await harness.sio.shutdown(patience=0.01)
    assert log == ["cancelled"]
    assert caplog.messages == ["handlers that hadn't ended after 0.01 seconds: 1, cancelled"]
    assert harness.sio.is_asyncio_based()


async def test_shutdown_by_a_handler_does_not_wait_for_that_one() -> None:
    harness = Harness()
    harness.sio.on("stop", lambda sid: None)

    @harness.sio.on("stop")
    async def stop(sid: str) -> str:
        await asyncio.sleep(0)
        await harness.sio.shutdown()
        return "stopped"

    [session], _ = join(harness, 1)
    session.receive('21["stop"]')
    await turns(10)
    assert session.take() == ['431["stopped"]']


async def test_verbose_logs_what_the_application_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    harness = Harness(verbose=True)
    sio = harness.sio
    _, [sid] = join(harness, 1)
    await sio.emit("event", to=sid)
    await sio.emit("event")
    await sio.enter_room(sid, "x")
    await sio.leave_room(sid, "x")
    await sio.close_room("x")
    await sio.disconnect(sid)
    await sio.shutdown()
    for text in (
        f"emitting event 'event' to {sid} [/]",
        "emitting event 'event' to all [/]",
        f"{sid} is entering room x [/]",
        f"{sid} is leaving room x [/]",
        "room x is closing [/]",
        f"disconnecting {sid} [/]",
        "shutting down",
    ):
        assert text in caplog.text


async def test_a_manager_that_waits_is_waited_for() -> None:
    class Slow:
        """Takes one turn of the loop for everything."""

        def __init__(self) -> None:
            self.calls: list[str] = []

        alone = False

        def attach(self, sink: Any) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            async def method(*args: Any) -> Any:
                await asyncio.sleep(0)
                self.calls.append(name)
                return ["answer"]

            return method

    manager = Slow()
    sio = Harness(manager=manager).sio
    await sio.start()
    await sio.start()
    await sio.emit("event")
    await sio.enter_room("remote", "x")
    await sio.leave_room("remote", "x")
    await sio.close_room("x")
    await sio.disconnect("remote")
    assert await sio.call("event", to="remote") == "answer"
    await sio.shutdown()
    await sio.shutdown()
    assert manager.calls == [
        "start",
        "emit",
        "join",
        "leave",
        "leave",
        "disconnect",
        "ask",
        "close",
    ]


async def test_which_events_are_handled() -> None:
    sio = Harness().sio
    sio.on("mine", lambda sid: None)
    sio.on("*", lambda event, sid: None, namespace="/all")
    sio.on("everywhere", lambda name, sid: None, namespace="*")
    assert sio.handles("mine", "/")
    assert not sio.handles("mine", "/other")
    assert not sio.handles("*", "/")
    assert sio.handles("*", "/all")
    assert sio.handles("anything", "/all")
    assert sio.handles("everywhere", "/other")
