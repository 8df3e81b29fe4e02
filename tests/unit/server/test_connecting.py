from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any
from unittest.mock import AsyncMock

import pytest
import socketio

from rtserver.engineio.handler import Handshake
from rtserver.server import connecting
from rtserver.server.client import Client
from rtserver.server.socket import Socket
from tests.unit.server.harness import HEADERS, FakeSession, Harness, manual_clock, turns

REFUSED = '44{"message":"Connection rejected by server"}'


async def test_a_client_without_a_handler_in_its_way_is_accepted() -> None:
    harness = Harness()
    session = harness.session()
    sid = session.join()
    assert len(sid) == 20
    assert session.handshake.request is None
    assert harness.sio.rooms(sid) == [sid]
    assert harness.sio.counters.connects == 1


@pytest.mark.parametrize(
    ("settings", "accepted"),
    [
        ({}, ["/", "/handled", "/class"]),
        ({"namespaces": ("/a",)}, ["/a", "/handled", "/class"]),
        ({"namespaces": ("*",)}, ["/", "/a", "/handled", "/class", "/other"]),
    ],
)
async def test_which_namespaces_are_accepted(settings: dict[str, Any], accepted: list[str]) -> None:
    harness = Harness(**settings)
    harness.sio.on("x", print, namespace="/handled")
    harness.sio.on("x", print, namespace="*")
    harness.sio.register_namespace(socketio.AsyncNamespace("/class"))
    for name in ("/", "/a", "/handled", "/class", "/other"):
        session = harness.session()
        session.receive(f"0{name},")
        path = "" if name == "/" else f"{name},"
        [answer] = session.take()
        assert isinstance(answer, str)
        if name in accepted:
            assert answer.startswith(f'40{path}{{"sid":"')
        else:
            assert answer == f'44{path}{{"message":"Invalid namespace"}}'
            assert session.is_open


@pytest.mark.parametrize(("auth", "expected"), [("", None), ("{}", None), ('{"token":1}', {"token": 1})])
async def test_the_handler_gets_sid_environ_and_auth(auth: str, expected: Any) -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("connect", lambda *args: seen.append(args))
    session = harness.session()
    sid = session.join(auth=auth)
    [(its_sid, environ, its_auth)] = seen
    assert (its_sid, its_auth) == (sid, expected)
    assert environ["REMOTE_ADDR"] == "203.0.113.7"
    assert environ["QUERY_STRING"] == "EIO=4&transport=websocket"
    assert environ["HTTP_COOKIE"] == "a=1"


async def test_auth_is_kept_from_a_handler_that_does_not_take_it() -> None:
    harness = Harness()
    harness.sio.on("connect", lambda sid, environ: None)
    harness.session().join(auth='{"token":1}')


async def wait_then(result: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(result, Exception):
        raise result
    return result


REFUSALS: list[tuple[Any, str]] = [
    (False, REFUSED),
    (socketio.exceptions.ConnectionRefusedError(), REFUSED),
    (socketio.exceptions.ConnectionRefusedError("no"), '44{"message":"no"}'),
    (socketio.exceptions.ConnectionRefusedError("no", {"code": 7}), '44{"message":"no","data":{"code":7}}'),
    (socketio.exceptions.ConnectionRefusedError("no", 1, 2), '44{"message":"no","data":[1,2]}'),
    (ConnectionRefusedError(), '44{"message":"Connection refused by server"}'),
]


@pytest.mark.parametrize(("outcome", "answer"), REFUSALS)
@pytest.mark.parametrize("suspends", [False, True])
async def test_a_handler_refuses(outcome: Any, answer: str, suspends: bool) -> None:
    harness = Harness()
    left = AsyncMock()
    harness.sio.on("disconnect", left)

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> Any:
        await harness.sio.enter_room(sid, "room")
        await harness.sio.emit("secret", room="room")
        if suspends:
            return await wait_then(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    session = harness.session()
    session.receive("0")
    await turns()
    assert session.take() == [answer]
    assert session.is_open
    assert harness.sio.counters.refusals == 1
    assert harness.sio._hub.namespaces == {}
    session.close()
    assert left.call_count == 0


async def test_a_handler_that_fails_refuses_and_says_nothing_of_why(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    @harness.sio.event
    def connect(sid: str, environ: Any) -> None:
        raise KeyError("internal")

    session = harness.session()
    session.receive("0")
    assert session.take() == [REFUSED]
    assert "KeyError: 'internal'" in caplog.text
    assert "'connect'" in caplog.text


async def test_refusal_data_that_can_not_be_sent_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    @harness.sio.event
    def connect(sid: str, environ: Any) -> None:
        raise socketio.exceptions.ConnectionRefusedError("no", object())

    session = harness.session()
    session.receive("0")
    assert session.take() == ['44{"message":"no"}']
    assert "can't be sent" in caplog.text


@pytest.mark.parametrize("result", [None, True, 0, "", "yes"])
async def test_anything_but_false_accepts(result: Any) -> None:
    harness = Harness()
    harness.sio.on("connect", lambda sid, environ: result)
    harness.session().join()


@pytest.mark.parametrize("suspends", [False, True])
async def test_what_the_handler_emits_follows_the_answer(suspends: bool) -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await harness.sio.enter_room(sid, "room")
        await harness.sio.emit("to sid", to=sid)
        if suspends:
            await asyncio.sleep(0)
        await harness.sio.emit("to room", b"\x01", room="room")
        await harness.sio.emit("to all")

    session = harness.session()
    session.receive("0")
    await turns()
    answer, *events = session.take()
    assert isinstance(answer, str)
    assert answer.startswith('40{"sid":"')
    assert events == [
        '42["to sid"]',
        '451-["to room",{"_placeholder":true,"num":0}]',
        b"\x01",
        '42["to all"]',
    ]


async def test_more_than_a_buffer_held_for_a_client_ends_it() -> None:
    harness = Harness(max_held=100)

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        for _ in range(20):
            await harness.sio.emit("event", "x" * 10, to=sid)

    session = harness.session()
    session.receive("0")
    assert session.closed_for == "slow client"


async def test_always_connect_answers_first() -> None:
    harness = Harness(always_connect=True)

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await harness.sio.emit("first", to=sid)
        await asyncio.sleep(0)

    session = harness.session()
    session.receive("0")
    assert [str(packet)[:4] for packet in session.take()] == ['40{"', "42[" + '"']


async def test_always_connect_refuses_with_a_disconnect() -> None:
    harness = Harness(always_connect=True)
    left = AsyncMock()
    harness.sio.on("disconnect", left)
    harness.sio.on("connect", lambda sid, environ: False)
    session = harness.session()
    session.receive("0")
    assert session.take()[1:] == ["41"]
    assert left.call_count == 0
    session.receive('2["in flight"]')
    assert session.is_open
    assert harness.sio._hub.namespaces == {}


async def test_a_second_connect_to_a_namespace_closes_the_connection() -> None:
    session = Harness().session()
    session.join()
    session.receive("0")
    assert session.closed_for == "parse error"


async def test_a_second_connect_while_the_first_is_decided_is_answered_by_the_first() -> None:
    harness = Harness()
    harness.sio.on("connect", AsyncMock(side_effect=lambda *args: None))
    calls = 0

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    session = harness.session()
    session.receive("0", "0")
    await turns()
    assert calls == 1
    assert len(session.take()) == 1
    assert session.is_open


@pytest.mark.parametrize("packet", ['2["event"]', "1", '31["ack"]', '2/other,["event"]', '51-["x",1]'])
async def test_a_packet_before_connect_closes_the_connection(packet: str) -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0)

    for joining in ((), ("0",)):
        session = harness.session()
        session.receive(*joining, packet)
        assert session.closed_for == "parse error"
    assert harness.sio.counters.violations == 2


async def test_many_namespaces_on_one_connection() -> None:
    harness = Harness(namespaces=("*",))
    left: list[Any] = []
    harness.sio.on("disconnect", lambda *args: left.append(args), namespace="*")
    session = harness.session()
    sids = [session.join(name) for name in ("/", "/a", "/b")]
    assert len(set(sids)) == 3
    session.receive("1/a,")
    assert left == [("/a", sids[1], "client disconnect")]
    session.close("transport close")
    assert left[1:] == [("/", sids[0], "transport close"), ("/b", sids[2], "transport close")]
    assert harness.sio._hub.namespaces == {}


async def test_several_namespaces_are_decided_at_the_same_time() -> None:
    harness = Harness(namespaces=("*",))
    order: list[str] = []

    @harness.sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any) -> bool:
        await turns(3 if namespace == "/" else 1)
        order.append(namespace)
        return namespace != "/b"

    session = harness.session()
    session.receive("0", "0/a,", "0/b,")
    await turns(10)
    assert order == ["/a", "/b", "/"]
    assert [str(packet)[:5] for packet in session.take()] == ["40/a,", "44/b,", '40{"s']


async def test_a_call_fails_before_the_disconnect_handler_has_ended() -> None:
    harness = Harness()
    never = asyncio.Event()

    @harness.sio.event
    async def disconnect(sid: str) -> None:
        await never.wait()

    session = harness.session()
    sid = session.join()
    call = asyncio.create_task(harness.sio.call("event", to=sid))
    await turns(1)
    session.close()
    with pytest.raises(socketio.exceptions.TimeoutError):
        await call
    never.set()
    await turns()


async def test_serial_connect_handlers_run_one_after_another() -> None:
    harness = Harness(namespaces=("*",), serial=True)
    log: list[str] = []

    @harness.sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any) -> None:
        log.append(f"{namespace} starts")
        await asyncio.sleep(0)
        log.append(f"{namespace} ends")

    session = harness.session()
    session.receive("0", "0/a,")
    await turns(10)
    assert log == ["/ starts", "/ ends", "/a starts", "/a ends"]
    assert session.context.running == 0


async def test_a_handler_that_is_cancelled_refuses() -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        if auth:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)
        raise asyncio.CancelledError

    session = harness.session()
    for auth in ("", '{"later":true}'):
        session.receive(f"0{auth}")
        await turns()
        assert session.take() == [REFUSED]
    assert harness.sio.counters.handler_errors == 0


async def test_the_disconnect_handler_still_sees_rooms_session_and_environ() -> None:
    harness = Harness()
    sio = harness.sio
    seen: list[Any] = []

    @sio.event
    async def disconnect(sid: str, reason: str) -> None:
        await asyncio.sleep(0)
        environ = sio.get_environ(sid)
        assert environ is not None
        await sio.emit("too late", to=sid)
        seen.append((sio.rooms(sid), await sio.get_session(sid), environ["REMOTE_ADDR"], reason))

    session = harness.session()
    sid = session.join()
    await sio.enter_room(sid, "room")
    await sio.save_session(sid, {"user": 1})
    session.receive("1")
    await turns()
    assert seen == [([sid, "room"], {"user": 1}, "203.0.113.7", "client disconnect")]
    assert session.take() == []
    assert sio.rooms(sid) == []
    with pytest.raises(KeyError):
        await sio.get_session(sid)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("transport close", "transport close"),
        ("ping timeout", "ping timeout"),
        ("forced close", "server disconnect"),
        ("slow client", "slow client"),
    ],
)
async def test_disconnect_reasons(reason: str, told: str) -> None:
    harness = Harness()
    seen: list[str] = []
    harness.sio.on("disconnect", lambda sid, reason: seen.append(reason))
    session = harness.session()
    session.join()
    session.close(reason)
    assert seen == [told]


async def test_a_disconnect_handler_that_fails_is_logged_and_leaves_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = Harness()

    @harness.sio.event
    def disconnect(sid: str) -> None:
        raise RuntimeError("broken")

    session = harness.session()
    session.join()
    session.close()
    assert "RuntimeError: broken" in caplog.text
    assert harness.sio._hub.namespaces == {}


async def test_a_client_that_goes_while_its_handler_runs_is_disconnected_after_it() -> None:
    harness = Harness()
    log: list[str] = []

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0)
        log.append("connected")

    @harness.sio.event
    async def disconnect(sid: str, reason: str) -> None:
        log.append(reason)

    session = harness.session()
    session.receive("0")
    session.close("transport close")
    assert log == []
    await turns()
    assert log == ["connected", "transport close"]
    assert harness.sio._hub.namespaces == {}


async def test_a_client_that_goes_while_it_is_refused_is_not_disconnected() -> None:
    harness = Harness()
    left = AsyncMock()
    harness.sio.on("disconnect", left)
    harness.sio.on("connect", AsyncMock(side_effect=lambda *args: False))

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> bool:
        await asyncio.sleep(0)
        return False

    session = harness.session()
    session.receive("0")
    session.close()
    await turns()
    assert left.call_count == 0
    assert harness.sio._hub.namespaces == {}


async def test_disconnect_in_the_connect_handler_refuses() -> None:
    harness = Harness()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await harness.sio.disconnect(sid)

    session = harness.session()
    session.receive("0")
    assert session.take() == [REFUSED]
    assert harness.sio.counters.refusals == 1


async def test_a_client_that_joins_no_namespace_in_time_is_disconnected() -> None:
    loop, clock = manual_clock()
    harness = Harness(connect_timeout=5, clock=clock)
    idle, refused, slow, joined = (harness.session() for _ in range(4))
    refused.receive("0/unknown,")
    joined.join()

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        await asyncio.sleep(0)

    slow.receive("0")
    loop.advance(6)
    assert [session.is_open for session in (idle, refused, slow, joined)] == [False, False, True, True]
    await turns()
    loop.advance(60)
    assert slow.is_open
    assert len(clock) == 0
    assert harness.sio.counters.connect_timeouts == 2


async def test_a_client_that_goes_leaves_no_timer() -> None:
    _, clock = manual_clock()
    session = Harness(clock=clock).session()
    assert len(clock) == 1
    session.close()
    assert len(clock) == 0


async def test_the_environ_is_built_anew_until_the_application_writes_to_it() -> None:
    harness = Harness(namespaces=("/", "/b"))
    sio = harness.sio
    handshake = Handshake("GET", "/", HEADERS, request=type("Request", (), {"content": None})())
    seen: list[Any] = []

    @sio.on("connect", namespace="*")
    async def connect(namespace: str, sid: str, environ: Any) -> None:
        seen.append((namespace, environ.get("user"), "aiohttp.request" in environ))
        if namespace == "/":
            environ["user"] = "Ada"

    session = harness.session(handshake)
    other = harness.session()
    sid = session.join("/")
    session.join("/b")
    assert seen == [("/", None, True), ("/b", "Ada", False)]
    assert handshake.request is None
    environ = sio.get_environ(sid)
    assert environ is not None
    assert environ["user"] == "Ada"
    assert sio.get_environ(sid) is environ
    assert "aiohttp.request" not in environ
    other_sid = other.join("/b")
    for _ in range(2):
        assert dict(sio.get_environ(other_sid, "/b") or {})["HTTP_HOST"] == "chat.example"
    assert sio.get_environ(other_sid, "/b") is not sio.get_environ(other_sid, "/b")
    assert sio.get_environ("nobody") is None


async def test_a_client_that_left_is_garbage_without_the_collector() -> None:
    harness = Harness()
    left = AsyncMock()
    harness.sio.on("disconnect", left)
    before = {id(each) for each in gc.get_objects()}
    gc.disable()
    try:
        session: FakeSession | None = harness.session()
        assert session is not None
        session.join()
        session.close()
        session.take()
        session = None
        await turns()
        alive = [each for each in gc.get_objects() if isinstance(each, (Client, Socket))]
        assert [each for each in alive if id(each) not in before] == []
    finally:
        gc.enable()


async def test_verbose_logs_who_comes_and_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session = Harness(verbose=True).session()
    sid = session.join()
    session.close("ping timeout")
    assert f"{sid} connects to namespace /" in caplog.text
    assert f"{sid} leaves namespace /: ping timeout" in caplog.text


async def test_a_client_that_joins_namespaces_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connecting, "MAX_OTHERS", 2)
    harness = Harness(namespaces=("*",))
    session = harness.session()
    for name in ("/", "/1", "/2"):
        session.join(name)
    session.receive("0/3")
    assert session.take() == ['44/3,{"message":"Too many namespaces"}']
    assert list(harness.sio._hub.namespaces) == ["/", "/1", "/2"]
    session.receive("1/1,")
    session.join("/3")
