from __future__ import annotations

from typing import Any

import pytest

from rtserver.admin.credentials import Credentials

ADA = {"username": "ada", "password": "lovelace"}
GRACE = {"username": "grace", "password": "hopper"}


async def accepted(auth: Any, sent: Any) -> bool:
    credentials = Credentials.of(auth)
    assert credentials is not None
    return await credentials.accept(sent, lambda: False)


async def test_a_dictionary_has_to_agree_in_all_its_keys() -> None:
    assert await accepted(ADA, ADA)
    assert await accepted(ADA, {**ADA, "sessionId": "expired"})
    for sent in (None, "lovelace", {}, {"username": "ada"}, {**ADA, "password": "x"}, {**ADA, "password": 1}):
        assert not await accepted(ADA, sent)
    assert not await accepted({"pin": 1}, {"pin": "1"})


async def test_one_of_several_dictionaries_is_enough() -> None:
    assert await accepted([ADA, GRACE], GRACE)
    assert not await accepted([ADA, GRACE], {"username": "ada", "password": "hopper"})


async def test_a_function_decides() -> None:
    async def later(auth: Any) -> bool:
        return bool(auth == "let me in")

    assert await accepted(lambda auth: auth == "let me in", "let me in")
    assert await accepted(later, "let me in")
    assert not await accepted(later, ADA)


def test_false_asks_nobody() -> None:
    assert Credentials.of(False) is None


def test_credentials_are_taken_as_they_are() -> None:
    credentials = Credentials(lambda *_: True, b"secret")
    assert Credentials.of(credentials) is credentials


def test_the_same_logins_give_the_same_secret_and_others_another() -> None:
    def secret(auth: Any) -> bytes:
        credentials = Credentials.of(auth)
        assert credentials is not None
        return credentials.secret

    assert secret(ADA) == secret([dict(reversed(ADA.items()))])
    assert secret(ADA) != secret(GRACE)
    assert secret(lambda _: True) != secret(lambda _: True)


@pytest.mark.parametrize("auth", [None, {}, [], [{}]])
def test_what_would_let_nobody_in_by_mistake_is_refused(auth: Any) -> None:
    with pytest.raises(ValueError, match="auth"):
        Credentials.of(auth)


@pytest.mark.parametrize("auth", [True, "lovelace", 7, ["ada"]])
def test_what_is_no_auth_is_refused(auth: Any) -> None:
    with pytest.raises(
        TypeError, match=r'expected a dictionary such as \{"username": ..., "password": ...\}'
    ):
        Credentials.of(auth)
