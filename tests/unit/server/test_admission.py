from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
import socketio

from tests.unit.server.harness import Harness, turns

REFUSED = '44{"message":"Connection rejected by server"}'


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
