from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import socketio

from rtserver.engineio.handler import Handshake
from rtserver.server.environ import Environ
from tests.unit.server.harness import HEADERS, Harness, manual_clock, turns


class Keeper:
    environ: Environ | None = None


def make(**values: object) -> tuple[Environ, Keeper]:
    keeper = Keeper()
    return Environ({"PATH_INFO": "/", **values}, keeper), keeper


def test_reading_keeps_nothing() -> None:
    environ, keeper = make()
    assert environ["PATH_INFO"] == "/"
    assert environ.get("missing") is None
    assert dict(environ) == {"PATH_INFO": "/"}
    assert keeper.environ is None


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.__setitem__("user", 1),
        lambda e: e.__delitem__("PATH_INFO"),
        lambda e: e.update(user=1),
        lambda e: e.update({"user": 1}),
        lambda e: e.setdefault("user", 1),
        lambda e: e.pop("PATH_INFO"),
        lambda e: e.popitem(),
        lambda e: e.clear(),
        lambda e: e.__ior__({"user": 1}),
    ],
)
def test_any_change_keeps_it(change: Callable[[Environ], object]) -> None:
    environ, keeper = make()
    change(environ)
    assert keeper.environ is environ


def test_of_two_that_were_handed_out_neither_change_is_lost() -> None:
    first, keeper = make()
    second = Environ(first, keeper)
    first["a"] = 1
    second["b"] = 2
    assert keeper.environ is first
    assert first["a"] == 1
    assert first["b"] == 2


def test_the_request_is_let_go_without_counting_as_a_change() -> None:
    environ, keeper = make(**{"aiohttp.request": object()})
    environ.release_request()
    assert "aiohttp.request" not in environ
    assert keeper.environ is None


class Request:
    content = None


def with_request() -> Handshake:
    return Handshake("GET", "/", HEADERS, request=Request())


async def test_the_environ_is_built_anew_until_the_application_writes_to_it() -> None:
    harness = Harness(namespaces=("/", "/b"))
    sio = harness.sio
    seen: list[Any] = []

    async def connect(sid: str, environ: Any) -> None:
        seen.append((environ.get("user"), "aiohttp.request" in environ))
        environ["user"] = "Ada"

    async def connect_b(sid: str, environ: Any) -> None:
        seen.append((environ.get("user"), "aiohttp.request" in environ))

    sio.on("connect", connect)
    sio.on("connect", connect_b, namespace="/b")
    session = harness.session(with_request())
    other = harness.session()
    sid = session.join("/")
    session.join("/b")
    assert seen == [(None, True), ("Ada", True)]
    assert session.handshake.request is None
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


async def test_the_request_is_there_until_every_connect_handler_had_it() -> None:
    harness = Harness(namespaces=("/", "/open"))
    sio = harness.sio
    seen: list[bool] = []

    @sio.on("connect", namespace="/a")
    async def connect(sid: str, environ: Any, auth: Any) -> bool:
        seen.append("aiohttp.request" in environ)
        await turns(1)
        return bool(auth)

    class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
        def on_connect(self, sid: str, environ: Any) -> None:
            seen.append("aiohttp.request" in environ)

    sio.register_namespace(Chat("/chat"))
    sio.register_namespace(socketio.AsyncNamespace("/without"))
    session = harness.session(with_request())
    for name in ("/", "/open", "/without", "/chat"):
        session.join(name)
    for auth in ("", '{"token":1}'):
        session.receive(f"0/a,{auth}")
        await turns()
    assert seen == [True, True, True]
    assert session.handshake.request is None


@pytest.mark.parametrize("always_connect", [False, True])
async def test_the_request_is_let_go_at_once_where_no_other_handler_wants_it(always_connect: bool) -> None:
    harness = Harness(always_connect=always_connect)
    seen: list[bool] = []

    @harness.sio.event
    async def connect(sid: str, environ: Any) -> None:
        seen.append("aiohttp.request" in environ)
        environ["user"] = "Ada"
        await turns(1)
        seen.append("aiohttp.request" in environ)

    session = harness.session(with_request())
    session.receive("0")
    await turns()
    assert seen == [True, True]
    (sid,) = harness.sio._hub.namespaces["/"].sockets
    environ = harness.sio.get_environ(sid)
    assert environ is not None
    assert "aiohttp.request" not in environ
    assert session.handshake.request is None


async def test_the_request_stays_where_any_namespace_may_be_asked_for() -> None:
    harness = Harness(namespaces=("*",))
    harness.sio.on("connect", lambda namespace, sid, environ: None, namespace="*")
    session = harness.session(with_request())
    sid = session.join("/")
    assert "aiohttp.request" in (harness.sio.get_environ(sid) or {})


@pytest.mark.parametrize("name", ["*", "/never"])
async def test_the_request_is_let_go_when_the_time_to_connect_is_over(name: str) -> None:
    loop, clock = manual_clock()
    harness = Harness(connect_timeout=5, clock=clock)
    harness.sio.on("connect", lambda *args: None, namespace=name)
    go_on = asyncio.Event()
    seen: list[bool] = []

    @harness.sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        environ["user"] = "Ada"
        if auth:
            await go_on.wait()
        seen.append("aiohttp.request" in environ)

    @harness.sio.on("connect", namespace="/late")
    async def connect_late(*args: Any) -> None:
        await connect(*args)

    session, slow, late, left = (harness.session(with_request()) for _ in range(4))
    sid = session.join()
    late.join()
    late.receive('0/late,{"wait":1}')
    left.join()
    left.receive("1")
    slow.receive('0{"wait":1}')
    loop.advance(6)
    await turns()
    assert session.handshake.request is None
    assert "aiohttp.request" not in (harness.sio.get_environ(sid) or {"aiohttp.request": 1})
    assert slow.handshake.request is not None
    go_on.set()
    await turns()
    assert seen == [True] * 5
    loop.advance(6)
    assert [each.handshake.request for each in (session, slow, late, left)] == [None] * 4
    assert [each.is_open for each in (session, slow, late, left)] == [True] * 4
    assert len(clock) == 0


async def test_no_timer_runs_for_a_request_that_has_been_let_go() -> None:
    _, clock = manual_clock()
    harness = Harness(connect_timeout=5, clock=clock)
    harness.sio.on("connect", lambda *args: None)
    harness.session(with_request()).join()
    assert len(clock) == 0


async def test_the_request_is_there_while_the_handler_of_another_namespace_runs() -> None:
    harness = Harness(always_connect=True)
    go_on = asyncio.Event()
    seen: list[bool] = []

    @harness.sio.on("connect", namespace="/b")
    async def connect(sid: str, environ: Any) -> None:
        environ["user"] = "Ada"
        await go_on.wait()
        seen.append("aiohttp.request" in environ)

    harness.sio.on("connect", lambda sid, environ: None, namespace="/a")
    session = harness.session(with_request())
    session.join("/b")
    session.join("/a")
    go_on.set()
    await turns()
    assert seen == [True]
    assert session.handshake.request is None
