"""Requests of an old client."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.engineio_v4.helpers import Serve, error, live, until_polling_is_held
from tests.support.engine import RawClient, Served

__all__ = [
    "POLLING",
    "WEBSOCKET",
    "Serve",
    "error",
    "live",
    "open_polling",
    "open_websocket",
    "opened",
    "until_polling_is_held",
    "url",
]

POLLING = "/engine.io/?EIO=3&transport=polling"
WEBSOCKET = "/engine.io/?EIO=3&transport=websocket"


def opened(payload: bytes) -> Any:
    """Return what a payload of an open packet alone says."""
    length, _, packet = payload.partition(b":")
    assert len(packet) == int(length)
    assert packet[:1] == b"0"
    return json.loads(packet[1:])


async def open_polling(served: Served, query: str = "") -> tuple[RawClient, str]:
    """Open a session by a handshake of polling."""
    client = await served.connect()
    answer = await client.get(POLLING + query)
    assert answer.status == 200, answer.body
    return client, opened(answer.body)["sid"]


async def open_websocket(served: Served, query: str = "") -> RawClient:
    """Open a WebSocket, and read the open packet of a new session."""
    client = await served.connect()
    await client.upgrade(WEBSOCKET + query)
    if "sid=" not in query:
        assert (await client.packet())[0] == "0"
    return client


def url(sid: str) -> str:
    """Return the target of a session's polling requests."""
    return f"{POLLING}&sid={sid}"
