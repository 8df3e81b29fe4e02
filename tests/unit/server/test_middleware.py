from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

import rtserver
from tests.unit.server.harness import Harness, turns


async def test_middlewares_run_in_order_before_the_connect_handler() -> None:
    harness = Harness()
    seen: list[Any] = []

    @harness.sio.use
    async def first(socket: rtserver.Socket) -> None:
        await asyncio.sleep(0)
        socket.data["user"] = socket.handshake.auth["user"]
        seen.append("first")

    @harness.sio.use
    def second(socket: rtserver.Socket) -> None:
        seen.append(("second", socket.data["user"], socket.connected))

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        seen.append(("connect", await harness.sio.get_session(sid)))

    session = harness.session()
    session.receive('0{"user":"ann"}')
    await turns()
    assert seen == ["first", ("second", "ann", False), ("connect", {"user": "ann"})]
    [answer] = session.take()
    assert str(answer).startswith('40{"sid":')


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Refusal("no entry", {"code": 7}), '{"message":"no entry","data":{"code":7}}'),
        (ConnectionRefusedError(), '{"message":"Connection refused by server"}'),
        (RuntimeError("secret"), '{"message":"Connection rejected by server"}'),
    ],
)
async def test_raising_refuses_the_client(
    error: Exception, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    harness = Harness()
    called: list[str] = []

    @harness.sio.use
    def refuse(socket: rtserver.Socket) -> None:
        raise error

    harness.sio.use(lambda socket: called.append("next"))
    harness.sio.on("connect", lambda sid, environ: called.append("connect"))
    session = harness.session()
    session.receive("0")
    assert session.take() == [f"44{answer}"]
    assert called == []


async def test_each_namespace_has_its_own_and_a_star_is_for_all() -> None:
    harness = Harness(namespaces="*")
    seen: list[tuple[str, str]] = []
    harness.sio.of("/chat").use(lambda socket: seen.append(("chat", socket.namespace)))
    harness.sio.use(lambda socket: seen.append(("every", socket.namespace)), namespace="*")
    harness.sio.of(re.compile("^/room-")).use(lambda socket: seen.append(("room", socket.namespace)))
    session = harness.session()
    session.join()
    session.join("/chat")
    assert seen == [("every", "/"), ("chat", "/chat"), ("every", "/chat")]


async def test_a_dynamic_namespaces_middleware_is_for_its_cases() -> None:
    harness = Harness()
    seen: list[str] = []
    harness.sio.of(re.compile("^/room-")).use(lambda socket: seen.append(socket.namespace))
    session = harness.session()
    session.join("/room-1")
    session.join("/room-2")
    session.join()
    assert seen == ["/room-1", "/room-2"]


async def test_a_middleware_may_disconnect_or_fill_rooms() -> None:
    harness = Harness()

    @harness.sio.use
    async def choose(socket: rtserver.Socket) -> None:
        await socket.join("x")
        if socket.handshake.auth == {"bad": True}:
            await socket.disconnect()

    harness.sio.use(lambda socket: None)
    good, bad = harness.session(), harness.session()
    sid = good.join()
    assert harness.sio.rooms(sid) == [sid, "x"]
    bad.receive('0{"bad":true}')
    assert bad.take() == ['44{"message":"Connection rejected by server"}']


async def test_always_connect_tells_the_client_first() -> None:
    harness = Harness(always_connect=True)

    @harness.sio.use
    def refuse(socket: rtserver.Socket) -> None:
        raise Refusal("no")

    session = harness.session()
    session.receive("0")
    connected, ended = session.take()
    assert str(connected).startswith('40{"sid":')
    assert ended == "41"


async def test_no_connect_handler_is_called_for_a_client_that_a_middleware_disconnects() -> None:
    harness = Harness()
    called: list[str] = []
    harness.sio.on("connect", lambda sid, environ: called.append("connect"))
    harness.sio.on("disconnect", lambda sid: called.append("disconnect"))

    @harness.sio.use
    async def end(socket: rtserver.Socket) -> None:
        await socket.disconnect()

    session = harness.session()
    session.receive("0")
    assert session.take() == ['44{"message":"Connection rejected by server"}']
    assert called == []


@pytest.mark.parametrize("always_connect", [False, True])
async def test_no_connect_handler_is_called_for_a_client_that_goes_while_middleware_runs(
    always_connect: bool,
) -> None:
    harness = Harness(always_connect=always_connect)
    called: list[str] = []
    go_on = asyncio.Event()
    harness.sio.on("connect", lambda sid, environ: called.append("connect"))
    harness.sio.on("disconnect", lambda sid: called.append("disconnect"))

    @harness.sio.use
    async def wait(socket: rtserver.Socket) -> None:
        await go_on.wait()

    session = harness.session()
    session.receive("0")
    session.close()
    go_on.set()
    await turns()
    assert called == (["disconnect"] if always_connect else [])
    assert harness.sio._hub.namespaces == {}
    assert session.context is None
