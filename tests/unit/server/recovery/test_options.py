from __future__ import annotations

from typing import Any

import pytest

from rtserver.engineio.handler import Handshake
from rtserver.server.recovery.options import ConnectionStateRecovery, can_recover


def handshake(**headers: str) -> Handshake:
    return Handshake("GET", "/", [(name.encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),  # the official client in Node.js, over WebSocket
        ({"User-Agent": "node-XMLHttpRequest"}, True),  # and over polling
        ({"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0", "Origin": "https://app.example"}, True),
        ({"User-Agent": "Python/3.11 aiohttp/3.14.0"}, False),
        ({"User-Agent": "python-requests/2.32.3"}, False),
        ({"Origin": "http://app.example"}, False),  # the websocket-client package
        ({"User-Agent": "WebSocket-Client"}, False),
        ({"User-Agent": "WebSocket-Client", "Sec-WebSocket-Protocol": "rtserver.json"}, True),
    ],
)
def test_pythons_clients_can_not_recover(headers: dict[str, str], expected: bool) -> None:
    assert can_recover(handshake(**headers)) is expected


@pytest.mark.parametrize(
    "wrong", [{"max_disconnection_duration": 0}, {"max_packets": -1}, {"max_bytes": 0}, {"max_sessions": 0}]
)
def test_a_limit_is_positive(wrong: dict[str, Any]) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"{name}: received {value}, expected a number greater than 0"):
        ConnectionStateRecovery(**wrong)
