from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from rtserver.server import hub as hub_module
from rtserver.server.dynamic import DynamicNamespaces
from tests.unit.server.harness import Harness, turns

INVALID = '{"message":"Invalid namespace"}'


async def test_the_first_that_accepts_is_found() -> None:
    async def later(name: str, auth: Any) -> bool:
        await asyncio.sleep(0)
        return bool(auth == {"token": name})

    dynamic = DynamicNamespaces()
    assert not dynamic
    pattern = re.compile(r"^/room-\d+$")
    scopes = [dynamic.add(pattern), dynamic.add(lambda name: name.endswith("x")), dynamic.add(later)]
    assert len(set(scopes)) == 3
    assert dynamic.add(pattern) == scopes[0]
    assert await dynamic.find("/room-7", None) == scopes[0]
    assert await dynamic.find("/room-x", None) == scopes[1]
    assert await dynamic.find("/room-y", {"token": "/room-y"}) == scopes[2]
    assert await dynamic.find("/room-y", None) is None


def test_a_matcher_is_a_pattern_or_a_function() -> None:
    with pytest.raises(TypeError, match="received 7, expected a name, a compiled pattern or a function"):
        DynamicNamespaces().add(7)  # type: ignore[arg-type]


async def test_clients_join_a_case_of_a_pattern() -> None:
    harness = Harness()
    seen: list[Any] = []
    rooms = harness.sio.of(re.compile(r"^/room-\d+$"))

    @rooms.event
    async def connect(namespace: str, sid: str, environ: Any, auth: Any) -> None:
        seen.append(("connect", namespace, auth))

    @rooms.on("say")
    def say(namespace: str, sid: str, text: str) -> str:
        return f"{text} in {namespace}"

    @rooms.event
    def disconnect(namespace: str, sid: str, reason: str) -> None:
        seen.append(("disconnect", namespace, reason))

    session = harness.session()
    session.join("/room-1", '{"a":1}')
    session.receive('2/room-1,7["say","hello"]')
    assert session.take() == ['43/room-1,7["hello in /room-1"]']
    session.receive("0/room-x")
    assert session.take() == [f"44/room-x,{INVALID}"]
    session.receive("1/room-1,")
    assert seen == [("connect", "/room-1", {"a": 1}), ("disconnect", "/room-1", "client disconnect")]


async def test_a_predicate_may_take_its_time_and_the_auth_data() -> None:
    harness = Harness()
    release = asyncio.Event()

    async def exists(name: str, auth: Any) -> bool:
        await release.wait()
        return bool(auth == {"tenant": name})

    tenants = harness.sio.of(exists)
    tenants.on("event", lambda namespace, sid: namespace)
    first, second = harness.session(), harness.session()
    first.receive('0/a,{"tenant":"/a"}', '0/a,{"tenant":"/a"}')
    second.receive('0/b,{"tenant":"/a"}')
    await turns()
    assert first.take() == second.take() == []
    release.set()
    await turns()
    [accepted] = first.take()
    assert str(accepted).startswith('40/a,{"sid":')
    assert second.take() == [f"44/b,{INVALID}"]
    assert list(harness.sio._hub.namespaces) == ["/a"]


async def test_a_predicate_that_fails_refuses_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    harness = Harness()

    def broken(name: str) -> bool:
        raise RuntimeError("secret")

    harness.sio.of(broken)
    session = harness.session()
    session.receive("0/a")
    assert session.take() == ['44/a,{"message":"Connection rejected by server"}']
    assert "secret" in caplog.text
    assert harness.sio._hub.namespaces == {}


@pytest.mark.parametrize(("remove_empty", "asked"), [(False, 1), (True, 2)])
async def test_an_emptied_namespace_is_removed_when_that_is_asked(remove_empty: bool, asked: int) -> None:
    harness = Harness(remove_empty=remove_empty)
    names: list[str] = []

    def exists(name: str) -> bool:
        names.append(name)
        return True

    harness.sio.of(exists)
    for _ in range(2):
        session = harness.session()
        session.join("/a")
        session.close()
        assert ("/a" in harness.sio._hub.namespaces) is not remove_empty
    assert names == ["/a"] * asked


async def test_empty_namespaces_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_EMPTY", 2)
    harness = Harness()
    harness.sio.of(re.compile(""))
    staying = harness.session()
    staying.join("/0")
    for number in [1, 2, 3, 1, 4]:
        session = harness.session()
        session.join(f"/{number}")
        session.close()
    assert sorted(harness.sio._hub.namespaces) == ["/0", "/1", "/4"]


async def test_a_parent_reaches_all_its_cases() -> None:
    harness = Harness(namespaces=["/other"])
    rooms = harness.sio.of(re.compile("^/room-"))
    session = harness.session()
    for name in ("/room-1", "/room-2", "/other"):
        session.join(name)
    await rooms.emit("news", 1, 2)
    assert session.take() == ['42/room-1,["news",1,2]', '42/room-2,["news",1,2]']
    assert rooms.children == ("/room-1", "/room-2")


async def test_a_parent_reaches_rooms_of_its_cases() -> None:
    harness = Harness(namespaces=["/other"])
    parent = harness.sio.of(re.compile("^/room-"))
    ada, bob = harness.session(), harness.session()
    for name in ("/room-1", "/room-2", "/other"):
        await harness.sio.enter_room(ada.join(name), "team", name)
        bob.join(name)
    await parent.to("team").emit("for the team")
    await parent.except_("team").volatile.emit("for the others")
    await parent.to([]).emit("for nobody")
    assert ada.take() == ['42/room-1,["for the team"]', '42/room-2,["for the team"]']
    assert bob.take() == ['42/room-1,["for the others"]', '42/room-2,["for the others"]']
    with pytest.raises(ValueError, match="an event can't be named 'connect'"):
        await parent.to("team").emit("connect")


async def test_a_manager_listens_for_a_namespace_once_it_is_known_to_exist() -> None:
    harness = Harness()
    harness.sio.of(lambda name: name == "/good")
    opened: list[str] = []
    harness.sio._hub.on_open = opened.append
    session = harness.session()
    session.join()
    session.receive("0/bad")
    assert opened == ["/"]
    session.take()
    session.join("/good")
    assert opened == ["/", "/good"]


@pytest.mark.parametrize("remove_empty", [False, True])
async def test_a_manager_listens_no_longer_for_namespaces_that_only_clients_have_named(
    monkeypatch: pytest.MonkeyPatch, remove_empty: bool
) -> None:
    monkeypatch.setattr(hub_module, "MAX_EMPTY", 0)
    harness = Harness(namespaces=["/named", "*"], remove_empty=remove_empty)
    harness.sio.of(re.compile("^/case-"))
    harness.sio.on("event", lambda sid: None, namespace="/handled")
    harness.sio.of("/between").on_server_event("event", lambda: None)
    closed: list[str] = []
    harness.sio._hub.on_close = closed.append
    for name in ("/named", "/handled", "/between", "/any", "/case-1"):
        one, two = harness.session(), harness.session()
        one.join(name)
        two.join(name)
        one.close()
        assert name not in closed
        two.close()
    assert closed == ["/any", "/case-1"]
