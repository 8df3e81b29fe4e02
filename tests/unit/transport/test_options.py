from __future__ import annotations

from typing import Any

import pytest

from rtserver.transport.options import EngineOptions
from rtserver.websocket.deflate import DeflateOptions


def test_defaults() -> None:
    options = EngineOptions()
    assert (options.ping_interval, options.ping_interval_advertised, options.ping_timeout) == (25, 25, 20)
    assert options.max_payload == 1_000_000
    assert options.transports == {"polling", "websocket"}
    assert options.allow_upgrades
    assert options.deflate is None
    assert options.cookie is None
    assert options.max_buffer_size == 16 * 1024 * 1024
    assert options.protocols == ("4",)


def test_old_clients() -> None:
    assert EngineOptions(allow_eio3=True).protocols == ("3", "4")


def test_the_grace_is_advertised() -> None:
    options = EngineOptions(ping_interval=(10, 3))
    assert (options.ping_interval, options.ping_interval_advertised) == (10, 13)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ping_interval": 0}, "ping_interval is 0"),
        ({"ping_interval": (-1, 5)}, "ping_interval is -1"),
        ({"ping_timeout": 0}, "ping_timeout is 0"),
        ({"transports": "carrier pigeon"}, "transports is 'carrier pigeon'"),
    ],
)
def test_values_that_can_not_be_used(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EngineOptions(**given)


def test_upgrades_need_the_websocket_transport() -> None:
    assert not EngineOptions(transports=["polling"]).allow_upgrades


def test_transports_that_are_not_known_are_left_out() -> None:
    assert EngineOptions(transports=["polling", "webtransport"]).transports == {"polling"}


def test_compression() -> None:
    assert EngineOptions(per_message_deflate=True).deflate == DeflateOptions()
    options = DeflateOptions(level=1)
    assert EngineOptions(per_message_deflate=options).deflate is options
    assert EngineOptions(per_message_deflate=False).deflate is None


def test_cookies() -> None:
    cookie = EngineOptions(cookie="io").cookie
    assert cookie is not None
    assert cookie("abc") == "io=abc; path=/; SameSite=Lax"
    cookie = EngineOptions(cookie={"Secure": True, "HttpOnly": False, "Max-Age": lambda: 60}).cookie
    assert cookie is not None
    assert cookie("abc") == "io=abc; Secure; Max-Age=60"
