"""Workers that are killed: their clients go on at others, with everything that they would have got."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from rtserver.cluster.recovery.journaled import JournaledStore
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place
from rtserver.server.recovery.options import ConnectionStateRecovery
from tests.support.engine import until
from tests.unit.server.harness import Harness
from tests.unit.server.recovery.client import Client


class Worker:
    def __init__(self, directory: Path, name: str, **settings: Any) -> None:
        self.place = Place(directory, name)
        self.manager = WorkerManager(self.place)
        options = ConnectionStateRecovery(**settings)
        self.harness = Harness(manager=self.manager, recovery=options)
        self.sio = self.harness.sio

    @property
    def store(self) -> JournaledStore:
        store = self.manager._shared
        assert isinstance(store, JournaledStore)
        return store

    async def kill(self) -> None:
        """Let everything end that ends with a process, and nothing be written any more."""
        journal, looks = self.store._journal, self.store._looks
        assert journal is not None
        assert looks is not None
        looks.cancel()
        for file in (journal._file, journal._lock):
            assert file is not None
            os.close(file)
        journal._file = journal._lock = None
        await self.manager._bus.close()
        self.place.clear()


class Workers:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running: dict[str, Worker] = {}

    async def start(self, name: str, **settings: Any) -> Worker:
        worker = self.running[name] = Worker(self.directory, name, **settings)
        await worker.sio.start()
        await until(lambda: len(worker.manager._bus._links) == len(self.running) - 1)  # type: ignore[attr-defined]
        return worker

    async def kill(self, name: str) -> None:
        await self.running.pop(name).kill()
        await until(lambda: all(name not in each.manager._bus._links for each in self.running.values()))  # type: ignore[attr-defined]


@pytest.fixture
async def workers(tmp_path: Path) -> Any:
    made = Workers(tmp_path)
    yield made
    for worker in made.running.values():
        await worker.sio.shutdown()


async def back(client: Client, worker: Worker) -> bool:
    client.drop()
    client.move(worker.harness).open()
    await until(lambda: bool(client.session.sent))
    client.read()
    return client.recovered


async def received(client: Client, *expected: int) -> None:
    await until(lambda: len(client.read()) >= len(expected))
    assert client.received == [["n", number] for number in expected]


async def test_a_client_of_a_killed_worker_goes_on_at_another(workers: Workers) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    client = Client(one.harness).connect()
    sid = client.sid
    for room in ("a", "b", "c"):
        await one.sio.enter_room(sid, room)
    await one.sio.leave_room(sid, "b")
    await one.sio.save_session(sid, {"name": "Ada", "bytes": b"\x00"})
    one.store._look()
    await one.sio.emit("n", 1, room="a")
    await received(client, 1)
    await one.sio.emit("n", 2, room="a")  # it is lost on the way
    await two.sio.emit("n", 3, room="c")
    await two.sio.emit("n", 0, room="b")
    await until(lambda: one.store.progress.latest("two-") == 2)
    await workers.kill("one-")
    await two.sio.emit("n", 4, room="a")
    await two.sio.emit("n", 5, to=sid)
    await two.sio.emit("n", 0, room="b")
    client.session.take()
    assert await back(client, two)
    await two.sio.emit("n", 6)
    await received(client, 1, 2, 3, 4, 5, 6)
    assert client.sid == sid
    assert two.sio.rooms(sid) == [sid, "a", "c"]
    assert await two.sio.get_session(sid) == {"name": "Ada", "bytes": b"\x00"}


async def test_one_that_was_away_already_goes_on_at_another(workers: Workers) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    client = Client(one.harness).connect()
    await one.sio.enter_room(client.sid, "a")
    client.drop()
    await two.sio.emit("n", 1, room="a")
    await until(lambda: one.store.progress.latest("two-") == 1)
    await workers.kill("one-")
    assert await back(client, two)
    await received(client, 1)


async def test_one_survives_several_workers(workers: Workers) -> None:
    names = ["1st-", "2nd-", "3rd-", "4th-"]
    running = [await workers.start(name) for name in names]
    client = Client(running[0].harness).connect()
    await running[0].sio.enter_room(client.sid, "a")
    for number in range(3):
        await running[number + 1].sio.emit("n", number * 2 + 1, room="a")
        if number == 1:
            await received(client, 1, 2, 3)
        await until(lambda number=number: running[number].store.progress.latest(names[number + 1]) > 0)  # type: ignore[misc]
        await workers.kill(names[number])
        await running[3].sio.emit("n", number * 2 + 2, room="a")
        client.session.take()
        assert await back(client, running[number + 1])
        await received(client, *range(1, number * 2 + 3))


async def test_a_worker_that_ends_in_order_takes_nobody_with_it(workers: Workers) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    client = Client(one.harness).connect()
    client.session.close("server shutting down")
    await one.sio.emit("n", 1)
    del workers.running["one-"]
    await one.sio.shutdown()
    assert await back(client, two)
    await received(client, 1)


async def test_each_session_is_given_once(workers: Workers) -> None:
    one, two, three = [await workers.start(name) for name in ("one-", "two-", "thre")]
    client = Client(one.harness).connect()
    twin = Client(one.harness).connect().drop()
    twin.pid = client.pid
    await workers.kill("one-")
    client.drop()
    twin.move(three.harness).open()
    client.move(two.harness).open()
    await until(lambda: bool(client.session.sent) and bool(twin.session.sent))
    client.read()
    twin.read()
    assert [client.recovered, twin.recovered].count(True) == 1


async def test_who_said_good_bye_or_went_elsewhere_is_not_found(workers: Workers) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    client, other = Client(one.harness).connect(), Client(one.harness).connect()
    client.session.receive("1")
    assert await back(other, two)
    other.session.receive("1")
    await workers.kill("one-")
    assert not await back(client, two)
    other.pid = "one-." + str(other.pid).partition(".")[2]
    assert not await back(other, two)


async def test_who_comes_too_late_is_a_new_client(workers: Workers) -> None:
    one = await workers.start("one-")
    two = await workers.start("two-", max_disconnection_duration=30.0)
    client = Client(one.harness).connect()
    await workers.kill("one-")
    past = time.time() - 31
    os.utime(one.place.journal, (past, past))
    assert not await back(client, two)


async def test_the_journals_of_the_dead_are_removed_when_they_are_of_no_use(workers: Workers) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    Client(one.harness).connect()
    await workers.kill("one-")
    two.store._archive.clean()
    assert one.place.journal.exists()
    past = time.time() - 120 - 46
    os.utime(one.place.journal, (past, past))
    two.store._archive.clean()
    assert {path.name.partition(".")[0] for path in workers.directory.iterdir()} == {"two-"}


async def test_a_journal_that_can_not_be_read_is_left_out(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = await workers.start("one-"), await workers.start("two-")
    client = Client(one.harness).connect()
    await workers.kill("one-")
    [segment] = workers.directory.glob("one-.journal.*")
    segment.write_bytes(b"\x91\x63")
    assert not await back(client, two)
    assert "can't be read" in caplog.text


async def test_where_recovery_is_off_nothing_is_written(tmp_path: Path) -> None:
    harness = Harness(manager=WorkerManager(Place(tmp_path, "one-")))
    await harness.sio.start()
    await harness.sio.emit("event")
    assert os.listdir(tmp_path) == ["one-.bus"]
    await harness.sio.shutdown()
