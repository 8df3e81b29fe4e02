"""Workers that come, go, hang and talk nonsense. The sockets are real, some of the workers are not."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.wire import encode
from rtserver.cluster.workers import link
from rtserver.cluster.workers.bus import WorkerBus
from rtserver.cluster.workers.frames import frame
from rtserver.cluster.workers.link import VERSION
from rtserver.cluster.workers.place import Place
from tests.support.engine import until


def message(text: str, namespace: str = "/", uid: str = "peer") -> Message:
    return Message(uid, namespace, Kind.SERVER_SIDE_EMIT, {"packet": [text]})


class Worker:
    """A bus, and what came over it."""

    def __init__(self, directory: Path, name: str, **settings: Any) -> None:
        self.bus = WorkerBus(Place(directory, name), **settings)
        self.received: list[Message] = []

    async def start(self) -> Worker:
        await self.bus.start(self.received.append)
        return self

    @property
    def peers(self) -> tuple[str, ...]:
        return self.bus.status().peers

    def message(self, text: str, namespace: str = "/") -> Message:
        return message(text, namespace, self.bus.uid)

    def texts(self) -> list[Any]:
        return [message.data["packet"][0] for message in self.received if message.data]

    def lost(self) -> list[str]:
        return [message.uid for message in self.received if message.kind is Kind.CLOSE]


class Workers:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._all: list[Worker] = []

    def make(self, name: str, **settings: Any) -> Worker:
        worker = Worker(self.directory, name, **settings)
        self._all.append(worker)
        return worker

    async def start(self, *names: str, **settings: Any) -> list[Worker]:
        """Start workers, one after another, and wait until each knows all."""
        started = [await self.make(name, **settings).start() for name in names]
        await until(lambda: all(len(worker.peers) == len(names) - 1 for worker in started))
        return started

    async def close(self) -> None:
        for worker in self._all:
            await worker.bus.close()


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    made = Workers(tmp_path)
    yield made
    await made.close()


def hello(name: str, version: int = VERSION, kind: Kind = Kind.INITIAL_HEARTBEAT) -> bytes:
    return frame(encode(Message(name, "/", kind, {"version": version})))


class Peer:
    """A worker whose every byte is the test's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, worker: Worker, *data: bytes) -> Peer:
        peer = cls(*await asyncio.open_unix_connection(str(worker.bus.place.bus)))
        for each in data:
            peer.writer.write(each)
        return peer

    async def rest(self) -> bytes:
        """Return what comes until the other side closes."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""
        finally:
            self.writer.close()


# Meeting.


async def test_messages_reach_all_others_in_order(workers: Workers) -> None:
    a, b, c = await workers.start("aaaa", "bbbb", "cccc")
    for number in range(100):
        a.bus.send(a.message(str(number)), "room")
    b.bus.send(b.message("of b", "/chat"))
    await until(lambda: len(b.received) == 100 and len(c.received) == 101 and len(a.received) == 1)
    assert b.texts() == [str(number) for number in range(100)]
    assert a.received == [Message("bbbb", "/chat", Kind.SERVER_SIDE_EMIT, {"packet": ["of b"]})]
    b.bus.reply("cccc", b.message("for c"))
    b.bus.reply("gone", b.message("for nobody"))
    await until(lambda: c.texts()[-1] == "for c")
    assert len(a.received) == 1


async def test_bytes_are_carried(workers: Workers) -> None:
    a, b = await workers.start("aaaa", "bbbb")
    a.bus.send(Message("aaaa", "/", Kind.SERVER_SIDE_EMIT, {"packet": ["x", b"\x00\xff"]}))
    await until(lambda: bool(b.received))
    assert b.received[0].data == {"packet": ["x", b"\x00\xff"]}


async def test_the_census_names_the_others(workers: Workers) -> None:
    a, *_ = await workers.start("aaaa", "bbbb", "cccc")
    assert await a.bus.census("/any") == (await a.bus.census("/"))
    assert (await a.bus.census("/")).uids == {"bbbb", "cccc"}
    assert (await a.bus.census("/")).count == 2


@pytest.mark.parametrize("attempt", range(5))
async def test_workers_that_start_at_once_have_one_link_each(workers: Workers, attempt: int) -> None:
    names = ("dddd", "aaaa", "cccc", "bbbb")
    started = [workers.make(name) for name in names]
    await asyncio.gather(*(worker.start() for worker in started))
    await until(lambda: all(len(worker.peers) == 3 for worker in started))
    for worker in started:
        worker.bus.send(worker.message(worker.bus.uid))
    await until(lambda: all(len(worker.received) >= 3 for worker in started))
    for worker in started:
        assert sorted(worker.texts()) == sorted({*names} - {worker.bus.uid})
        assert worker.lost() == []
        await until(lambda worker=worker: len(worker.bus._mesh._open) == 3)  # type: ignore[misc]


async def test_the_socket_of_a_dead_worker_disturbs_nobody(workers: Workers, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(Place(tmp_path, "dead").bus))
    (a,) = await workers.start("aaaa")
    assert a.peers == ()
    assert a.bus._mesh._retry is None


async def test_a_socket_is_there_only_while_somebody_listens(workers: Workers, tmp_path: Path) -> None:
    a, b = await workers.start("aaaa", "bbbb")
    await a.bus.close()
    assert os.listdir(tmp_path) == ["bbbb.bus"]
    await until(lambda: b.lost() == ["aaaa"])
    assert b.peers == ()


async def test_what_was_sent_before_the_end_arrives(workers: Workers) -> None:
    a, b = await workers.start("aaaa", "bbbb")
    a.bus.send(a.message("x" * 5_000_000))
    a.bus.send(a.message("last words"))
    await a.bus.close()
    await until(lambda: b.lost() == ["aaaa"])
    assert b.texts()[-1] == "last words"
    a.bus.send(a.message("too late"))


async def test_a_bus_that_never_began_can_be_closed(workers: Workers) -> None:
    await workers.make("aaaa").bus.close()


async def test_a_place_that_is_taken_is_refused(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "aaaa.bus~").touch()
    with pytest.raises(OSError, match="in use"):
        await workers.make("aaaa").start()


# Peers that fail.


async def test_a_peer_that_dies_in_the_middle_of_a_message_is_lost_at_once(workers: Workers) -> None:
    (a,) = await workers.start("aaaa")
    peer = await Peer.connect(a, hello("peer"), frame(encode(message("whole"))), b"\x00\x00\x00\x09half")
    await until(lambda: a.texts() == ["whole"])
    peer.writer.close()
    await until(lambda: a.lost() == ["peer"])
    assert a.peers == ()
    assert a.bus.status().links_lost == 1


@pytest.mark.parametrize(
    ("data", "logged"),
    [
        (hello("peer", version=2), "expected a hello of version 1"),
        (hello("peer", kind=Kind.HEARTBEAT), "expected a hello of version 1"),
        (frame(b"{}"), "expected uid, nsp, data"),
        (frame(b""), "can't be decoded"),
        (b"GET / HTTP/1.1\r\n\r\n", "a message of 1195725856 bytes, expected 67108864 at most"),
        (hello("aaaa"), "which is that of this worker"),
        (
            hello("peer") + frame(b'{"uid":"peer","nsp":"/","type":99}'),
            "worker peer sent the type of a message",
        ),
        (hello("peer") + b"\x7f\xff\xff\xff", "sent a message of 2147483647 bytes"),
    ],
)
async def test_what_can_not_be_understood_closes_that_link(
    workers: Workers, data: bytes, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await workers.start("aaaa", "bbbb")
    peer = await Peer.connect(a, data)
    await peer.rest()
    assert caplog.text.count("its link is closed") == 1
    assert logged in caplog.text
    await until(lambda: a.peers == ("bbbb",))
    b.bus.send(b.message("still here"))
    await until(lambda: a.texts() == ["still here"])


async def test_a_peer_that_does_not_say_who_it_is_is_cut_off(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    (a,) = await workers.start("aaaa")
    with patch.object(link, "HELLO_TIMEOUT", 0.05):
        peer = await Peer.connect(a, b"\x00\x00")
        assert await peer.rest() == b""
    assert "worker unknown didn't say hello within 0.05 s" in caplog.text


async def test_a_place_where_somebody_else_listens_is_left(
    workers: Workers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(hello("else"))
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, str(Place(tmp_path, "peer").bus))
    async with server:
        (a,) = await workers.start("aaaa")
        assert "worker peer sent the name 'else', expected 'peer'" in caplog.text
        assert a.peers == ()


async def test_a_peer_that_never_reads_is_given_up_and_costs_bounded_memory(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    limit = 200_000
    a, b = await workers.start("aaaa", "bbbb", max_buffer=limit)
    peer = await Peer.connect(a, hello("peer"))
    await until(lambda: len(a.peers) == 2)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    text = "x" * 10_000
    for _ in range(1000):
        a.bus.send(a.message(text))
        await asyncio.sleep(0)
        if "peer" not in a.peers:
            break
    await until(lambda: a.lost() == ["peer"])
    assert caplog.text.count("worker peer doesn't read") == 1
    status = a.bus.status()
    assert (status.links_lost, status.peers) == (1, ("bbbb",))
    assert limit <= status.bytes_dropped <= limit + 2 * len(text)
    await until(lambda: len(b.texts()) == status.sent)  # who reads misses nothing
    peer.writer.close()


async def test_a_burst_within_one_turn_is_bounded_too(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    a, _ = await workers.start("aaaa", "bbbb", max_buffer=50_000)
    link = a.bus._links["bbbb"]
    for _ in range(1000):  # more than the kernel takes, too
        a.bus.send(a.message("x" * 1000))
        assert link._waiting <= 50_000
        assert sum(map(len, link._pending)) <= 50_000
    assert caplog.text.count("worker bbbb doesn't read") == 1
    await until(lambda: a.lost() == ["bbbb"])


async def test_what_has_been_taken_since_does_not_wait_any_more(workers: Workers) -> None:
    a, b = await workers.start("aaaa", "bbbb", max_buffer=1_000_000)
    for number in range(1, 4):
        a.bus.send(a.message("x" * 900_000))  # more than the kernel takes at once
        await until(lambda number=number: len(b.received) == number)  # type: ignore[misc]
    assert a.peers == ("bbbb",)


async def test_a_message_that_is_too_long_is_refused(workers: Workers) -> None:
    a, b = await workers.start("aaaa", "bbbb", max_buffer=1000)
    with pytest.raises(ValueError, match=r"a message of 10\d\d bytes for the other workers, expected 1000"):
        a.bus.send(a.message("x" * 1000))
    a.bus.send(a.message("short"))
    await until(lambda: b.texts() == ["short"])


@pytest.mark.parametrize("names", [("aaaa", "bbbb"), ("bbbb", "aaaa")])
async def test_workers_whose_link_was_lost_find_each_other_again(
    workers: Workers, names: tuple[str, str]
) -> None:
    a, b = await workers.start(*names)
    a.bus._links[b.bus.uid].abort()
    await until(lambda: a.lost() != [] and b.lost() != [])
    await until(lambda: a.peers != () and b.peers != ())
    a.bus.send(a.message("again"))
    await until(lambda: b.texts() == ["again"])


async def test_a_peer_that_connects_anew_replaces_its_link(workers: Workers) -> None:
    (b,) = await workers.start("bbbb")
    first = await Peer.connect(b, hello("aaaa"))
    await until(lambda: b.peers == ("aaaa",))
    second = await Peer.connect(b, hello("aaaa"))
    await first.rest()
    assert (b.peers, b.lost()) == (("aaaa",), ["aaaa"])
    second.writer.write(frame(encode(message("again"))))
    await until(lambda: b.texts() == ["again"])
    second.writer.close()


async def test_who_is_there_is_told_at_debug(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    """Every worker tells it of every other: at info only the supervisor says which ones serve."""
    caplog.set_level(logging.DEBUG, "rtserver.cluster")
    _, b = await workers.start("aaaa", "bbbb")
    assert {"worker aaaa is here", "worker bbbb is here"} <= set(caplog.messages)
    await b.bus.close()
    await until(lambda: "worker bbbb is gone" in caplog.messages)
    assert {record.levelno for record in caplog.records if record.getMessage().startswith("worker ")} == {
        logging.DEBUG
    }


async def test_the_status_counts(workers: Workers) -> None:
    a, b, c = await workers.start("aaaa", "bbbb", "cccc")
    before = a.bus.status()
    a.bus.send(a.message("x"))
    await until(lambda: len(b.received) == len(c.received) == 1)
    after = a.bus.status()
    assert (after.peers, after.sent, after.received) == (("bbbb", "cccc"), 1, 0)
    framed = len(frame(encode(a.message("x"))))
    assert after.bytes_sent - before.bytes_sent == 2 * framed
    assert b.bus.status().received == 1
    await c.bus.close()
    await until(lambda: a.peers == ("bbbb",))
    assert a.bus.status().bytes_sent == after.bytes_sent  # what went through a link that is closed counts
