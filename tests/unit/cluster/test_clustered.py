"""What differs from one server: silence, failures, and what other servers get wrong."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from unittest.mock import patch

import pytest

from rtserver.cluster import namespaces
from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.message import Kind, Message
from rtserver.server.manager import PEER_TIMEOUT
from rtserver.server.reasons import Reason
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.contract.conftest import received
from tests.support.bus import Exchange, LoopBus
from tests.support.engine import until
from tests.unit.server.harness import Harness


class Servers:
    def __init__(self, *uids: str) -> None:
        self.exchange = Exchange()
        self.managers = [ClusterManager(LoopBus(self.exchange, uid)) for uid in uids]
        self.harnesses = [Harness(manager=manager) for manager in self.managers]

    async def __aenter__(self) -> Servers:
        for harness in self.harnesses:
            await harness.sio.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for harness in self.harnesses:
            await harness.sio.shutdown()


async def test_a_silent_server_is_named() -> None:
    async with Servers("a", "b", "c") as servers:
        first = servers.harnesses[0].sio
        clients = [harness.session() for harness in servers.harnesses]
        for client in clients:
            client.join()
        servers.exchange.buses["c"].is_deaf = True
        sockets = await first.timeout(0.1).fetch_sockets()
        assert (len(sockets), sockets.silent) == (2, ("c",))
        asked = asyncio.ensure_future(first.timeout(0.3).emit_with_ack("question"))
        for client in clients[:2]:
            await received(client)
            client.receive('31["yes"]')
        answers = await asked
        assert (list(answers), answers.silent, answers.complete) == (["yes", "yes"], ("c",), False)
        assert len(servers.managers[0]._requests) == 0


async def test_a_server_that_has_gone_is_not_waited_for() -> None:
    async with Servers("a", "b", "c") as servers:
        first, client = servers.harnesses[0].sio, servers.harnesses[2].session()
        client.join()
        servers.exchange.buses["b"].is_deaf = True
        fetching = asyncio.ensure_future(first.timeout(60).fetch_sockets())
        asking = asyncio.ensure_future(first.timeout(60).emit_with_ack("question"))
        await received(client)
        assert not fetching.done()
        for uid in ("b", "c"):
            servers.managers[0].receive(Message(uid, "/", Kind.CLOSE, {}))
        async with asyncio.timeout(10):
            sockets, answers = await fetching, await asking
        assert (len(sockets), sockets.silent) == (1, ("b",))
        assert (list(answers), answers.silent, answers.missing_count) == ([], ("b",), 1)


async def test_servers_answer_each_other() -> None:
    async with Servers("a", "b", "c") as servers:
        a, b, c = (harness.sio for harness in servers.harnesses)
        seen: list[Any] = []

        @b.on_server_event("question")
        async def answer(*args: Any) -> Any:
            seen.append(args)
            return {"from": "b"}

        c.on_server_event("question")(lambda *args: ("from", "c"))
        answers = await a.server_side_emit_with_ack("question", 1, "two")
        assert sorted(answers, key=str) == [("from", "c"), {"from": "b"}]
        await a.server_side_emit("question", 3)
        await until(lambda: seen == [(1, "two"), (3,)])


async def test_servers_answer_each_other_in_a_namespace_that_no_client_has_been_in() -> None:
    async with Servers("a", "b") as servers:
        a, b = (harness.sio.of("/chat") for harness in servers.harnesses)
        b.on_server_event("question", lambda: "yes")
        assert list(await a.server_side_emit_with_ack("question")) == ["yes"]


async def test_a_server_that_fails_or_has_no_handler_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with Servers("a", "b", "c") as servers:

        @servers.harnesses[1].sio.on_server_event("question")
        def fail() -> None:
            raise RuntimeError("secret")

        answers = await servers.harnesses[0].sio.server_side_emit_with_ack("question", timeout=0.1)
        assert (list(answers), answers.silent) == ([], ("b", "c"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Kind.BROADCAST, {}),
        (Kind.BROADCAST, {"opts": {}, "packet": {"data": []}}),
        (Kind.JOIN, {"opts": {"rooms": []}}),
        (Kind.LEAVE, {"opts": {"rooms": []}, "rooms": [None]}),
        (Kind.DISCONNECT, {"opts": 7}),
        (Kind.SERVER_SIDE_EMIT, {"packet": "x"}),
    ],
)
async def test_what_can_not_be_understood_is_counted_and_left_out(
    kind: Kind, data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with Servers("a") as servers:
        servers.managers[0].receive(Message("x", "/", kind, data))
        assert servers.managers[0].violations == 1
        assert "server x sent" in caplog.text


@pytest.mark.parametrize(
    "kind", [Kind.FETCHED, Kind.SERVER_SIDE_ANSWER, Kind.CLIENT_COUNT, Kind.CLIENT_ANSWER, Kind.HEARTBEAT]
)
@pytest.mark.parametrize("id", ["of no request", 7, None])
async def test_an_answer_that_nobody_waits_for_is_nothing(kind: Kind, id: Any) -> None:
    async with Servers("a") as servers:
        servers.managers[0].receive(Message("x", "/", kind, {"requestId": id}))
        assert servers.managers[0].violations == 0


async def test_its_own_messages_are_left_out() -> None:
    async with Servers("a") as servers:
        client = servers.harnesses[0].session()
        client.join()
        servers.managers[0].receive(
            Message("a", "/", Kind.BROADCAST, {"opts": {}, "packet": {"data": ["event"]}})
        )
        assert client.take() == []


async def test_a_single_room_is_named_to_the_bus() -> None:
    async with Servers("a", "b") as servers:
        sio = servers.harnesses[0].sio
        await sio.emit("event", room="x")
        await sio.emit("event", room=["x", "y"])
        await sio.emit("event")
        assert [room for _, room in servers.exchange.sent] == ["x", None, None]


def ask(servers: Servers, kind: Kind, **data: Any) -> list[Message]:
    """Let an older server ask the only one of these. Returns what it is answered."""
    answers: list[Message] = []
    bus = servers.exchange.buses["a"]
    with patch.object(bus, "reply", lambda uid, message: answers.append(message)):
        servers.managers[0].receive(Message("older", "/", kind, {"requestId": "1", **data}))
    return answers


async def test_an_older_server_asks_for_rooms_and_sids() -> None:
    async with Servers("a") as servers:
        sid = servers.harnesses[0].session().join()
        other = servers.harnesses[0].session().join()
        await servers.harnesses[0].sio.enter_room(sid, "x")
        [rooms] = ask(servers, Kind.ALL_ROOMS)
        assert rooms.kind is Kind.ALL_ROOMS_ANSWER
        assert (rooms.data["requestId"], set(rooms.data["rooms"])) == ("1", {sid, other, "x"})
        [sids] = ask(servers, Kind.SIDS, opts={"rooms": ["x"]})
        assert (sids.kind, sids.data) == (Kind.SIDS_ANSWER, {"requestId": "1", "sockets": [sid]})


async def test_an_older_server_is_told_that_a_client_is_here() -> None:
    async with Servers("a") as servers:
        session = servers.harnesses[0].session()
        sid, sio = session.join(), servers.harnesses[0].sio
        one = {"opts": {"rooms": [sid]}}
        for kind, rooms in ((Kind.JOIN, [sid, "x"]), (Kind.LEAVE, [sid])):
            [done] = ask(servers, kind, **one, rooms=["x"])
            assert (done.kind, done.data, sio.rooms(sid)) == (Kind.DONE, {"requestId": "1"}, rooms)
        [done] = ask(servers, Kind.DISCONNECT, **one, close=False)
        assert done.kind is Kind.DONE
        assert await received(session) == ["41"]
        assert ask(servers, Kind.JOIN, **one, rooms=["x"]) == []


async def test_the_manager_says_how_long_others_have() -> None:
    async with Servers("a", "b") as servers:
        servers.managers[0].request_timeout = 0.05
        servers.exchange.buses["b"].is_deaf = True
        async with asyncio.timeout(PEER_TIMEOUT - 1):
            sockets = await servers.harnesses[0].sio.fetch_sockets()
            answers = await servers.harnesses[0].sio.server_side_emit_with_ack("question")
        assert (sockets.silent, answers.silent) == (("b",), ("b",))


async def test_a_namespace_is_listened_for_while_somebody_may_come_back_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(namespaces, "MAX_IDLE", 0)
    bus = LoopBus(Exchange(), "a")
    harness = Harness(
        manager=ClusterManager(bus), namespaces="*", recovery=ConnectionStateRecovery(0.2), unnoticed=0.1
    )
    session = harness.session()
    session.receive("0/any")
    session.close(Reason.TRANSPORT_CLOSE)
    assert harness.sio._hub.namespaces == {}
    assert bus.opened == {"/", "/any"}
    await until(lambda: bus.opened == {"/"})


async def test_what_is_asked_in_a_namespace_is_answered_there_and_then_it_is_shut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(namespaces, "MAX_IDLE", 0)
    async with Servers("a", "b") as servers:
        asked, bus = servers.harnesses[1].sio, servers.exchange.buses["a"]
        opened: list[set[str]] = []
        asked.of("/any").on_server_event("question", lambda: opened.append(set(bus.opened)))
        await servers.harnesses[0].sio.of("/any").server_side_emit_with_ack("question")
        assert opened == [{"/", "/any"}]
        assert bus.opened == {"/"}
