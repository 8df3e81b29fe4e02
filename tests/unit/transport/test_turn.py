from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtserver.transport.turn import WriteTurn


class Sink:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Connection:
    def __init__(self, pending: bytes | list[bytes] | None = None) -> None:
        self.pending = pending
        self.transport: Any = Sink()
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1


class Broken(Connection):
    def flush(self) -> None:
        raise ValueError("broken")


def mark(turn: WriteTurn, connection: Connection) -> None:
    if not turn.dirty:
        turn.wake()
    turn.dirty.append(connection)


async def test_all_are_flushed_on_the_next_turn() -> None:
    turn = WriteTurn(asyncio.get_running_loop())
    connections = [Connection() for _ in range(3)]
    for connection in connections:
        mark(turn, connection)
    assert [connection.flushed for connection in connections] == [0, 0, 0]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [connection.flushed for connection in connections] == [1, 1, 1]
    assert turn.dirty == []


async def test_a_single_frame_is_written() -> None:
    turn = WriteTurn(asyncio.get_running_loop())
    connection = Connection(b"frame")
    mark(turn, connection)
    turn.flush()
    assert connection.transport.written == [b"frame"]
    assert connection.pending is None
    assert connection.flushed == 0


async def test_what_is_sent_while_flushing_is_for_the_next_turn() -> None:
    class Sends(Connection):
        def flush(self) -> None:
            super().flush()
            if self.flushed == 1:
                mark(turn, self)

    turn = WriteTurn(asyncio.get_running_loop())
    connection = Sends()
    mark(turn, connection)
    turn.flush()
    assert connection.flushed == 1
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connection.flushed == 2


async def test_one_that_fails_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    turn = WriteTurn(asyncio.get_running_loop())
    last = Connection()
    mark(turn, Broken())
    mark(turn, last)
    turn.flush()
    assert last.flushed == 1
    assert "a write failed" in caplog.text
