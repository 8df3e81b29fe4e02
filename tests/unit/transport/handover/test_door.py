from __future__ import annotations

import array
import asyncio
import logging
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.transport.handover import door as door_module
from rtserver.transport.handover.door import PER_TURN, Door
from rtserver.transport.handover.passage import MAX_DATA, MAX_MESSAGE, Passage, encode
from rtserver.transport.handover.sender import Outcome, Sender

from ....support.engine import until
from .support import Room, descriptors, pair, room


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.door"


@pytest.fixture
async def opened(path: Path) -> Iterator[Room]:  # type: ignore[misc]
    with room(path) as made:
        yield made


def raw(path: Path) -> socket.socket:
    """Return a connection to a door, for messages of the test's own."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.connect(str(path))
    return made


def give(to: socket.socket, message: bytes, *descriptors: int) -> None:
    to.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


async def test_a_connection_comes_with_its_bytes(opened: Room, path: Path) -> None:
    sender = Sender(path)
    with pair() as (client, server):
        assert sender.send(server.fileno(), Passage(b"GET / HTTP/1.1\r\n")) is Outcome.SENT
        server.close()
        connection, passage = await opened.next()
        assert passage == Passage(b"GET / HTTP/1.1\r\n")
        with connection:
            assert connection.get_inheritable() is False
            connection.setblocking(True)
            connection.send(b"answer")
            assert client.recv(100) == b"answer"
        assert client.recv(100) == b""
    sender.close()


async def test_in_order_and_whole(opened: Room, path: Path) -> None:
    sender = Sender(path)
    with pair() as (_, server):
        for number in range(2 * PER_TURN):
            assert sender.send(server.fileno(), Passage(b"%d" % number)) is Outcome.SENT
        got = []
        for _ in range(2 * PER_TURN):
            connection, passage = await opened.next()
            connection.close()
            got.append(int(passage.data))
        assert got == list(range(2 * PER_TURN))
        largest = Passage(os.urandom(MAX_DATA))
        assert sender.send(server.fileno(), largest) is Outcome.SENT
        connection, passage = await opened.next()
        connection.close()
        assert passage == largest
    assert opened.door.taken == 2 * PER_TURN + 1
    sender.close()


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "left"])
async def test_nothing_stays_open(path: Path, taken: bool) -> None:
    before = descriptors()
    with room(path) as opened:
        senders = [Sender(path) for _ in range(3)]
        for _ in range(10):
            with pair() as (_, server):
                for sender in senders:
                    assert sender.send(server.fileno(), Passage(b"x")) is Outcome.SENT
        if taken:
            for _ in range(30):
                (await opened.next())[0].close()
        for sender in senders:
            sender.close()
    assert opened.door.taken == 30
    assert descriptors() == before


async def test_what_was_sent_before_the_end_is_taken(path: Path) -> None:
    """Even from a process that wasn't let in yet; nobody is told that it was sent and then forgotten."""
    with room(path) as opened, pair() as (_, server):
        early, late, later = Sender(path), Sender(path), Sender(path)
        assert early.send(server.fileno(), Passage(b"1")) is Outcome.SENT
        (await opened.next())[0].close()
        assert early.send(server.fileno(), Passage(b"2")) is Outcome.SENT
        assert late.send(server.fileno(), Passage(b"3")) is Outcome.SENT
        opened.door.close()
        assert sorted(passage.data for _, passage in opened.came) == [b"2", b"3"]
        for sender in (early, late, later):
            assert sender.send(server.fileno(), Passage(b"4")) is Outcome.GONE
        assert os.listdir(path.parent) == []
        assert len(opened.came) == 2


async def test_a_door_opens_once_more(path: Path) -> None:
    with room(path) as opened:
        opened.door.close()
        opened.door.close()
        opened.door.open()
        sender = Sender(path)
        with pair() as (_, server):
            assert sender.send(server.fileno(), Passage()) is Outcome.SENT
            (await opened.next())[0].close()
        sender.close()


async def test_a_path_that_is_taken(opened: Room, path: Path) -> None:
    before = descriptors()
    with pytest.raises(OSError, match="in use"):
        Door(path, opened.receive).open()
    assert descriptors() == before


@pytest.mark.parametrize("message", [b"\x93", b"x" * (MAX_MESSAGE + 1), encode(Passage())[:-1]])
async def test_a_message_that_is_none(
    opened: Room, path: Path, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection with it is closed, and counted; the next one gets in."""
    before = len(descriptors())
    with raw(path) as sender, pair() as (client, server):
        give(sender, message, server.fileno())
        give(sender, encode(Passage(b"next")), server.fileno())
        server.close()
        connection, passage = await opened.next()
        assert passage.data == b"next"
        connection.close()
        assert client.recv(1) == b""
    assert opened.door.refused == 1
    assert "a connection that was handed over is closed: received" in caplog.text
    await until(lambda: len(descriptors()) == before)


@pytest.mark.parametrize("count", [0, 2, 3, 20])
async def test_other_than_one_descriptor(opened: Room, path: Path, count: int) -> None:
    with raw(path) as sender, pair() as (_, server):
        give(sender, encode(Passage()), *[server.fileno()] * count)
        await until(lambda: opened.door.refused)
        before = len(descriptors())
        give(sender, encode(Passage()), *[server.fileno()] * count)
        await until(lambda: opened.door.refused == 2)
        assert len(descriptors()) == before
    assert opened.came == []


async def test_what_is_no_connection(opened: Room, path: Path, tmp_path: Path) -> None:
    with raw(path) as sender, (tmp_path / "file").open("w") as file:
        give(sender, encode(Passage()), file.fileno())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            give(sender, encode(Passage()), datagrams.fileno())
        await until(lambda: opened.door.refused == 2)
        assert sum(str(tmp_path / "file") == name for name in descriptors().values()) == 1
    assert opened.came == []


async def test_no_descriptor_is_free(
    opened: Room, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that there is no room for ends; the door goes on when there is room again."""
    monkeypatch.setattr(door_module, "PAUSE", 0.01)
    sender, other = Sender(path), Sender(path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pair() as (client, server):
        assert sender.send(server.fileno(), Passage()) is Outcome.SENT
        (await opened.next())[0].close()
        assert other.connect() is Outcome.SENT  # not let in yet
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, descriptors())), limits[1]))
            while True:  # fill the gaps below the limit
                try:
                    opened.came.append((socket.socket(), Passage()))
                except OSError:
                    break
            assert sender.send(server.fileno(), Passage()) is Outcome.SENT
            assert other.send(server.fileno(), Passage(b"later")) is Outcome.SENT
            await until(lambda: opened.door.refused)
            await until(lambda: "can't let in a process" in caplog.text)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        opened.clear()
        assert "raise the limit of open files" in caplog.text
        connection, passage = await opened.next()
        assert passage.data == b"later"
        connection.close()
        server.close()
        assert client.recv(1) == b""
    sender.close()
    other.close()


async def test_a_sender_that_breaks_off(opened: Room, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = len(descriptors())
    with caplog.at_level(logging.WARNING):
        sender = raw(path)
        await until(lambda: len(descriptors()) == before + 2)
        sender.close()
        await until(lambda: len(descriptors()) == before)
    assert caplog.records == []


async def test_closed_while_it_takes(path: Path) -> None:
    """The one who takes connections may close the door: what else has been sent is taken all the same."""
    taken = []

    def receive(connection: socket.socket, passage: Passage) -> None:
        connection.close()
        taken.append(passage.data)
        door.close()

    door = Door(path, receive)
    door.open()
    sender = Sender(path)
    with pair() as (_, server):
        for number in range(3):
            sender.send(server.fileno(), Passage(b"%d" % number))
        await until(lambda: taken)
        await asyncio.sleep(0)
    assert taken == [b"0", b"1", b"2"]
    sender.close()
