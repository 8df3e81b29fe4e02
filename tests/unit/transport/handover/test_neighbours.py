from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtserver.cluster.workers.place import Place
from rtserver.engineio.counters import Counters
from rtserver.transport.handover.neighbours import Neighbours
from rtserver.transport.handover.sender import Outcome

from .support import descriptors, room


@pytest.fixture
async def neighbours(tmp_path: Path) -> Iterator[Neighbours]:  # type: ignore[misc]
    made = Neighbours(asyncio.get_running_loop(), Place(tmp_path, "self"), Counters())
    yield made
    made.close()


async def test_an_id_names_its_process(neighbours: Neighbours, tmp_path: Path) -> None:
    with room(tmp_path / "aaaa.door"), room(tmp_path / "bbbb.door"):
        one = neighbours.find("aaaaxxxxxxxxxxxxxxxx")
        assert one is not None
        assert neighbours.find("aaaayyyyyyyyyyyyyyyy") is one
        assert neighbours.find("bbbbxxxxxxxxxxxxxxxx") not in {None, one}
        assert neighbours.find("ccccxxxxxxxxxxxxxxxx") is None


@pytest.mark.parametrize("sid", ["", "aaa", "selfxxxxxxxx", "../a", "aa/a", "-aaa", "\0aaa", "é" * 20])
async def test_ids_that_name_nobody(neighbours: Neighbours, tmp_path: Path, sid: str) -> None:
    with room(tmp_path / "aaaa.door"), room(tmp_path / "self.door"):
        assert neighbours.find(sid) is None


async def test_those_who_have_gone_are_forgotten(neighbours: Neighbours, tmp_path: Path) -> None:
    """Processes come and go, each with a name of its own, while nobody asks for those that have gone."""
    before = len(descriptors())
    for number in range(10):
        with room(tmp_path / f"a{number:03}.door"):
            assert neighbours.find(f"a{number:03}xxxx") is not None
    assert len(neighbours._known) == 1
    assert len(descriptors()) == before + 1


async def test_an_answer_that_has_not_left(neighbours: Neighbours, tmp_path: Path) -> None:
    """It comes first: the connection stays, and what the other process answers is relayed behind it."""
    size = 5_000_000
    ours, other = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=other)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    with room(tmp_path / "aaaa.door") as opened:
        neighbour = neighbours.find("aaaa")
        assert neighbour is not None
        transport.write(bytes(size))
        assert neighbour.serve(transport, b"GET") is Outcome.SENT
        connection, passage = await opened.next()
        assert passage.data == b""
        with connection:
            connection.setblocking(True)
            assert await asyncio.to_thread(connection.recv, 3) == b"GET"
            connection.send(b"answer")
        assert await reader.read() == bytes(size) + b"answer"
    writer.close()
