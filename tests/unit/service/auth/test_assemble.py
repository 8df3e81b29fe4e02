from __future__ import annotations

import pytest

from rtserver.clock import Clock
from rtserver.errors import TokenError
from rtserver.service.auth.assemble import guard_of
from rtserver.service.auth.options import Manners
from rtserver.service.auth_settings import AuthSettings, KeySettings
from rtserver.service.limit_settings import LimitSettings
from rtserver.service.settings import Config
from tests.support.tokens import SECRET, token
from tests.unit.server.harness import manual_clock

KEY = KeySettings(algorithm="HS256", secret=SECRET.decode())


def clock() -> Clock:
    return manual_clock()[1]


def test_clients_are_asked_as_it_is_set() -> None:
    auth = AuthSettings(namespaces=["*"], keys=[KEY], sources=["query"], name="t", refresh_before=60)
    config = Config(app="app:setup", auth=auth, limits=LimitSettings(connections_per_user=3))
    manners = guard_of(config, clock)._manners
    assert manners == Manners(["query"], name="t", refresh_before=60, connections=3)


async def test_tokens_are_verified_as_it_is_set() -> None:
    auth = AuthSettings(namespaces=["*"], keys=[KEY], leeway=5, audience=["chat"], user="name")
    verifier = guard_of(Config(app="app:setup", auth=auth), clock)._verifier
    assert verifier.leeway == 5
    assert (await verifier.verify(token(aud="chat", name="ada")))["name"] == "ada"
    with pytest.raises(TokenError, match="another audience"):
        await verifier.verify(token(aud="shop", name="ada"))
    with pytest.raises(TokenError, match="it has no claim 'name'"):
        await verifier.verify(token(aud="chat"))
