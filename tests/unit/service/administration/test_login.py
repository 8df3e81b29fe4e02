from __future__ import annotations

import asyncio
import threading
from importlib import util
from typing import Any

import bcrypt
import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver.service.administration.login import MOST_WAITING, Login, is_hash

HASH = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()


def here() -> bool:
    return False


def login(name: str = "ada", password: str = "lovelace") -> dict[str, str]:
    return {"username": name, "password": password}


@pytest.mark.parametrize("password", ["lovelace", HASH, HASH.replace("$2b$", "$2y$")])
async def test_name_and_password_must_be_right(password: str) -> None:
    accept = Login("ada", password).accept
    assert await accept(login(), here)
    assert await accept({**login(), "sessionId": "1.2"}, here)
    wrong: list[Any] = [
        *(None, "lovelace", {}, login("ada", ""), login("ada", "Lovelace"), login("grace")),
        *({"username": "ada"}, {"username": ["ada"], "password": 7}, login("ada", "\ud800")),
    ]
    for auth in wrong:
        assert not await accept(auth, here)


async def test_a_hash_is_no_password() -> None:
    assert not await Login("ada", HASH).accept(login("ada", HASH), here)


async def test_bcrypt_looks_at_72_bytes() -> None:
    long = "é" * 36
    accept = Login("ada", bcrypt.hashpw(long.encode(), bcrypt.gensalt(4)).decode()).accept
    assert await accept(login("ada", long + "more"), here)
    assert not await accept(login("ada", long[:-1]), here)


async def test_guesses_are_looked_at_one_at_a_time_and_not_in_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside, most, threads = 0, 0, set()

    def check(password: bytes, hashed: bytes) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threads.add(threading.current_thread())
        threading.Event().wait(0.002)  # others would come in meanwhile
        inside -= 1
        return False

    monkeypatch.setattr(bcrypt, "checkpw", check)
    accept = Login("ada", HASH).accept
    assert await asyncio.gather(*(accept(login(), here) for _ in range(10))) == [False] * 10
    assert most == 1
    assert threading.main_thread() not in threads


async def test_guesses_do_not_queue_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: go.wait(10))
    accept = Login("ada", HASH).accept
    waiting = [asyncio.ensure_future(accept(login(), here)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(5):
            with pytest.raises(Refusal, match="too many log in at a time; try again"):
                await accept(login(), here)
    finally:
        go.set()
    assert all(await asyncio.gather(*waiting))
    assert await accept(login(), here)


async def test_a_guess_of_who_has_gone_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    go, looked = threading.Event(), []

    def check(password: bytes, hashed: bytes) -> bool:
        looked.append(password)
        return go.wait(10)

    monkeypatch.setattr(bcrypt, "checkpw", check)
    accept, gone = Login("ada", HASH).accept, [False]
    first = asyncio.ensure_future(accept(login(), here))
    second = asyncio.ensure_future(accept(login("ada", "guess"), lambda: gone[0]))
    await asyncio.sleep(0)
    gone[0] = True
    go.set()
    assert [await first, await second] == [True, False]
    assert looked == [b"lovelace"]


async def test_a_wrong_name_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("looked at"))
    assert not await Login("ada", HASH).accept(login("grace"), here)


def test_a_hash_needs_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"isn't installed: pip install 'rtserver\[admin\]'"):
        Login("ada", HASH)
    Login("ada", "lovelace")


def test_every_process_has_the_same_secret() -> None:
    secret = Login("ada", HASH).credentials().secret
    assert Login("ada", HASH).credentials().secret == secret
    assert Login("grace", HASH).credentials().secret != secret
    assert Login("ada", "lovelace").credentials().secret != secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [(HASH, True), ("$2b$12$short", False), ("lovelace", False), (HASH + "x", False)],
)
def test_what_a_hash_looks_like(text: str, expected: bool) -> None:
    assert is_hash(text) is expected
