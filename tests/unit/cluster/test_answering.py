"""What a server answers, with a bus that notes it. Between servers: tests/contract/test_managers.py."""

from __future__ import annotations

from typing import Any

import pytest

from rtserver.cluster.clustered import ClusterManager
from rtserver.cluster.message import Kind, Message
from tests.support.bus import Exchange, LoopBus
from tests.support.engine import until
from tests.unit.server.harness import Harness

OPTS: dict[str, Any] = {"rooms": [], "except": []}


class Noted(LoopBus):
    """A bus that keeps the answers."""

    def __init__(self) -> None:
        super().__init__(Exchange(), "me")
        self.answers: list[tuple[str, Kind, dict[str, Any]]] = []

    def reply(self, uid: str, message: Message) -> None:
        self.answers.append((uid, message.kind, dict(message.data)))


class Asked:
    """A server that another one asks."""

    def __init__(self) -> None:
        self.bus = Noted()
        self.manager = ClusterManager(self.bus)
        self.harness = Harness(manager=self.manager)

    def ask(self, kind: Kind, **data: Any) -> list[tuple[str, Kind, dict[str, Any]]]:
        self.manager.receive(Message("other", "/", kind, data))
        answers, self.bus.answers = self.bus.answers, []
        return answers


@pytest.fixture
async def asked() -> Asked:
    return Asked()


async def test_who_is_here(asked: Asked) -> None:
    sid = asked.harness.session().join()
    await asked.harness.sio.enter_room(sid, "a")
    [(uid, kind, data)] = asked.ask(Kind.FETCH, opts=OPTS, requestId="1")
    assert (uid, kind, data["requestId"]) == ("other", Kind.FETCHED, "1")
    assert [(each["id"], each["rooms"]) for each in data["sockets"]] == [(sid, [sid, "a"])]
    assert asked.ask(Kind.SIDS, opts=OPTS, requestId="2") == [
        ("other", Kind.SIDS_ANSWER, {"requestId": "2", "sockets": [sid]})
    ]
    assert asked.ask(Kind.ALL_ROOMS, requestId="3") == [
        ("other", Kind.ALL_ROOMS_ANSWER, {"requestId": "3", "rooms": [sid, "a"]})
    ]


async def test_an_older_server_is_told_that_its_client_was_here(asked: Asked) -> None:
    sid = asked.harness.session().join()
    opts = {"rooms": [sid]}
    assert asked.ask(Kind.JOIN, opts=opts, rooms=["a"]) == []
    assert asked.ask(Kind.LEAVE, opts=opts, rooms=["a"], requestId="1") == [
        ("other", Kind.DONE, {"requestId": "1"})
    ]
    assert asked.ask(Kind.DISCONNECT, opts={"rooms": ["elsewhere"]}, requestId="2") == []


async def test_clients_are_counted_and_their_answers_passed_on(asked: Asked) -> None:
    client = asked.harness.session()
    client.join()
    packet = {"type": 2, "data": ["question"]}
    assert asked.ask(Kind.BROADCAST, opts=OPTS, packet=packet, requestId="1") == [
        ("other", Kind.CLIENT_COUNT, {"requestId": "1", "clientCount": 1})
    ]
    client.receive('31["a","b"]')
    assert asked.bus.answers == [
        ("other", Kind.CLIENT_ANSWER, {"requestId": "1", "packet": "a", "more": ["b"]})
    ]


async def test_a_server_answers_for_itself_where_that_is_wanted(asked: Asked) -> None:
    asked.harness.sio.on_server_event("question", lambda *args: args)
    asked.ask(Kind.SERVER_SIDE_EMIT, packet=["question", 1])
    asked.ask(Kind.SERVER_SIDE_EMIT, packet=["question", 1, 2], requestId="1")
    await until(lambda: asked.bus.answers)
    assert asked.bus.answers == [
        ("other", Kind.SERVER_SIDE_ANSWER, {"requestId": "1", "packet": 1, "more": [2]})
    ]
