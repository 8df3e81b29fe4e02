"""Servers in the test's own process: an aiohttp application on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from rtserver import Server

from .events import EventLog

__all__ = ["Host", "Hosting", "make_server", "recorded"]


def make_server(**options: Any) -> Server:
    """Make the server under test."""
    return Server(**options)


class Host:
    """A served application.

    Attributes:
        runner: aiohttp's runner of it.
        port: The port it listens on.
    """

    def __init__(self, runner: web.AppRunner, port: int, tls: bool, lane: asyncio.Server | None) -> None:
        self.runner = runner
        self.port = port
        self._secure = "s" if tls else ""
        self._lane = lane

    @property
    def url(self) -> str:
        return f"http{self._secure}://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws{self._secure}://127.0.0.1:{self.port}"

    async def close(self) -> None:
        """Stop listening and close every connection, as an operator would."""
        if self._lane is not None:
            self._lane.close()
        await self.runner.cleanup()


class Hosting:
    """Starts servers for one test and stops them at its end."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def app(
        self,
        app: web.Application,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        lane: Server | None = None,
    ) -> Host:
        """Serve an application.

        Args:
            app: The application.
            tls: What makes it HTTPS.
            port: Where to listen; a free port if 0.
            lane: The server whose requests take the fast lane, as in a service of our own.
        """
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        listening = None
        if lane is None:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
            port = runner.addresses[0][1]
        else:
            assert runner.server is not None
            factory = lane.eio.lane(runner.server)
            listening = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port, ssl=tls)
            port = listening.sockets[0].getsockname()[1]
        host = Host(runner, port, tls is not None, listening)
        self._stack.push_async_callback(host.close)
        return host

    async def server(
        self, sio: Server, tls: ssl.SSLContext | None = None, port: int = 0, *, lane: bool = False
    ) -> Host:
        """Serve a Socket.IO server at its default path, and plain WebSocket clients at ``/ws``."""
        app = web.Application()
        sio.attach(app, websocket_path="ws")
        return await self.app(app, tls, port, sio if lane else None)

    async def close(self) -> None:
        await self._stack.aclose()


def recorded(sio: Server, *events: str, namespace: str = "/") -> EventLog:
    """Log the connects, disconnects and named events of a namespace; each event answers with its data."""
    log = EventLog("the server")

    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        log.add("connect", sid, environ, auth)

    async def disconnect(sid: str, reason: str) -> None:
        log.add("disconnect", sid, reason)

    sio.on("connect", connect, namespace=namespace)
    sio.on("disconnect", disconnect, namespace=namespace)
    for event in events:
        sio.on(event, _recorder(log, event), namespace=namespace)
    return log


def _recorder(log: EventLog, event: str) -> Any:
    async def handler(sid: str, *args: Any) -> tuple[Any, ...]:
        log.add(event, sid, *args)
        return args

    return handler
