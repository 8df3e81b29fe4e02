"""Requests and expectations that several files share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

from rtserver.engineio.session import Session
from tests.support.engine import RawClient, Served, until, upgrade_request

Serve = Callable[..., AbstractAsyncContextManager[Served]]
POLLING = "/engine.io/?EIO=4&transport=polling"
WEBSOCKET = "/engine.io/?EIO=4&transport=websocket"


def error(code: int, text: str) -> Any:
    """Match the body of a refused request."""

    class Matches:
        def __eq__(self, other: object) -> bool:
            assert isinstance(other, dict)
            return set(other) == {"code", "message"} and other["code"] == code and text in other["message"]

        def __repr__(self) -> str:
            return f"{{code: {code}, message: ...{text}...}}"

        __hash__ = None  # type: ignore[assignment]

    return Matches()


async def probe(served: Served, sid: str) -> RawClient:
    """Open a WebSocket for a session, and have it probed."""
    websocket = await served.open_websocket(f"&sid={sid}")
    websocket.send("2probe")
    assert await websocket.packet() == "3probe"
    return websocket


async def until_polling_is_held(served: Served) -> None:
    """Wait until the server holds a GET."""
    await until(lambda: live(served).writable)


def live(served: Served, index: int = -1) -> Any:
    """Return a session, the last one unless told, with what only transports use."""
    return cast(Session, served.handler.sessions[index])


def get_head(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post_head(sid: str, length: int) -> bytes:
    return f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()


def opening(transport: str) -> bytes:
    """Return the request that opens a session."""
    return upgrade_request(WEBSOCKET) if transport == "websocket" else get_head(POLLING)
