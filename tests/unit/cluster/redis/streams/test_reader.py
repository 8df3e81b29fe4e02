from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.streams import reader as reader_module
from rtserver.cluster.redis.streams.entries import Fields
from rtserver.cluster.redis.streams.offsets import START, StreamId
from rtserver.cluster.redis.streams.reader import StreamReader
from rtserver.ids import new_sid
from tests.support.engine import until


class Reading:
    """A reader of a stream of its own, and what it has read."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.name = f"stream-{new_sid()}"
        self.numbers: list[bytes] = []
        self.last = START
        self.places: list[StreamId] = []
        self.reader = StreamReader(dial_of(client), self.name, self.places.append, self._take, block=0.2)

    def _take(self, id: StreamId, fields: Fields) -> None:
        assert id > self.last
        self.last = id
        self.numbers.append(fields[b"n"])

    async def add(self, *numbers: int, maxlen: int | None = None) -> None:
        for number in numbers:
            await self.client.xadd(self.name, {"n": number}, maxlen=maxlen, approximate=False)

    async def reads(self, *numbers: int) -> None:
        expected = [b"%d" % number for number in numbers]
        await until(lambda: len(self.numbers) >= len(expected))
        assert self.numbers == expected

    async def cut(self) -> None:
        """Lose the connection, and wait until the reader knows."""
        reconnects = self.reader.reconnects
        link = self.reader._line.link
        assert link is not None
        link.drop("a test")
        await until(lambda: self.reader.reconnects > reconnects)


@pytest.fixture
async def reading(shared_redis: str) -> AsyncIterator[Reading]:
    async with Redis.from_url(shared_redis) as client:
        reading = Reading(client)
        yield reading
        await reading.reader.close()


async def start(reading: Reading) -> None:
    await reading.reader.start()
    await reading.reader.started.wait()


async def test_from_the_last_entry_on(reading: Reading) -> None:
    await reading.add(1)
    await start(reading)
    await reading.add(2, 3)
    await reading.reads(2, 3)
    assert len(reading.places) == 1
    assert reading.places[0] > START


async def test_a_stream_that_is_not_there_yet(reading: Reading) -> None:
    await start(reading)
    await reading.add(1)
    await reading.reads(1)
    assert reading.places == [START]


async def test_it_goes_on_where_it_was(reading: Reading) -> None:
    await start(reading)
    await reading.add(1, 2)
    await reading.reads(1, 2)
    link = reading.reader._line.link
    assert link is not None
    link.drop("a test")
    await reading.add(3, 4)
    await reading.reads(1, 2, 3, 4)
    assert (reading.reader.gaps, reading.reader.reconnects) == (0, 1)


async def test_more_than_is_read_at_once(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "COUNT", 2)
    await start(reading)
    for _ in range(3):
        await reading.cut()
        await reading.add(*range(7))
    await reading.reads(*[*range(7)] * 3)
    assert reading.reader.gaps == 0


async def test_entries_that_were_trimmed_are_a_gap(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    await start(reading)
    await reading.add(1)
    await reading.reads(1)
    link = reading.reader._line.link
    assert link is not None
    with caplog.at_level(logging.ERROR):
        link.drop("a test")
        await reading.add(2, 3, 4, maxlen=2)
        await reading.reads(1, 3, 4)
    assert reading.reader.gaps == 1
    assert "the stream was trimmed" in caplog.text


async def test_a_stream_that_was_lost_is_a_gap(reading: Reading, caplog: pytest.LogCaptureFixture) -> None:
    await start(reading)
    await reading.add(1)
    await reading.reads(1)
    link = reading.reader._line.link
    assert link is not None
    with caplog.at_level(logging.ERROR):
        await reading.client.delete(reading.name)
        link.drop("a test")
        await until(lambda: reading.reader.gaps == 1)
    assert reading.places[-1] == START
    await reading.add(2)
    await reading.reads(1, 2)
    assert "has lost the end of the stream" in caplog.text


async def test_what_redis_refuses_is_logged_and_tried_again(
    reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    await reading.client.set(reading.name, "not a stream")
    await reading.reader.start()
    await until(lambda: reading.reader.reconnects > 2)
    refusals = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    for refusal, count in zip(refusals, (1, 2, 4, 8), strict=False):  # it may have gone on meanwhile
        assert refusal.startswith(
            f"Redis refuses to read the stream '{reading.name}' (attempts: {count}): WRONGTYPE"
        )
    assert len(refusals) > 1
    await reading.client.delete(reading.name)
    await reading.reader.started.wait()
    await reading.add(1)
    await reading.reads(1)


async def test_redis_that_says_nothing_is_left(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "PATIENCE", 0.1)
    await start(reading)
    await reading.client.client_pause(700)
    await until(lambda: not reading.reader.is_connected)
    await reading.client.client_unpause()
    await until(lambda: reading.reader.is_connected)
    await reading.add(1)
    await reading.reads(1)
