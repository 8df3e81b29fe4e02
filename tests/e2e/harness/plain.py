"""Plain WebSocket clients in the test's own process: either form, and nothing done behind the test's back."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

__all__ = ["FORMS", "PlainClient", "PlainClients"]

FORMS = ("rtserver.json", "rtserver.msgpack")
TIMEOUT = 10.0


class PlainClient:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = count(1)

    async def send(self, type: str, **keys: Any) -> None:
        message = {"type": type, **keys}
        if self.socket.subprotocol == "rtserver.json":
            await self.socket.send(json.dumps(message, default=_tagged))
        else:
            await self.socket.send(msgpack.packb(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT):
            data = await self.socket.recv()
        message: dict[str, Any]
        if self.socket.subprotocol == "rtserver.json":
            assert isinstance(data, str)
            message = json.loads(data, object_hook=_untagged)
        else:
            assert isinstance(data, bytes)
            message = msgpack.unpackb(data)
        return message

    async def join(self, namespace: str = "/", **keys: Any) -> str:
        """Connect to a namespace and return the sid there."""
        keys |= {} if namespace == "/" else {"namespace": namespace}
        await self.send("connect", **keys)
        message = await self.receive()
        assert message.pop("type") == "connected", message
        assert message.pop("namespace", "/") == namespace
        return str(message["sid"])

    async def emit(self, event: str, *data: Any, **keys: Any) -> None:
        await self.send("event", event=event, data=data, **keys)

    async def call(self, event: str, *data: Any) -> list[Any]:
        """Send an event and return its acknowledgment, the next message."""
        id_ = next(self._ids)
        await self.emit(event, *data, id=id_)
        message = await self.receive()
        assert (message["type"], message["id"]) == ("ack", id_), message
        answer: list[Any] = message["data"]
        return answer

    async def closing(self) -> tuple[int, str]:
        """Wait for the connection's end and return the code and reason that the server sent."""
        async with asyncio.timeout(TIMEOUT):
            with suppress(ConnectionClosed):
                async for _ in self.socket:
                    pass
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


class PlainClients:
    """Opens clients, and closes them at the end of the test."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def open(
        self, url: str, form: str = "rtserver.json", tls: ssl.SSLContext | None = None, **options: Any
    ) -> PlainClient:
        """Open a connection to the endpoint at ``/ws`` of a server."""
        socket = await self._stack.enter_async_context(
            connect(f"{url}/ws", subprotocols=[Subprotocol(form)], ssl=tls, **options)
        )
        assert socket.subprotocol == form
        return PlainClient(socket)

    async def close(self) -> None:
        await self._stack.aclose()


def _tagged(value: Any) -> dict[str, str]:
    assert isinstance(value, bytes)
    return {"$bytes": base64.b64encode(value).decode()}


def _untagged(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if list(value) == ["$bytes"] else value
