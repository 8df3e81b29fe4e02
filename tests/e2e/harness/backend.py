"""Backends for webhooks: the documentation's as processes, and one whose answers a test writes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

__all__ = ["EXAMPLES", "SECRETS", "ExampleBackend", "ScriptedBackend"]

FOLDER = Path(__file__).parents[3] / "docs" / "examples"
EXAMPLES = {"python": (sys.executable, "backend.py"), "node": (shutil.which("node") or "node", "backend.js")}
SECRETS = (
    "whsec_YW4gb2xkIHNlY3JldCBvZiB0aGUgdGVzdHM=",
    "whsec_dGhlIG5ldyBzZWNyZXQgb2YgdGhlIHRlc3Rz",
)
PATIENCE = 20.0

Answer = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class ExampleBackend:
    """A backend of the documentation.

    Args:
        name: Which one.
        secrets: What it accepts.
    """

    def __init__(self, name: str, *secrets: str) -> None:
        self._name = name
        self._secrets = " ".join(secrets or SECRETS[:1])
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def __aenter__(self) -> ExampleBackend:
        program, file = EXAMPLES[self._name]
        self._process = await asyncio.create_subprocess_exec(
            *(program, str(FOLDER / file), "0"),
            env=os.environ | {"WEBHOOK_SECRETS": self._secrets},
            stdout=asyncio.subprocess.PIPE,
        )
        self.url = f"http://127.0.0.1:{(await self.line()).removeprefix('listening on ')}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode().rstrip("\n")


class ScriptedBackend:
    """A backend whose answers a test writes, in the test's own process.

    Attributes:
        script: Answers to requests of a type; what isn't there is answered with ``{}``.
        asked: Every request: its id and what it says.
        url: Where it is, also while it doesn't listen.
    """

    def __init__(self) -> None:
        self.script: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.url = ""
        self._news = asyncio.Condition()
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, on the port of before if there was one."""
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def next(self, type: str, count: int = 1) -> tuple[str, dict[str, Any]]:
        """Wait until there were so many requests of a type, and return the last of them."""

        def found() -> list[tuple[str, dict[str, Any]]]:
            return [each for each in self.asked if each[1]["type"] == type]

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
            return found()[count - 1]

    async def _take(self, request: web.Request) -> web.StreamResponse:
        message = json.loads(await request.read())
        async with self._news:
            self.asked.append((request.headers["webhook-id"], message))
            self._news.notify_all()
        answer = self.script.get(message["type"])
        return web.json_response({}) if answer is None else await answer(request, message)
