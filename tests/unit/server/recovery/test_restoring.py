"""A state that has to be asked for elsewhere: who claims it waits, in its place, for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from rtserver.cluster.memory import MemoryManager
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.store import RecoveryStore, Restored
from tests.support.engine import until
from tests.unit.server.harness import Harness, turns
from tests.unit.server.recovery.client import Client


class Elsewhere(MemoryStore):
    """A store that answers when a test says so."""

    __slots__ = ("asked", "failure", "may_answer")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.may_answer = asyncio.Event()
        self.asked: list[str] = []
        self.failure: Exception | None = None

    def restore(self, namespace: str, pid: str, offset: str | None, limit: int) -> Awaitable[Restored | None]:
        self.asked.append(pid)
        return self._answer(namespace, pid, offset, limit)

    async def _answer(self, namespace: str, pid: str, offset: str | None, limit: int) -> Restored | None:
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        restored = super().restore(namespace, pid, offset, limit)
        assert restored is None or isinstance(restored, Restored)
        return restored


class Manager(MemoryManager):
    store: Elsewhere

    def recover(self, *args: Any) -> RecoveryStore:
        self._store = self._log = self.store = Elsewhere(*args)
        return self.store


@pytest.fixture
def manager() -> Manager:
    return Manager()


@pytest.fixture
def harness(manager: Manager) -> Harness:
    return Harness(
        manager=manager, recovery=ConnectionStateRecovery(), namespaces=("/", "/news"), connect_timeout=5
    )


@pytest.fixture
async def client(harness: Harness) -> Client:
    return Client(harness).connect()


async def test_a_client_gets_what_is_sent_while_it_waits(
    harness: Harness, manager: Manager, client: Client
) -> None:
    sid = client.sid
    await harness.sio.enter_room(sid, "a")
    client.drop()
    await harness.sio.emit("away", room="a")
    client.connect()
    await harness.sio.emit("waiting", room="a")
    assert client.session.sent == []
    manager.store.may_answer.set()
    await turns()
    await harness.sio.emit("back", room="a")
    assert client.read() == [["away"], ["waiting"], ["back"]]
    assert (client.recovered, client.sid) == (True, sid)


async def test_a_second_packet_for_its_place_is_ignored(
    harness: Harness, manager: Manager, client: Client
) -> None:
    client.drop().connect()
    client.session.receive(f'0{{"pid":"{client.pid}"}}')
    manager.store.may_answer.set()
    await turns()
    assert client.read() == []
    assert client.recovered
    assert len(manager.store.asked) == 1


async def test_who_goes_while_it_waits_can_come_back(
    harness: Harness, manager: Manager, client: Client
) -> None:
    client.drop().connect().drop()
    manager.store.may_answer.set()
    await turns()
    await harness.sio.emit("missed")
    client.connect()
    await turns()
    assert client.read() == [["missed"]]
    assert client.recovered


async def test_the_latest_connection_gets_what_an_earlier_one_has_asked_for(
    harness: Harness, manager: Manager, client: Client
) -> None:
    earlier = client.drop().connect().session  # and this one may be lost already
    client.connect()
    assert len(manager.store.asked) == 1
    manager.store.may_answer.set()
    await turns()
    client.read()
    assert client.recovered
    assert str(client.pid) not in str(earlier.sent)
    assert len(earlier.sent) == 1


async def test_who_claims_something_else_meanwhile_is_a_new_client(
    harness: Harness, manager: Manager, client: Client
) -> None:
    client.drop().connect()
    stranger = Client(harness)
    stranger.pid, stranger.offset = client.pid, "7"
    stranger.connect()
    assert not stranger.recovered
    assert stranger.sid
    manager.store.may_answer.set()
    await turns()
    client.read()
    assert client.recovered


async def test_who_is_found_nowhere_is_a_new_client(harness: Harness, manager: Manager) -> None:
    client = Client(harness)
    client.pid = "forged"
    client.connect()
    manager.store.may_answer.set()
    await turns()
    client.read()
    assert client.sid
    assert not client.recovered


async def test_who_gets_no_answer_in_time_is_a_new_client(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    harness = Harness(manager=manager, recovery=ConnectionStateRecovery(), connect_timeout=0.05)
    client = Client(harness).connect().drop().connect()
    await until(lambda: bool(client.session.sent))
    client.read()
    assert not client.recovered
    assert "not found in time" in caplog.text
    assert str(client.pid) not in caplog.text


async def test_a_store_that_fails_makes_a_new_client(
    harness: Harness, manager: Manager, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    manager.store.failure = OSError("broken")
    manager.store.may_answer.set()
    client.drop()
    client.connect()
    assert client.sid
    assert not client.recovered
    assert "could not be restored" in caplog.text
