from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtserver.engineio.handler import Handshake
from rtserver.server.environ import Environ
from tests.unit.server.harness import HEADERS, Harness


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
