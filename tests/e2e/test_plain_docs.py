"""docs/plain-clients.md, as a reader would follow it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.examples import example, run

from .harness.demo import chromium
from .harness.plain import PlainClients
from .harness.server import Hosting, make_server

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "docs/plain-clients.md"
PACKAGES = Path(__file__).parent / "node_modules"
TIMEOUT = 20.0
PROGRAMS = {"javascript": ("node", "plain_client.mjs"), "python": (sys.executable, "plain_client.py")}


def test_the_clients_are_shown_as_they_are() -> None:
    text = (DOCS / "plain-clients.md").read_text()
    shown = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", text, re.DOTALL))
    assert shown == {
        f"examples/{path.name}": path.read_text() for path in (DOCS / "examples").glob("plain_client.*")
    }
    assert len(shown) == 2
    assert len(re.findall(r"^```\w", text, re.MULTILINE)) == len(re.findall("<!-- (?:tested|file): ", text))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """Serve the page's application with the page's configuration, on a free port."""
    (folder / "app.py").write_text(example(PAGE, "app"))
    (folder / "rtserver.toml").write_text(example(PAGE, "config"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtserver", "serve", "--config", "rtserver.toml"),
        cwd=folder,
        env=os.environ | {"RTSERVER_LISTEN__PORT": "0"},
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            assert process.stderr is not None
            banner = b""
            while not (found := re.search(rb"listening on http(\S+)", banner)):
                assert process.returncode is None
                banner += await process.stderr.readline()
        assert b"plain WebSocket clients: path /ws\n" in banner
        yield f"ws{found[1].decode()}"
        process.terminate()
        async with asyncio.timeout(TIMEOUT):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Program:
    """One of the two clients, running."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            return (await self._process.stdout.readline()).decode().rstrip("\n")


@asynccontextmanager
async def running(folder: Path, language: str, *arguments: str) -> AsyncIterator[Program]:
    command, name = PROGRAMS[language]
    shutil.copy(DOCS / "examples" / name, folder)
    if language == "javascript" and not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(PACKAGES.resolve())
    process = await asyncio.create_subprocess_exec(
        command, folder / name, *arguments, stdout=PIPE, cwd=folder
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_conversation(tmp_path: Path, plain: PlainClients) -> None:
    async with served(tmp_path) as url:
        client = await plain.open(url)
        for line in example(PAGE, "conversation").splitlines():
            direction, text = line.split(" ", 1)
            if direction == "→":
                await client.socket.send(text)
            else:
                expected: dict[str, Any] = json.loads(text)
                message = await client.receive()
                if "sid" in expected:
                    message["sid"] = expected["sid"]
                assert list(message.items()) == list(expected.items())


async def test_coming_back(hosting: Hosting, plain: PlainClients) -> None:
    sio = make_server(connection_state_recovery=True)
    host = await hosting.server(sio)
    client = await plain.open(host.websocket_url)
    await client.send("connect")
    connected = await client.receive()
    await sio.emit("news")
    offset = (await client.receive())["offset"]
    client.socket.transport.abort()
    back = await plain.open(host.websocket_url)
    await back.send(**json.loads(example(PAGE, "recover")) | {"pid": connected["pid"], "offset": offset})
    assert await back.receive() == connected


@pytest.mark.parametrize("language", PROGRAMS)
async def test_a_client(tmp_path: Path, plain: PlainClients, language: str) -> None:
    async with served(tmp_path) as url:
        other = await plain.open(url)
        await other.join(auth={"token": "secret"})
        async with running(tmp_path, language, f"{url}/ws", "secret", "Ada") as program:
            assert await program.line() == "connected"
            assert await program.line() == "reversed: 3 2 1"
            assert (await other.receive())["data"] == ["Ada: Hello!"]
            assert {await program.line(), await program.line()} == {"Ada: Hello!", "said: delivered"}
        async with running(tmp_path, language, f"{url}/ws", "guessed", "Eve") as program:
            assert await program.line() == "refused: wrong token"
            assert await program.line() == "", "the program has ended"


@pytest.mark.parametrize("language", PROGRAMS)
async def test_a_client_comes_back(tmp_path: Path, language: str) -> None:
    relay = Relay()
    async with served(tmp_path) as url:
        port = await relay.start(int(url.rsplit(":", 1)[1]))
        try:
            async with running(tmp_path, language, f"ws://127.0.0.1:{port}/ws", "secret", "Ada") as program:
                for _ in range(3):
                    said = [await program.line() for _ in range(4)]
                    assert said[:2] == ["connected", "reversed: 3 2 1"]
                    relay.cut()
        finally:
            await relay.stop()


IN_A_BROWSER = """
async (url) => {
  const { Client } = await import("/examples/plain_client.mjs");
  return new Promise((resolve, reject) => {
    const client = new Client(url, { token: "secret" }, {
      async connected() {
        const reversed = await client.call("reverse", new Uint8Array([1, 2, 3]));
        resolve([...reversed, await client.call("say", "Hello!")]);
      },
      refused: reject,
      name: () => "Ada",
    });
  });
}
"""


async def test_the_client_in_a_browser(hosting: Hosting) -> None:
    names = run(PAGE, "app", __name__="app")
    app = web.Application()
    names["sio"].attach(app, websocket_path="ws")
    app.router.add_static("/examples", DOCS / "examples")
    host = await hosting.app(app)
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{host.url}/examples/plain_client.py")  # any page of the server's origin
        answer = await page.evaluate(IN_A_BROWSER, f"{host.websocket_url}/ws")
        await browser.close()
    assert answer == [3, 2, 1, "delivered"]


class Relay:
    """A network that can fail."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, port: int) -> int:
        """Relay connections to a port; return the port to connect to."""

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection("127.0.0.1", port)
            self._writers += [writer, there[1]]
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

        self._server = await asyncio.start_server(relay, "127.0.0.1", 0)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        self.cut()
        self._server.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.transport.abort()
