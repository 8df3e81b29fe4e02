"""A subscriber whose Redis does what a real one seldom does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from rtserver.cluster.redis.client import connect
from rtserver.cluster.redis.link import dial_of
from rtserver.cluster.redis.subscriber import Heartbeat, Lost, Subscriber, Subscription
from tests.support.engine import until
from tests.support.scripted_redis import Scripted, pushed, scripted

Make = Callable[..., Awaitable[Subscriber]]


def confirm(command: list[bytes]) -> bytes:
    """Confirm subscriptions and echo nothing."""
    return pushed(command[0].lower(), command[1], 1)


@pytest.fixture
async def redis() -> AsyncIterator[Scripted]:
    async with scripted(confirm) as server:
        yield server


@pytest.fixture
async def make(redis: Scripted) -> AsyncIterator[Make]:
    made = []

    async def make(lost: Lost | None = None, interval: float = 60, patience: float = 5) -> Subscriber:
        async def publish(body: bytes) -> None:
            if not redis.is_silent:
                redis.writers[-1].write(pushed(b"message", b"beat", body))

        client = connect(f"redis://127.0.0.1:{redis.port}", protocol=2)
        heartbeat = Heartbeat("beat", publish, interval=interval, patience=patience)
        subscriber = Subscriber(dial_of(client), heartbeat, lost)
        made.append(subscriber)
        await subscriber.start()
        return subscriber

    yield make
    for subscriber in made:
        await subscriber.close()


async def test_each_name_has_a_command_of_its_own_and_messages_find_who_takes_them(
    make: Make, redis: Scripted
) -> None:
    subscriber = await make()
    taken: list[tuple[bytes, bytes]] = []
    for kind, name in (
        (Subscription.CHANNEL, "c"),
        (Subscription.PATTERN, "p*"),
        (Subscription.SHARD, "s"),
    ):
        subscriber.subscribe(kind, name, lambda channel, body: taken.append((channel, body)))
    await until(lambda: len(redis.commands) == 4)
    assert redis.commands == [
        [b"subscribe", b"beat"],
        [b"subscribe", b"c"],
        [b"psubscribe", b"p*"],
        [b"ssubscribe", b"s"],
    ]
    messages = [
        pushed(b"message", b"c", b"1"),
        pushed(b"pmessage", b"p*", b"p1", b"2"),
        pushed(b"smessage", b"s", b"3"),
        pushed(b"message", b"unknown", b"4"),
        pushed(b"something new"),
    ]
    redis.writers[0].write(b"".join(messages))
    await until(lambda: len(taken) == 3)
    assert taken == [(b"c", b"1"), (b"p1", b"2"), (b"s", b"3")]


async def test_everything_is_subscribed_to_again(make: Make, redis: Scripted) -> None:
    subscriber = await make()
    subscriber.subscribe(Subscription.CHANNEL, "a", lambda channel, body: None)
    subscriber.subscribe(Subscription.CHANNEL, "b", lambda channel, body: None)
    subscriber.unsubscribe(Subscription.CHANNEL, "a")
    await until(lambda: len(redis.commands) == 4)
    redis.commands.clear()
    redis.writers[0].transport.abort()
    await until(lambda: subscriber.hearing.is_hearing and subscriber.reconnects == 1)
    assert redis.commands == [[b"subscribe", b"beat"], [b"subscribe", b"b"]]


async def test_a_heartbeat_that_does_not_come_back_ends_the_connection(
    make: Make, redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = await make(interval=0.01, patience=0.3)
    await until(lambda: subscriber.hearing.lag is not None)
    redis.is_silent = True
    await until(lambda: subscriber.reconnects == 1 and subscriber.hearing.is_hearing)
    assert "a heartbeat didn't come back within 0.3 s" in caplog.text


async def test_a_refused_subscription_is_told_to_who_wants_to_know(make: Make, redis: Scripted) -> None:
    lost: list[tuple[Subscription, bytes, str]] = []
    subscriber = await make(lambda *args: lost.append(args))
    redis.answer = lambda command: b"-MOVED 7 127.0.0.1:7000\r\n"
    subscriber.subscribe(Subscription.SHARD, "s", lambda channel, body: None)
    await until(lambda: len(lost) == 1)
    assert lost == [(Subscription.SHARD, b"s", "Redis refuses ssubscribe: MOVED 7 127.0.0.1:7000")]
    redis.answer = confirm
    subscriber.subscribe(Subscription.SHARD, "s", lambda channel, body: None)
    await until(lambda: len(redis.commands) == 3)
    redis.writers[0].write(pushed(b"sunsubscribe", b"s", 0))
    await until(lambda: len(lost) == 2)
    assert lost[1] == (Subscription.SHARD, b"s", "Redis has given its slot away")
    assert subscriber.reconnects == 0


async def test_a_refused_subscription_ends_the_connection_otherwise(
    make: Make, redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = await make()
    redis.answer = lambda command: b"-NOPERM no permissions to access a channel\r\n"
    subscriber.subscribe(Subscription.CHANNEL, "c", lambda channel, body: None)
    await until(lambda: not subscriber.hearing.is_hearing)
    assert "Redis refuses subscribe: NOPERM no permissions to access a channel" in caplog.text
    redis.answer = confirm
    await until(lambda: subscriber.hearing.is_hearing)


async def test_what_is_not_redis_ends_the_connection(
    make: Make, redis: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    subscriber = await make()
    redis.writers[0].write(b"HTTP/1.1 400 Bad Request\r\n")
    await until(lambda: subscriber.reconnects == 1)
    assert "Redis sent what isn't its protocol" in caplog.text


async def test_it_ends_though_its_heartbeat_swallows_the_cancellation(redis: Scripted) -> None:
    waiting, swallowed = asyncio.Event(), asyncio.Event()

    async def publish(body: bytes) -> None:
        if swallowed.is_set():
            return
        try:
            waiting.set()
            await asyncio.sleep(3600)
        except asyncio.CancelledError:  # redis-py does that now and then
            swallowed.set()

    client = connect(f"redis://127.0.0.1:{redis.port}", protocol=2)
    subscriber = Subscriber(dial_of(client), Heartbeat("beat", publish, interval=0.01, patience=60))
    await subscriber.start()
    await waiting.wait()
    async with asyncio.timeout(10):
        await subscriber.close()
    assert swallowed.is_set()
