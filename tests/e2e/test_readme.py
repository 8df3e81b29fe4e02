"""The README's examples, as a reader would run them."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import socketio
import websockets
from aiohttp import web

from tests.support.examples import applied, example, untested

from .harness.server import Hosting

README = "README.md"
TIMEOUT = 20.0


def run(code: str) -> web.Application:
    """Run a program as an import would, and return its aiohttp application."""
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, README, "exec"), names)
    app = names["app"]
    assert isinstance(app, web.Application)
    return app


def test_every_example_is_tested() -> None:
    assert untested(README) == 0


async def test_the_first_application(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(example(README, "first"))
    (tmp_path / "rtserver.toml").write_text(example(README, "first-config"))
    command = (sys.executable, "-m", "rtserver")
    environment = os.environ | {"RTSERVER_LISTEN__PORT": "0"}  # as the README says, but on a free port
    checked = await asyncio.to_thread(
        subprocess.run,
        [*command, "check-config", "--config", "rtserver.toml"],
        cwd=tmp_path,
        timeout=TIMEOUT,
        check=False,
    )
    assert checked.returncode == 0
    process = await asyncio.create_subprocess_exec(
        *(*command, "serve", "--config", "rtserver.toml"),
        cwd=tmp_path,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            assert process.stderr is not None
            while not (found := re.search(rb"listening on (\S+)", await process.stderr.readline())):
                assert process.returncode is None
            client = example(README, "client").replace("http://127.0.0.1:8000", found[1].decode())
            answered = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", client), stdout=asyncio.subprocess.PIPE
            )
            assert (await answered.communicate())[0] == b"delivered\n"
            process.terminate()
            await process.communicate()
            assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("library", ["python-socketio", "rtserver"])
async def test_moving_from_python_socketio(hosting: Hosting, library: str) -> None:
    code = example(README, "before")
    if library == "rtserver":
        code = applied(example(README, "after"), code)
    host = await hosting.app(run(code))
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(host.url, namespaces=["/chat"])
    try:
        assert (
            await client.call("hello", "Good morning", namespace="/chat", timeout=20) == "Good morning, Ada"
        )
    finally:
        await client.disconnect()


async def test_plain_websocket(hosting: Hosting) -> None:
    host = await hosting.app(run(example(README, "plain")))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            websockets.connect(f"{host.websocket_url}/feed", subprotocols=[websockets.Subprotocol("feed.v1")])
        )
        assert client.subprotocol == "feed.v1"
        await client.send("a" * 3)
        assert await client.recv() == "AAA"
