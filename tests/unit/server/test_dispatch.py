from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any, NamedTuple

import msgpack
import pytest
import socketio

from rtserver.socketio.msgpack_codec import MsgpackCodec
from tests.unit.server.harness import FakeSession, Harness, turns


@pytest.fixture(autouse=True, params=[True, False], ids=["frames", "messages"])
def in_frames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with what a WebSocket brings in whole frames, and with what polling brings."""
    monkeypatch.setattr(FakeSession, "in_frames", request.param)


def joined(harness: Harness) -> FakeSession:
    session = harness.session()
    session.join()
    return session


@pytest.mark.parametrize(
    ("result", "ack"),
    [
        (None, "431[]"),
        ("text", '431["text"]'),
        (0, "431[0]"),
        (False, "431[false]"),
        ([1, 2], "431[[1,2]]"),
        ({"a": 1}, '431[{"a":1}]'),
        ((1, 2), "431[1,2]"),
        ((), "431[]"),
        ((None,), "431[null]"),
    ],
)
@pytest.mark.parametrize("form", ["plain", "async", "suspending"])
async def test_what_a_handler_returns_acknowledges_the_event(result: Any, ack: str, form: str) -> None:
    harness = Harness()

    def plain(sid: str) -> Any:
        return result

    async def coroutine(sid: str) -> Any:
        if form == "suspending":
            await asyncio.sleep(0)
        return result

    harness.sio.on("event", plain if form == "plain" else coroutine)
    session = joined(harness)
    for _ in range(2):  # the first time the handler is looked for, the second time it is known
        session.receive('21["event"]', '2["event"]')
        await turns()
        assert session.take() == [ack]


class Pair(NamedTuple):
    a: int
    b: int


async def test_a_named_tuple_is_a_tuple() -> None:
    harness = Harness()
    harness.sio.on("event", lambda sid: Pair(1, 2))
    session = joined(harness)
    session.receive('21["event"]', '22["event"]')
    assert session.take() == ["431[1,2]", "432[1,2]"]


async def test_arguments_and_sid_reach_the_handler() -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("event", lambda *args: seen.append(args))
    session = harness.session()
    sid = session.join()
    session.receive('2["event",1,"two",{"3":[true]},null]', '2["event"]')
    assert seen == [(sid, 1, "two", {"3": [True]}, None), (sid,)]


async def test_events_in_other_namespaces() -> None:
    harness = Harness()
    harness.sio.on("event", lambda sid, value: value, namespace="/a")
    harness.sio.on("event", lambda sid, value: "main")
    for order in (["/a", "/"], ["/", "/a"]):
        session = harness.session()
        for name in order:
            session.join(name)
        for _ in range(2):
            session.receive('2/a,5["event","x"]', '25["event","x"]')
            assert session.take() == ['43/a,5["x"]', '435["main"]']


async def test_attachments_in_and_out() -> None:
    harness = Harness()
    harness.sio.on("swap", lambda sid, a, b: (b, {"nested": [a]}))
    session = joined(harness)
    for _ in range(2):
        session.receive('52-7["swap",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"one")
        assert session.take() == []
        session.receive(b"two")
        assert session.take() == [
            '462-7[{"_placeholder":true,"num":0},{"nested":[{"_placeholder":true,"num":1}]}]',
            b"two",
            b"one",
        ]


async def test_an_answer_with_attachments_to_a_known_event() -> None:
    harness = Harness()
    harness.sio.on("event", lambda sid: b"data")
    session = joined(harness)
    session.receive('21["event"]', '22["event"]')
    placeholder = '{"_placeholder":true,"num":0}'
    assert session.take() == [f"461-1[{placeholder}]", b"data", f"461-2[{placeholder}]", b"data"]


@pytest.mark.parametrize(
    "messages",
    [
        ("abc",),
        ("",),
        ("2{}",),
        ("2[]",),
        ("2[",),
        ('2["connect"]',),
        ('2["disconnect"]',),
        ('4{"message":"x"}',),
        (b"binary",),
        ('51-["x",{"_placeholder":true,"num":0}]', '2["x"]'),
        ('51-["x",{"_placeholder":true,"num":1}]',),
        ('2/elsewhere,["x"]',),
        ("7",),
    ],
)
async def test_a_bad_packet_closes_its_client_and_nobody_else(
    messages: tuple[str | bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    harness = Harness()
    left: list[Any] = []
    harness.sio.on("disconnect", lambda *args: left.append(args))
    other = joined(harness)
    session = harness.session()
    sid = session.join()
    session.receive(*messages)
    assert session.closed_for == "parse error"
    assert left == [(sid, "parse error")]
    assert harness.sio.counters.violations == 1
    assert len(caplog.records) == 1
    assert sid in caplog.text
    assert "203.0.113.7" in caplog.text
    assert session.sid not in caplog.text
    assert other.is_open
    assert other.take() == []


async def test_a_handler_that_fails_is_logged_and_the_client_stays(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    @harness.sio.on("fail")
    async def fail(sid: str) -> None:
        raise RuntimeError("at once")

    @harness.sio.on("fail later")
    async def fail_later(sid: str) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("later")

    @harness.sio.on("unanswerable")
    async def unanswerable(sid: str) -> object:
        return object()

    harness.sio.on("arity", lambda sid: None)
    session = harness.session()
    sid = session.join()
    for _ in range(2):
        session.receive('21["fail"]', '22["fail later"]', '23["unanswerable"]', '24["arity","one too many"]')
        await turns()
    assert session.is_open
    assert session.take() == []
    assert harness.sio.counters.handler_errors == 8
    for text in ("'fail'", "'fail later'", "'unanswerable'", "'arity'", "at once", "later", sid):
        assert text in caplog.text


async def test_an_event_without_a_handler_is_counted_and_not_answered() -> None:
    harness = Harness()
    session = joined(harness)
    session.receive('21["nobody"]')
    assert session.take() == []
    assert harness.sio.counters.unhandled_events == 1


async def test_a_handler_registered_later_takes_over() -> None:
    harness = Harness()
    session = joined(harness)
    harness.sio.on("event", lambda sid: "old")
    session.receive('21["event"]')
    harness.sio.on("event", lambda sid: "new")
    session.receive('22["event"]')
    assert session.take() == ['431["old"]', '432["new"]']


async def test_names_from_clients_are_not_remembered() -> None:
    harness = Harness()
    harness.sio.on("*", lambda event, sid, *args: None)
    session = joined(harness)
    for number in range(10):
        session.receive(f'2["event {number}"]')
    assert harness.sio._hub.namespaces["/"].events == {}


async def test_handlers_start_in_order_and_run_concurrently() -> None:
    harness = Harness()
    log: list[str] = []

    @harness.sio.on("event")
    async def handler(sid: str, name: str, steps: int) -> str:
        log.append(f"{name} starts")
        for _ in range(steps):
            await asyncio.sleep(0)
        log.append(f"{name} ends")
        return name

    session = joined(harness)
    session.receive('21["event","a",3]', '22["event","b",1]', '23["event","c",0]')
    await turns()
    assert log == ["a starts", "b starts", "c starts", "c ends", "b ends", "a ends"]
    assert session.take() == ['433["c"]', '432["b"]', '431["a"]']
    assert harness.sio._hub.runtime().tasks == set()


async def test_serial_handlers_run_one_after_another() -> None:
    harness = Harness(serial=True)
    log: list[str] = []

    @harness.sio.on("event")
    async def handler(sid: str, name: str) -> str:
        log.append(f"{name} starts")
        await asyncio.sleep(0)
        log.append(f"{name} ends")
        return name

    @harness.sio.on("data")
    async def data(sid: str, value: bytes) -> bytes:
        log.append("data")
        return value

    @harness.sio.event
    async def disconnect(sid: str, reason: str) -> None:
        log.append(reason)

    session = joined(harness)
    session.receive('21["event","a"]', '22["event","b"]', '51-3["data",{"_placeholder":true,"num":0}]', b"x")
    session.receive('24["event","c"]')
    await turns(20)
    assert session.take() == [
        '431["a"]',
        '432["b"]',
        '461-3[{"_placeholder":true,"num":0}]',
        b"x",
        '434["c"]',
    ]
    session.receive('2["event","d"]', '2["event","e"]')
    session.close("transport close")
    await turns(20)
    expected = [f"{name} {what}" for name in "ab" for what in ("starts", "ends")]
    expected += ["data", "c starts", "c ends"]
    expected += [f"{name} {what}" for name in "de" for what in ("starts", "ends")]
    assert log == [*expected, "transport close"]
    assert harness.sio._hub.namespaces == {}


async def test_serial_handlers_of_one_client_do_not_delay_another() -> None:
    harness = Harness(serial=True)
    never = asyncio.Event()

    @harness.sio.on("wait")
    async def wait(sid: str) -> None:
        await never.wait()

    harness.sio.on("echo", lambda sid: "echo")
    first, second = joined(harness), joined(harness)
    first.receive('2["wait"]', '21["echo"]')
    second.receive('21["echo"]')
    assert first.take() == []
    assert second.take() == ['431["echo"]']
    never.set()
    await turns()
    assert first.take() == ['431["echo"]']


async def test_a_serial_client_that_breaks_the_protocol_has_nothing_more_handled() -> None:
    harness = Harness(serial=True)
    seen: list[Any] = []

    @harness.sio.on("wait")
    async def wait(sid: str) -> None:
        await asyncio.sleep(0)

    harness.sio.on("event", lambda *args: seen.append(args))
    harness.sio.on("disconnect", lambda sid, reason: seen.append(reason))
    session = joined(harness)
    session.receive('2["wait"]', '2["event"]', "garbage", '2["event"]')
    assert not session.is_open
    await turns()
    assert seen == ["parse error"]


async def test_what_waits_is_handled_before_a_disconnect_that_one_of_it_causes() -> None:
    harness = Harness(serial=True)
    log: list[str] = []

    @harness.sio.on("wait")
    async def wait(sid: str) -> None:
        await asyncio.sleep(0)

    session = joined(harness)
    harness.sio.on("close", lambda sid: session.close("slow client"))
    harness.sio.on("event", lambda sid: log.append("event"))
    harness.sio.on("disconnect", lambda sid, reason: log.append(reason))
    session.receive('2["wait"]', '2["close"]', '2["event"]')
    await turns()
    assert log == ["event", "slow client"]


async def test_a_serial_client_that_breaks_the_protocol_while_it_waits_is_disconnected_in_its_turn() -> None:
    harness = Harness(serial=True)
    seen: list[Any] = []

    @harness.sio.on("wait")
    async def wait(sid: str) -> None:
        await asyncio.sleep(0)
        seen.append("waited")

    harness.sio.on("event", lambda *args: seen.append("event"))
    harness.sio.on("disconnect", lambda sid, reason: seen.append(reason))
    for closes in (False, True):
        session = joined(harness)
        session.receive('2["wait"]', '2/elsewhere,["event"]', '2["event"]')
        if closes:
            session.close("transport close")
        await turns()
        assert not session.is_open
        assert seen == (["waited", "event", "transport close"] if closes else ["waited", "parse error"])
        seen.clear()
    assert harness.sio._hub.namespaces == {}


async def test_msgpack_clients() -> None:
    def pack(**packet: Any) -> bytes:
        return msgpack.packb(packet)  # type: ignore[no-any-return]

    harness = Harness(codec=MsgpackCodec(), namespaces=("*",))
    harness.sio.on("echo", lambda sid, *args: args)
    session = harness.session()
    session.receive(pack(type=0, nsp="/"), pack(type=0, nsp="no slash"))
    accepted, refused = (msgpack.unpackb(packet) for packet in session.take())
    assert (accepted["type"], accepted["nsp"], list(accepted["data"])) == (0, "/", ["sid"])
    assert refused == {"type": 4, "nsp": "no slash", "data": {"message": "Invalid namespace"}}
    for _ in range(2):
        session.receive(pack(type=2, nsp="/", id=7, data=["echo", b"data", 1]))
        [answer] = session.take()
        assert msgpack.unpackb(answer) == {"type": 3, "nsp": "/", "id": 7, "data": [b"data", 1]}
    await harness.sio.emit("event", b"data")
    await harness.sio.emit("event", b"data", to=accepted["data"]["sid"])
    for packet in session.take():
        assert msgpack.unpackb(packet) == {"type": 2, "nsp": "/", "data": ["event", b"data"]}
    session.receive("text")
    assert session.closed_for == "parse error"


async def test_a_serial_client_may_call_and_be_answered_within_a_handler() -> None:
    harness = Harness(serial=True)

    @harness.sio.on("ask")
    async def ask(sid: str) -> Any:
        return await harness.sio.call("question", to=sid)

    session = joined(harness)
    session.receive('27["ask"]')
    assert session.take() == ['421["question"]']
    session.receive('31["answer"]')
    await turns()
    assert session.take() == ['437["answer"]']


@pytest.mark.parametrize("serial", [False, True])
async def test_reading_pauses_for_a_client_whose_handlers_are_behind(serial: bool) -> None:
    harness = Harness(max_running=10, serial=serial)
    go = asyncio.Event()

    @harness.sio.on("wait")
    async def wait(sid: str) -> None:
        await go.wait()

    session = joined(harness)
    for _ in range(9):
        session.receive('2["wait"]')
    assert session.reading
    session.receive('2["wait"]', '2["wait"]')
    assert not session.reading
    go.set()
    await turns(20)
    assert session.reading
    assert harness.sio.counters.reading_pauses == 1


async def test_each_handler_has_a_task_and_context_of_its_own() -> None:
    harness = Harness()
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[Any] = []

    @harness.sio.on("event")
    async def handler(sid: str, value: int) -> None:
        seen.append(variable.get())
        variable.set(value)
        task = asyncio.current_task()
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        seen.append((variable.get(), asyncio.current_task() is task))

    session = joined(harness)
    session.receive('2["event",1]', '2["event",2]')
    await turns()
    assert seen == [0, 0, (1, True), (2, True)]


async def test_a_cancelled_handler_is_neither_answered_nor_an_error() -> None:
    harness = Harness()
    tasks: list[Any] = []

    @harness.sio.on("event")
    async def handler(sid: str) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(10)

    @harness.sio.on("at once")
    async def at_once(sid: str) -> None:
        raise asyncio.CancelledError

    session = joined(harness)
    session.receive('21["event"]', '22["at once"]')
    tasks[0].cancel()
    await turns()
    assert session.take() == []
    assert session.is_open
    assert harness.sio.counters.handler_errors == 0


async def test_an_answer_to_a_client_that_has_left_goes_nowhere() -> None:
    harness = Harness(namespaces=("/", "/a"))

    @harness.sio.on("event", namespace="/a")
    async def handler(sid: str) -> None:
        await asyncio.sleep(0)

    session = joined(harness)
    session.join("/a")
    session.receive('2/a,1["event"]', "1/a,")
    await turns()
    assert session.take() == []
    assert session.is_open


async def test_packets_in_flight_when_the_server_disconnects_are_no_violation() -> None:
    harness = Harness(namespaces=("/", "/a"))
    seen: list[Any] = []
    harness.sio.on("event", lambda *args: seen.append(args), namespace="/a")
    session = joined(harness)
    sid = session.join("/a")
    await harness.sio.disconnect(sid, namespace="/a")
    assert session.take() == ["41/a,"]
    placeholder = '{"_placeholder":true,"num":0}'
    session.receive('2/a,["event"]', f'51-/a,["event",{placeholder}]', b"x", '3/a,1["ack"]', "1/a,")
    assert session.is_open
    assert seen == []
    session.join("/a")
    session.receive('2/a,["event"]')
    assert len(seen) == 1
    session.receive("1/a,", "1/a,")
    assert session.closed_for == "parse error"


async def test_messages_after_the_session_has_closed_are_ignored() -> None:
    harness = Harness()
    session = joined(harness)
    session.close()
    harness.sio._dispatch.message(session, '2["event"]')
    harness.sio._dispatch.disconnect(session, "again")
    harness.sio._dispatch.drain(session)
    assert harness.sio.counters.disconnects == 1


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.log: list[Any] = []

    async def on_connect(self, sid: str, environ: Any, auth: Any) -> None:
        self.log.append(("connect", auth))
        await self.enter_room(sid, "room")
        await self.emit("welcome", room="room")

    def on_disconnect(self, sid: str) -> None:
        self.log.append("disconnect")

    async def on_event(self, sid: str, data: Any) -> Any:
        async with self.session(sid) as session:
            session["seen"] = data
        return self.rooms(sid)[1:], await self.get_session(sid)


async def test_an_unchanged_class_namespace() -> None:
    harness = Harness()
    namespace = Namespace("/chat")
    harness.sio.register_namespace(namespace)
    session = harness.session()
    session.receive('0/chat,{"token":1}', '2/chat,1["event","data"]', "1/chat,")
    assert session.take()[1:] == ['42/chat,["welcome"]', '43/chat,1[["room"],{"seen":"data"}]']
    assert namespace.log == [("connect", {"token": 1}), "disconnect"]


class Triggered(socketio.AsyncNamespace):  # type: ignore[misc]
    log: list[Any]

    async def trigger_event(self, event: str, *args: Any) -> Any:
        self.log.append((event, *args[1:]))
        return await super().trigger_event(event, *args)

    def on_disconnect(self, sid: str) -> None:
        self.log.append("left")


async def test_an_overridden_trigger_event_is_called_for_everything() -> None:
    harness = Harness()
    namespace = Triggered("/")
    namespace.log = []
    harness.sio.register_namespace(namespace)
    session = harness.session()
    session.join(auth='{"a":1}')
    session.receive('21["event",1]', "1")
    assert session.take() == ["431[]"]
    assert [entry[0] for entry in namespace.log] == ["connect", "event", "disconnect", "l"]
    assert namespace.log[0][2] == {"a": 1}
    assert namespace.log[1:3] == [("event", 1), ("disconnect", "client disconnect")]


async def test_verbose_logs_events_that_nothing_handles(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session = Harness(verbose=True).session()
    sid = session.join()
    session.receive('2["nobody"]')
    assert f"received event 'nobody' from {sid} [/], for which there is no handler" in caplog.text


async def test_verbose_logs_events(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    harness = Harness(verbose=True)
    harness.sio.on("event", lambda sid: None)
    session = harness.session()
    sid = session.join()
    session.receive('2["event"]', '31["x"]')
    assert f"received event 'event' from {sid} [/]" in caplog.text
    assert f"received ack from {sid} [/]" in caplog.text


async def test_the_running_handlers_of_a_client_are_those_that_have_suspended() -> None:
    harness = Harness()
    release = asyncio.Event()

    @harness.sio.event
    async def wait(sid: str) -> None:
        await release.wait()

    session, other = joined(harness), joined(harness)
    dispatch = harness.sio._dispatch
    session.receive('2["wait"]', '2["wait"]', '2["unknown"]')
    assert [task.event for task in dispatch.running(session.context)] == ["wait", "wait"]
    assert dispatch.running(other.context) == []
    release.set()
    await turns()
    assert dispatch.running(session.context) == []


async def test_what_runs_for_a_client_and_for_nobody_is_told_apart() -> None:
    harness = Harness()
    may_end = asyncio.Event()

    @harness.sio.on("event")
    async def event(sid: str) -> None:
        await may_end.wait()

    @harness.sio.on_room("join-room")
    async def joined(room: str, sid: str) -> None:
        await may_end.wait()

    session = harness.session()
    session.join()
    session.receive('2["event"]')
    client = session.context
    [task] = harness.sio._dispatch.running(client)
    assert task.event == "event"
    may_end.set()
    await turns()
    assert harness.sio._dispatch.running(client) == []
