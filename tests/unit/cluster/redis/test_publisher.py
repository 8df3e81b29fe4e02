"""A publisher whose Redis doesn't answer, or comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rtserver.cluster.redis.client import connect
from rtserver.cluster.redis.link import dial_of, pack_command
from rtserver.cluster.redis.publisher import OVERHEAD, Publisher
from tests.support.engine import until
from tests.support.scripted_redis import Scripted, scripted

COMMAND = ("PUBLISH", "channel", b"0123456789")
SIZE = len(pack_command(COMMAND)) + OVERHEAD


@pytest.fixture
async def redis() -> AsyncIterator[Scripted]:
    async with scripted(lambda command: b":1\r\n") as server:
        yield server


def publisher_of(redis: Scripted, limit: int = 10_000, patience: float = 60) -> Publisher:
    client = connect(f"redis://127.0.0.1:{redis.port}", protocol=2)
    return Publisher(dial_of(client), limit, patience=patience)


async def test_what_is_answered_is_forgotten(redis: Scripted) -> None:
    publisher = publisher_of(redis)
    await publisher.start()
    publisher.send(COMMAND)
    publisher.send(COMMAND)
    assert publisher.size == 2 * SIZE
    await until(lambda: publisher.size == 0)
    assert redis.commands == [[b"PUBLISH", b"channel", b"0123456789"]] * 2
    await publisher.close(0)


async def test_without_answers_the_connection_is_made_again(
    redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_of(redis, patience=0.2)
    await publisher.start()
    redis.answer = lambda command: b""
    publisher.send(COMMAND)
    await until(lambda: publisher.reconnects == 1)
    assert (publisher.unconfirmed, publisher.size) == (1, 0)
    assert "nothing came back for 0.2 s. 1 messages for other servers were under way" in caplog.text
    await publisher.close(0)


async def test_an_idle_connection_is_asked_for_a_sign_of_life(redis: Scripted) -> None:
    publisher = publisher_of(redis, patience=0.05)
    await publisher.start()
    await until(lambda: redis.pings >= 4)  # one of them when it connected
    assert publisher.reconnects == 0
    redis.is_silent = True
    await until(lambda: publisher.reconnects == 1)
    assert (publisher.unconfirmed, publisher.size) == (0, 0)
    await publisher.close(0)


async def test_the_oldest_is_dropped_of_what_is_too_much(
    redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_of(redis, limit=3 * SIZE)
    for number in range(5):
        publisher.send(("PUBLISH", "channel", b"number %03d" % number))
    assert (publisher.size, publisher.dropped) == (3 * SIZE, 2)
    assert len(caplog.messages) == 2
    await publisher.start()
    await until(lambda: publisher.size == 0)
    assert [body for _, _, body in redis.commands] == [b"number %03d" % number for number in (2, 3, 4)]
    await publisher.close(0)


async def test_it_waits_for_others_before_it_goes_on(redis: Scripted) -> None:
    publisher = publisher_of(redis)
    are_back = asyncio.Event()

    async def others() -> None:
        await are_back.wait()

    publisher.before_resuming = others
    await publisher.start()
    publisher.send(COMMAND)
    await until(lambda: publisher.size == 0)  # nothing is waited for at the start
    redis.writers[0].transport.abort()
    await until(lambda: publisher.reconnects == 1)
    publisher.send(COMMAND)
    await asyncio.sleep(0.02)
    assert len(redis.commands) == 1
    are_back.set()
    await until(lambda: publisher.size == 0)
    assert len(redis.commands) == 2
    await publisher.close(0)


async def test_what_was_not_sent_in_the_end_is_counted(
    redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_of(redis)
    await publisher.start()
    redis.answer = lambda command: b""
    publisher.send(COMMAND)
    await until(lambda: len(redis.commands) == 1)
    await publisher.close(0.01)
    assert publisher.unconfirmed == 1
    assert (
        "0 messages for other servers were not sent to Redis before the end, 1 not confirmed" in caplog.text
    )
