"""A client of rtserver's endpoint for plain WebSocket clients, in the form rtserver.msgpack.

It needs two packages, ``pip install websockets msgpack``, and is told where the server is, a token and a
name: ``python plain_client.py ws://127.0.0.1:8000/ws secret Ada``.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import sys
from collections.abc import Callable
from typing import Any

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

FORM = Subprotocol("rtserver.msgpack")
OUR_FAULT = {1002, 1003, 1007, 1008, 1009}  # close codes after which the same would happen again


class Refused(Exception):
    """The server's application doesn't let us in."""


class Client:
    """One connection to one namespace, made again whenever it breaks."""

    def __init__(self, url: str, auth: Any, handlers: dict[str, Callable[..., Any]]) -> None:
        self.url = url
        self.auth = auth
        self.handlers = handlers
        self._socket: ClientConnection | None = None
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Stay connected until the server refuses us or ends our stay."""
        # The library waits longer after each failure, and sends pings: without a pong in time it gives up.
        async for socket in connect(self.url, subprotocols=[FORM], ping_interval=20, ping_timeout=20):
            self._socket = socket
            try:
                await self._send({"type": "connect", "auth": self.auth})
                async for data in socket:
                    message = msgpack.unpackb(data, timestamp=3)
                    if message["type"] == "disconnect":
                        return
                    self._receive(message)
            except ConnectionClosed:
                pass
            finally:
                for answer in self._answers.values():
                    answer.cancel()
                self._answers.clear()
            if socket.close_code in OUR_FAULT:
                raise RuntimeError(f"closed with {socket.close_code} {socket.close_reason}")

    def _receive(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "error":
            raise Refused(message["message"])
        if kind == "ack":
            answer = self._answers.pop(message["id"], None)
            if answer is not None:
                answer.set_result(message["data"][0] if message["data"] else None)
        elif kind in {"connected", "event"}:
            # in a task, as a handler may call the server and wait for its answer
            task = asyncio.create_task(self._handle(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: dict[str, Any]) -> None:
        handler = self.handlers.get(message.get("event", "connected"))
        result = handler(*message.get("data", ())) if handler else None
        if inspect.isawaitable(result):
            result = await result
        if "id" in message:
            await self._send({"type": "ack", "id": message["id"], "data": [] if result is None else [result]})

    async def _send(self, message: dict[str, Any]) -> None:
        if self._socket is not None:
            await self._socket.send(msgpack.packb(message, datetime=True))

    async def emit(self, event: str, *data: Any) -> None:
        """Send an event."""
        await self._send({"type": "event", "event": event, "data": data})

    async def call(self, event: str, *data: Any) -> Any:
        """Send an event and wait for the server's answer."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._send({"type": "event", "event": event, "data": data, "id": number})
        return await answer


async def main(url: str, token: str, name: str) -> None:
    """Say hello, and print what others say."""

    async def connected() -> None:
        print("connected", flush=True)
        print("reversed:", *await client.call("reverse", b"\1\2\3"), flush=True)
        print("said:", await client.call("say", "Hello!"), flush=True)

    def said(text: str) -> None:
        print(text, flush=True)

    # "name" is what the server asks for: our answer
    client = Client(url, {"token": token}, {"connected": connected, "said": said, "name": lambda: name})
    try:
        await client.run()
    except Refused as refused:
        print("refused:", refused, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
