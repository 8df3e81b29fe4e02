from __future__ import annotations

from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import HOLD, Bounds, Outcome, Record


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def done(size: int = 0) -> Record:
    return Record("0a", Outcome(200, b"x" * size))


async def test_the_oldest_gives_way() -> None:
    store = MemoryStore(Bounds(entries=3), Time())
    for name in "abcde":
        await store.claim(name, Record("0a"))
        await store.keep(name, done())
    assert len(store) == 3
    assert [await store.claim(name, Record("0b")) is None for name in "abcde"] == [True, True] + [False] * 3


async def test_bytes_are_bounded_too() -> None:
    store = MemoryStore(Bounds(size=100), Time())
    for name in "abc":
        await store.keep(name, done(40))
    assert len(store) == 2
    await store.keep("c", done(10))  # in the place of 40
    await store.keep("d", done(40))
    assert len(store) == 3
    await store.keep("e", done(101))
    assert len(store) == 0


async def test_what_is_old_is_forgotten_without_being_asked_for() -> None:
    time = Time()
    store = MemoryStore(Bounds(lifetime=60), time)
    for name in "ab":
        await store.keep(name, done())
    time.now = 60
    assert await store.claim("c", Record("0a")) is None
    assert len(store) == 1


async def test_a_request_that_is_never_done_is_given_up() -> None:
    time = Time()
    store = MemoryStore(Bounds(), time)
    assert await store.claim("a", Record("0a")) is None
    time.now = HOLD - 1
    assert await store.claim("a", Record("0b")) == Record("0a")
    time.now = HOLD
    assert await store.claim("a", Record("0b")) is None
