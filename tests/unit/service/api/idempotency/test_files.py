from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.idempotency import files
from rtserver.service.api.idempotency.files import FileStore
from rtserver.service.api.idempotency.record import HOLD, Bounds, Outcome, Record

DONE = Record("0a", Outcome(200, b"x" * 50))


def age(folder: Path, name: str, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(folder / name, (moment, moment))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


async def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    one, two = (FileStore(tmp_path / "answers", Bounds()) for _ in range(2))
    assert await one.claim("a", Record("0a")) is None
    assert await two.claim("a", Record("0b")) == Record("0a")
    await one.keep("a", DONE)
    assert await two.claim("a", Record("0b")) == DONE
    assert (tmp_path / "answers").stat().st_mode & 0o777 == 0o700


async def test_what_a_dead_process_has_left(tmp_path: Path) -> None:
    store = FileStore(tmp_path, Bounds())
    assert await store.claim("a", Record("0a")) is None
    age(tmp_path, "a", HOLD - 10)
    assert await store.claim("a", Record("0b")) == Record("0a")
    age(tmp_path, "a", HOLD)
    assert await store.claim("a", Record("0b")) is None
    (tmp_path / "b").write_bytes(DONE.to_bytes()[:-1])
    assert await store.claim("b", Record("0b")) is None


async def test_what_is_too_much_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SWEEP", 1)
    store = FileStore(tmp_path, Bounds(lifetime=1000, entries=3, size=10_000))
    for number, name in enumerate("abcd"):
        await store.keep(name, DONE)
        age(tmp_path, name, 100 - number)
    await store.keep("e", DONE)
    assert names(tmp_path) == ["c", "d", "e", "lock"]
    age(tmp_path, "d", 1000)
    await FileStore(tmp_path, Bounds(lifetime=1000, size=150)).keep("f", DONE)
    assert names(tmp_path) == ["e", "f", "lock"]


async def test_large_answers_are_removed_sooner(tmp_path: Path) -> None:
    store = FileStore(tmp_path, Bounds(size=1000))
    for number, name in enumerate("abcdefgh"):
        await store.keep(name, Record("0a", Outcome(200, b"x" * 400)))
        age(tmp_path, name, 100 - number)
    assert names(tmp_path) == ["g", "h", "lock"]


async def test_a_folder_that_can_t_be_written(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file")
    with pytest.raises(ApiError) as caught:
        await FileStore(tmp_path / "answers", Bounds()).claim("a", Record("0a"))
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert caught.value.headers == {"Retry-After": "1"}


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    store = FileStore(tmp_path, Bounds())
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process is at it
        claiming = asyncio.create_task(store.claim("a", Record("0a")))
        assert not (await asyncio.wait([claiming], timeout=0.2))[0]
        assert names(tmp_path) == ["lock"]
    assert await claiming is None
    assert names(tmp_path) == ["a", "lock"]
