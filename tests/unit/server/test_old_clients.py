"""Socket.IO v4, the protocol of 2.x clients, packet for packet. The first character is Engine.IO's ``4``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from tests.unit.server.harness import FakeSession, Harness, turns

SID = "engine-sid"


async def old(harness: Harness) -> FakeSession:
    """Make a session, and let it join the main namespace."""
    session = harness.session(protocol=3)
    assert session.take() == []  # the session isn't open yet
    await turns(1)
    return session


async def test_the_main_namespace_is_joined_without_a_packet() -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("connect", lambda sid, environ, auth: seen.append((sid, auth)))
    session = await old(harness)
    assert session.take() == ["40"]
    assert seen == [(SID, None)]
    assert harness.sio.rooms(SID) == [SID]


async def test_a_new_client_joins_nothing_by_itself() -> None:
    harness = Harness()
    session = harness.session()
    await turns()
    assert session.take() == []


async def test_a_session_that_closes_at_once() -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("connect", lambda sid, environ: seen.append(sid))
    session = harness.session(protocol=3)
    session.close()
    await turns()
    assert seen == []
    session = harness.session(protocol=3)
    session.is_open = False  # refused below, without a word to the handler
    await turns()
    assert seen == []


async def test_a_client_that_asks_for_it_at_once() -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
    harness = Harness()
    session = harness.session(protocol=3)
    session.receive("0")
    assert session.take() == ["40"]
    await turns()
    assert session.take() == []
    assert session.is_open
    assert failures == []


async def test_another_namespace() -> None:
    harness = Harness(namespaces=("*",))
    session = await old(harness)
    session.receive("0/admin,")
    assert session.take() == ["40", "40/admin,"]
    assert harness.sio.rooms("/admin#engine-sid", namespace="/admin") == ["/admin#engine-sid"]


async def test_a_query_stands_for_auth() -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("connect", lambda sid, environ, auth: seen.append((sid, auth)), namespace="/admin")
    session = await old(harness)
    session.receive("0/admin?token=x%26y&room=,")
    assert session.take() == ["40", "40/admin,"]
    assert seen == [("/admin#engine-sid", {"token": "x&y", "room": ""})]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Refusal("not you"), '"not you"'),
        (Refusal("not you", {"why": 1}), '{"why":1}'),
        (Refusal("not you", 1, 2), "[1,2]"),
        (Refusal(), '"Connection rejected by server"'),
        (ConnectionRefusedError(), '"Connection refused by server"'),
        (ValueError("internal secret"), '"Connection rejected by server"'),
        (Refusal("not you", object()), '"not you"'),
    ],
)
@pytest.mark.parametrize("namespace", ["/", "/admin"])
async def test_a_refusal(failure: Exception, told: str, namespace: str) -> None:
    harness = Harness()

    async def connect(sid: str, environ: Any) -> None:
        raise failure

    harness.sio.on("connect", connect, namespace=namespace)
    session = await old(harness)
    if namespace == "/":
        assert session.take() == [f"44{told}"]
    else:
        session.receive("0/admin,")
        assert session.take() == ["40", f"44/admin,{told}"]
    assert session.is_open


async def test_an_unknown_namespace() -> None:
    session = await old(Harness())
    session.receive("0/nowhere,")
    assert session.take() == ["40", '44/nowhere,"Invalid namespace"']


async def test_events_and_acknowledgments() -> None:
    harness = Harness()
    harness.sio.on("echo", lambda sid, *args: args)
    session = await old(harness)
    session.take()
    session.receive('27["echo","é"]')
    session.receive('51-8["echo",{"_placeholder":true,"num":0}]', b"\xff")
    assert session.take() == ['437["é"]', '461-8[{"_placeholder":true,"num":0}]', b"\xff"]
    await harness.sio.emit("news", b"\x00", to=SID)
    assert session.take() == ['451-["news",{"_placeholder":true,"num":0}]', b"\x00"]


async def test_the_client_leaves() -> None:
    harness = Harness()
    seen: list[Any] = []
    harness.sio.on("disconnect", lambda sid, reason: seen.append((sid, reason)))
    session = await old(harness)
    session.receive("1")
    assert seen == [(SID, "client disconnect")]
    session.receive("0")
    assert session.take() == ["40", "40"]


async def test_the_server_ends_it() -> None:
    harness = Harness()
    session = await old(harness)
    await harness.sio.disconnect(SID)
    assert session.take() == ["40", "41"]


class TestComingBack:
    """Its id is the same, so that its disconnect handler must have ended first."""

    @pytest.fixture
    def harness(self) -> Harness:
        harness = Harness()
        harness.sio.on("connect", self.connect)
        harness.sio.on("disconnect", self.disconnect)
        self.seen: list[Any] = []
        self.may_end = asyncio.Event()
        return harness

    async def connect(self, sid: str, environ: Any, auth: Any) -> None:
        self.seen.append(("connect", auth))

    async def disconnect(self, sid: str) -> None:
        await self.may_end.wait()
        self.seen.append("disconnect")

    async def test_it_waits(self, harness: Harness) -> None:
        session = await old(harness)
        session.receive("1", '0{"again":1}', '0{"again":2}')
        assert session.take() == ["40"]
        assert self.seen == [("connect", None)]
        self.may_end.set()
        await turns()
        assert self.seen == [("connect", None), "disconnect", ("connect", {"again": 2})]
        assert session.take() == ["40"]
        assert harness.sio.rooms(SID) == [SID]
        assert harness.sio._leaving._then == {}

    async def test_it_has_gone_meanwhile(self, harness: Harness) -> None:
        session = await old(harness)
        session.receive("1", "0")
        session.close()
        self.may_end.set()
        await turns()
        assert self.seen == [("connect", None), "disconnect"]
        assert harness.sio._leaving._then == {}
