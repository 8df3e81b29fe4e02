from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rtserver.errors import TokenError
from rtserver.service.auth.jwks import MAX_BYTES, KeySet
from rtserver.service.auth.keys import public_key
from rtserver.service.auth.options import Expectations
from rtserver.service.auth.verifier import Verifier
from tests.support.tokens import PRIVATE, jwk, pem, token

PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


class Provider:
    """An identity provider, which counts how often it is asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.document: Any = {"keys": [jwk("RS256", kid="a")]}
        self.status = 200
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.server: TestServer

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.go_on.wait()
        if isinstance(self.document, bytes):
            return web.Response(body=self.document, status=self.status)
        return web.json_response(self.document, status=self.status)

    def key_set(self) -> KeySet:
        return KeySet(str(self.server.make_url("/keys")), 600, 10, lambda: self.now)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_get("/keys", made.answer)
    made.server = TestServer(app)
    async with made.server:
        yield made


async def test_keys_are_fetched_once_for_all_who_wait(provider: Provider) -> None:
    keys = provider.key_set()
    found = await asyncio.gather(*(keys.find("RS256", "a") for _ in range(20)))
    assert all(len(each) == 1 for each in found)
    assert provider.asked == 1


async def test_they_are_fetched_again_when_they_are_old(provider: Provider) -> None:
    keys = provider.key_set()
    await keys.find("RS256", "a")
    provider.now = 599
    await keys.find("RS256", "a")
    assert provider.asked == 1
    provider.now = 601
    provider.go_on.clear()
    assert len(await keys.find("RS256", "a")) == 1  # nobody waits for it
    assert keys._fetching is not None
    provider.go_on.set()
    await keys._fetching
    assert provider.asked == 2


async def test_keys_of_the_set_are_used_besides_others(provider: Provider) -> None:
    other = public_key(pem("RS256"), "RS256", "other")
    anyone = public_key(rsa.generate_private_key(65_537, 2048).public_key().public_bytes(PEM, SPKI))
    verifier = Verifier([other, anyone], provider.key_set(), Expectations())
    assert (await verifier.verify(token(PRIVATE["RS256"], "RS256", kid="a")))["sub"] == "ada"


async def test_a_rotated_key_is_found(provider: Provider) -> None:
    keys = provider.key_set()
    await keys.find("RS256", "a")
    provider.document = {"keys": [jwk("ES256", kid="b")]}
    provider.now = 11
    verifier = Verifier([], keys, Expectations())
    assert (await verifier.verify(token(PRIVATE["ES256"], "ES256", kid="b")))["sub"] == "ada"
    with pytest.raises(TokenError):
        await verifier.verify(token(PRIVATE["RS256"], "RS256", kid="a"))  # withdrawn


async def test_unknown_keys_don_t_make_it_ask_more_often(provider: Provider) -> None:
    keys = provider.key_set()
    for number in range(100):
        assert await keys.find("RS256", f"made-up-{number}") == []
    assert provider.asked == 1
    provider.now = 11
    await keys.find("RS256", "made-up")
    await keys.find("RS256", "made-up")
    assert provider.asked == 2


@pytest.mark.parametrize(
    ("status", "document", "said"),
    [
        (500, {"keys": []}, "received the HTTP status 500"),
        (302, {"keys": []}, "received the HTTP status 302"),
        (200, {"error": "none"}, "expected a JSON object with the array `keys`"),
        (200, b"<html>", "unexpected character"),
        (200, b" " * (MAX_BYTES + 1), f"received more than {MAX_BYTES} bytes"),
    ],
)
async def test_a_failure_is_logged_and_the_keys_from_before_stay(
    provider: Provider, status: int, document: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = provider.key_set()
    await keys.find("RS256", "a")
    provider.now, provider.status, provider.document = 601, status, document
    with caplog.at_level(logging.ERROR):
        assert len(await keys.find("RS256", "a")) == 1
        if keys._fetching is not None:
            await keys._fetching
    assert said in caplog.text
    assert "1 keys from before stay in use" in caplog.text
    assert keys.failures == 1


async def test_a_provider_that_can_t_be_reached(provider: Provider) -> None:
    keys = provider.key_set()
    await provider.server.close()
    assert await keys.find("RS256", "a") == []
    assert keys.failures == 1


async def test_it_ends_while_it_asks(provider: Provider) -> None:
    provider.go_on.clear()
    keys = provider.key_set()
    asking = asyncio.create_task(keys.find("RS256", "a"))
    while not provider.asked:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    provider.go_on.set()
