"""Workers that are killed have tests of their own; here is what a journal says that begins in the middle."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rtserver.clock import Clock
from rtserver.cluster.recovery.archive import Archive, Revived
from rtserver.cluster.recovery.records import Event, Head, Move, Session
from rtserver.cluster.recovery.taken import Wanted
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.target import Target
from tests.support.loop import FakeLoop

CLOCK = Clock(FakeLoop())
OPTIONS = ConnectionStateRecovery()
CLIENT = Session("W.pid", "sid", "/", 5, 5, ("a",), (), b"\xc0", None, None, None)


def revived(*records: Event | Head | Move | Session) -> Revived:
    made = Revived("W", time.time(), OPTIONS, 10.0, lambda: CLOCK)
    for record in records:
        made.replay(record)
    made.complete()
    return made


def event(position: int, *rooms: str) -> Event:
    source = ("b", position + 100)
    return Event(position, time.time(), Target("/", rooms), Outgoing(f"{position}".encode()), source)


def test_a_journal_may_begin_in_the_middle() -> None:
    journal = revived(Head(time.time(), 7, {"b": 3, "c": 9}), CLIENT, event(8), event(9, "a"))
    taken = journal.give(Wanted("/", "W.pid", "W.8", 100))
    assert taken is not None
    assert [(offset, outgoing.text) for offset, outgoing in taken.missed] == [("W.9", b"9")]
    assert taken.vector == {"b": 109, "c": 9}


def test_who_may_have_missed_what_was_before_it_is_a_new_client() -> None:
    journal = revived(Head(time.time(), 7, {}), CLIENT, event(8))
    assert journal.give(Wanted("/", "W.pid", "W.6", 100)) is None
    journal = revived(Head(time.time() - 20, 7, {}), CLIENT, event(8))  # it has answered heartbeats since
    assert journal.give(Wanted("/", "W.pid", "W.6", 100)) is not None


def test_a_move_of_nobody_is_an_error() -> None:
    with pytest.raises(KeyError):
        revived(Move("W.pid", 1, "a", True))


async def test_where_nobody_was_nothing_is_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "W.journal", OPTIONS, 10.0, lambda: CLOCK)
    assert await archive.take(Wanted("/", "V.pid")) is None
    archive.clean()


async def test_what_another_process_has_removed_is_forgotten(tmp_path: Path) -> None:
    removed, kept = tmp_path / "U.journal", tmp_path / "V.journal"
    for path in (removed, kept):
        path.touch()
    archive = Archive(tmp_path / "W.journal", OPTIONS, 10.0, lambda: CLOCK)
    assert await archive.take(Wanted("/", "U.pid")) is None
    assert archive._revived.keys() == {removed, kept}
    removed.unlink()
    archive.clean()
    assert archive._revived.keys() == {kept}
