"""The demo as a person has it: the service as a process, a network that can fail, and pages in Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import socketio
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

from client_demo.client import ChatClient

__all__ = ["Chatter", "Network", "Service", "TerminalChatter", "Witness", "chromium"]

CONFIG = Path(__file__).parents[3] / "config" / "development.toml"
TIMEOUT = 20.0  # seconds; a test takes a few, on a busy machine too
expect.set_options(timeout=TIMEOUT * 1000)

BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class Service:
    """`rtserver serve` with the demo's own configuration."""

    def __init__(self) -> None:
        self.port = 0
        self.log: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Service:
        try:
            await self.start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, on the port that it had before if any, and wait until it listens."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("RTSERVER_")}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rtserver", "serve", "--config", str(CONFIG), "--port", str(self.port)),
            env=env,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        stderr = self._process.stderr
        async with asyncio.timeout(TIMEOUT):
            while line := (await stderr.readline()).decode():
                self.log.append(line)
                if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
                    self.port = int(found[1])
                    self._reading = asyncio.create_task(self._read(stderr))
                    return
        raise AssertionError("the service did not start:\n" + "".join(self.log))

    async def stop(self) -> None:
        """Stop it as an operator does, and check that it ends well."""
        if self._process is None or self._reading is None:
            return
        process = self._process
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._reading
                assert await process.wait() == 0, "".join(self.log)
        finally:
            await self._end()
        assert "ERROR" not in "".join(self.log), "".join(self.log)

    async def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def _read(self, stderr: asyncio.StreamReader) -> None:
        while line := (await stderr.readline()).decode():
            self.log.append(line)


class Network:
    """What lies between clients and the service; it can be cut, and can lose the service's answers."""

    def __init__(self, service: Service) -> None:
        self.port = 0
        self._service = service
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pipes: set[asyncio.Task[None]] = set()
        self._loses_answers = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Let connections through."""
        self._loses_answers = False
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        while self._pipes:
            await asyncio.wait(self._pipes)

    def lose_answers(self) -> None:
        """From now on what the service sends disappears, while it goes on receiving."""
        self._loses_answers = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        self._writers.add(writer)
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._service.port)
            self._writers.add(upstream)
            await asyncio.gather(
                self._pipe(reader, upstream, is_answer=False),
                self._pipe(upstream_reader, writer, is_answer=True),
            )
            self._writers.discard(upstream)
        except OSError:
            pass  # the service is down, as some tests want it
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._pipes.discard(task)

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if not (is_answer and self._loses_answers):
                    writer.write(data)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the system's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("Chromium is missing: run the tests with `make test`, which installs it")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Chatter:
    """A person at the page, in a browser profile of their own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._on_console)

    def _on_console(self, message: ConsoleMessage) -> None:
        # Chromium reports each refused connection by itself; tests that cut the network cause them.
        if message.type in ("error", "warning") and "net::ERR_" not in message.text:
            self.errors.append(message.text)

    @classmethod
    async def open(cls, browser: Browser, url: str, *, websocket: bool = True) -> Chatter:
        """Open the page, without joining a room yet; without `websocket`, as behind a proxy that has none."""
        context = await browser.new_context()
        if not websocket:
            await context.route_web_socket("**", lambda route: route.close())
        context.set_default_timeout(TIMEOUT * 1000)
        chatter = cls(await context.new_page())
        await chatter.page.goto(url)
        await chatter.has_state("connected")
        return chatter

    async def join(self, nick: str, room: str = "lobby") -> None:
        """Give a name and a room in the dialog."""
        await self.page.fill("#nick", nick)
        await self.page.fill("#room", room)
        await self.page.click("#welcome-go")
        await expect(self.page.locator("#room-name")).to_have_text(f"#{room}")
        await expect(self.page.locator("#welcome")).to_be_hidden()

    async def say(self, text: str) -> None:
        """Send a message with the Enter key."""
        await self.page.fill("#text", text)
        await self.page.press("#text", "Enter")

    async def attach(self, name: str, mime_type: str, data: bytes) -> None:
        """Choose a file and send it."""
        await self.page.set_input_files("#file", {"name": name, "mimeType": mime_type, "buffer": data})
        await expect(self.page.locator("#pending-name")).to_have_text(name)
        await self.page.press("#text", "Enter")

    async def has_state(self, *states: str) -> None:
        """Wait for a state of the connection."""
        pattern = re.compile(f"^({'|'.join(states)})$")
        await expect(self.page.locator("#status")).to_have_attribute("data-state", pattern)

    async def has_messages(self, *texts: str) -> None:
        """Wait until exactly these texts are there, in this order."""
        await expect(self.page.locator(".text")).to_have_text(list(texts))

    async def all_delivered(self, count: int) -> None:
        """Wait until this many messages of one's own are delivered, and none is on its way."""
        delivered = self.page.locator(".message.mine.delivered")
        await expect(delivered).to_have_count(count)
        await expect(self.page.locator(".message:is(.queued, .sending, .failed)")).to_have_count(0)

    def message(self, text: str) -> Locator:
        """Find a message."""
        return self.page.locator(".message").filter(has=self.page.get_by_text(text, exact=True))

    async def download(self, locator: Locator) -> bytes:
        """Click something that saves a file, and read the file."""
        async with self.page.expect_download() as waiting:
            await locator.click()
        download = await waiting.value
        path = await download.path()
        return await asyncio.to_thread(path.read_bytes)

    async def close(self) -> None:
        """Close the profile; `errors` has what went wrong in the page."""
        await self.page.context.close()


class TerminalChatter:
    """A person with the terminal client; `lines` is what they read."""

    def __init__(self, url: str, nick: str, room: str = "lobby") -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        # Short delays, so that the tests needn't wait long after a cut.
        self.client = ChatClient(
            url,
            nick,
            room,
            self._show,
            reconnection_delay=0.2,
            reconnection_delay_max=0.5,
            randomization_factor=0,
        )
        self._running = asyncio.create_task(self.client.run())

    def _show(self, line: str) -> None:
        self.lines.append(line)
        self._changed.set()

    async def reads(self, pattern: str) -> str:
        """Wait for a line."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while True:
                    for line in self.lines:
                        if re.search(pattern, line):
                            return line
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no line matches {pattern!r}:\n" + "\n".join(self.lines)) from None

    def count(self, pattern: str) -> int:
        """Count the lines that match."""
        return sum(re.search(pattern, line) is not None for line in self.lines)

    async def close(self) -> None:
        """Quit."""
        self.client.quit()
        async with asyncio.timeout(TIMEOUT):
            await self._running


class Witness:
    """Someone in the room whose client hides nothing: it keeps every message that the service sends."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._changed = asyncio.Event()
        self._sio = socketio.AsyncClient(reconnection=False)
        self._sio.on("message", self._on_message)

    @classmethod
    async def join(cls, service: Service, room: str = "lobby") -> Witness:
        """Join on the service's side of the network."""
        witness = cls()
        await witness._sio.connect(f"http://127.0.0.1:{service.port}")
        answer = await witness._sio.call("join", {"room": room, "nick": "Witness"}, timeout=TIMEOUT)
        assert answer["ok"]
        return witness

    async def say(self, text: str) -> None:
        """Say something and wait until it is delivered."""
        message = {"room": "lobby", "id": f"witness-{text}", "text": text}
        assert (await self._sio.call("message", message, timeout=TIMEOUT))["ok"]

    async def hears(self, *texts: str) -> None:
        """Wait for the last of these texts, and check that nothing else was said before it."""
        async with asyncio.timeout(TIMEOUT):
            while texts[-1] not in self.texts:
                self._changed.clear()
                await self._changed.wait()
        assert self.texts == list(texts)

    async def _on_message(self, message: dict[str, Any]) -> None:
        self.texts.append(message["text"])
        self._changed.set()

    async def close(self) -> None:
        """Leave."""
        await self._sio.disconnect()
