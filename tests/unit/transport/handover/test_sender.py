from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rtserver.transport.handover.passage import MAX_DATA, Passage
from rtserver.transport.handover.sender import Outcome, Sender

from .support import descriptors, pair, room


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.door"


def test_a_door_that_is_not_there(path: Path) -> None:
    before = descriptors()
    sender = Sender(path)
    with pair() as (_, server):
        assert sender.send(server.fileno(), Passage()) is Outcome.GONE
        assert sender.connect() is Outcome.GONE
    assert sender.fileno() == -1
    assert descriptors() == before


def test_a_door_whose_process_was_killed(path: Path) -> None:
    """The file is still there, and nobody listens."""
    before = descriptors()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
        dead.listen()
    sender = Sender(path)
    with pair() as (_, server):
        assert sender.send(server.fileno(), Passage()) is Outcome.GONE
    assert descriptors() == before


async def test_a_process_that_goes(path: Path) -> None:
    sender = Sender(path)
    before = descriptors()
    with pair() as (_, server):
        with room(path) as opened:
            assert sender.send(server.fileno(), Passage()) is Outcome.SENT
            (await opened.next())[0].close()
        assert sender.send(server.fileno(), Passage()) is Outcome.GONE
        with room(path) as opened:  # nobody else gets a name that was used; but a door may open again
            assert sender.send(server.fileno(), Passage(b"again")) is Outcome.SENT
            connection, passage = await opened.next()
            connection.close()
            assert passage.data == b"again"
    sender.close()
    assert descriptors() == before


async def test_a_process_that_takes_nothing(path: Path) -> None:
    """The sender is told, and can go on as soon as something was taken; nothing that was sent is lost."""
    sender = Sender(path)
    with room(path) as opened, pair() as (_, server):
        sent = 0
        while (outcome := sender.send(server.fileno(), Passage(bytes(MAX_DATA // 8)))) is Outcome.SENT:
            sent += 1
        assert outcome is Outcome.FULL
        assert sent > 1
        assert sender.send(server.fileno(), Passage()) is Outcome.FULL
        for _ in range(sent):
            connection, _ = await opened.next()
            connection.close()
        assert sender.send(server.fileno(), Passage()) is Outcome.SENT
    sender.close()


def test_what_no_door_takes(path: Path) -> None:
    with pair() as (_, server), pytest.raises(ValueError, match="for a door"):
        Sender(path).send(server.fileno(), Passage(bytes(MAX_DATA + 1)))
