"""Much that comes at once from one client: what is taken of it, and when."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from rtserver.transport.reading_turns import ReadingTurns


class FakeTransport:
    def __init__(self) -> None:
        self.is_reading = True
        self.is_closed = False

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.is_closed


class Client:
    """What a protocol does with what is received."""

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.turns = ReadingTurns(cast(asyncio.Transport, self.transport), self.receive)
        self.taken: list[bytes] = []

    def receive(self, data: bytes) -> None:
        if len(data) > 2:
            data = self.turns.take(data, 2)
        self.taken.append(data)


async def turn() -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def client() -> Client:
    return Client()


async def test_each_turn_takes_so_much_and_reading_goes_on_behind_the_last(client: Client) -> None:
    client.receive(b"abcdef")
    for taken in ([b"ab"], [b"ab", b"cd"]):
        assert client.taken == taken
        assert not client.transport.is_reading
        await turn()
    assert client.taken == [b"ab", b"cd", b"ef"]
    assert client.transport.is_reading


async def test_nothing_is_taken_while_reading_is_paused(client: Client) -> None:
    client.receive(b"abcdef")
    client.turns.pause_reading()
    await turn()
    assert client.taken == [b"ab"]
    client.turns.resume_reading()
    client.turns.pause_reading()
    client.turns.resume_reading()
    assert client.taken == [b"ab"]
    assert not client.transport.is_reading
    await turn()
    assert client.taken == [b"ab", b"cd"]
    await turn()
    assert client.taken == [b"ab", b"cd", b"ef"]
    assert client.transport.is_reading


async def test_a_pause_in_the_last_turn_lasts(client: Client) -> None:
    client.receive(b"abcd")
    client.turns.pause_reading()
    await turn()
    client.turns.resume_reading()
    await turn()
    client.turns.pause_reading()
    await turn()
    assert client.taken == [b"ab", b"cd"]
    assert not client.transport.is_reading
    client.turns.resume_reading()
    assert client.transport.is_reading


async def test_what_is_left_of_a_connection_that_closes_is_dropped(client: Client) -> None:
    client.receive(b"abcdef")
    client.transport.is_closed = True
    await turn()
    assert client.taken == [b"ab"]
    assert not client.transport.is_reading


async def test_a_connection_that_closes_in_its_last_turn_is_not_read_from(client: Client) -> None:
    class Closing(Client):
        def receive(self, data: bytes) -> None:
            super().receive(data)
            self.transport.is_closed = len(self.taken) == 2

    closing = Closing()
    closing.receive(b"abcd")
    await turn()
    assert closing.taken == [b"ab", b"cd"]
    assert not closing.transport.is_reading
