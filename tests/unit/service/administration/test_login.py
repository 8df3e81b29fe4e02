from __future__ import annotations

import asyncio
import threading
from importlib import util
from typing import Any

import bcrypt
import pytest

from rtserver.service.administration.login import Login, is_hash

HASH = bcrypt.hashpw(b"lovelace", bcrypt.gensalt(4)).decode()


def login(name: str = "ada", password: str = "lovelace") -> dict[str, str]:
    return {"username": name, "password": password}


@pytest.mark.parametrize("password", ["lovelace", HASH, HASH.replace("$2b$", "$2y$")])
async def test_name_and_password_must_be_right(password: str) -> None:
    accept = Login("ada", password).accept
    assert await accept(login())
    assert await accept({**login(), "sessionId": "1.2"})
    wrong: list[Any] = [
        *(None, "lovelace", {}, login("ada", ""), login("ada", "Lovelace"), login("grace")),
        *({"username": "ada"}, {"username": ["ada"], "password": 7}, login("ada", "\ud800")),
    ]
    for auth in wrong:
        assert not await accept(auth)


async def test_a_hash_is_no_password() -> None:
    assert not await Login("ada", HASH).accept(login("ada", HASH))


async def test_bcrypt_looks_at_72_bytes() -> None:
    long = "é" * 36
    accept = Login("ada", bcrypt.hashpw(long.encode(), bcrypt.gensalt(4)).decode()).accept
    assert await accept(login("ada", long + "more"))
    assert not await accept(login("ada", long[:-1]))


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
    assert await asyncio.gather(*(accept(login()) for _ in range(10))) == [False] * 10
    assert most == 1
    assert threading.main_thread() not in threads


async def test_a_wrong_name_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("looked at"))
    assert not await Login("ada", HASH).accept(login("grace"))


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
