"""The pages about moving from other servers: both sides of their examples, with the same clients."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio
import websockets
from aiohttp import web

import rtserver
from rtserver.service.config import load_config
from rtserver.testing import TestClient
from tests.support.examples import applied, example, execute, shells

from .harness.channel import HERE
from .harness.command import TIMEOUT, Commands
from .harness.either import KINDS_OF_SERVER, Servers
from .harness.node import Node
from .harness.scenes import SCENES
from .harness.server import Hosting
from .harness.stage import Stage
from .test_either import GREETING
from .test_readme import run

PYTHON = "docs/migrating-from-python-socketio.md"
NODE = "docs/migrating-from-node.md"
CENTRIFUGO = "docs/migrating-from-centrifugo.md"


class TestFromPythonSocketio:
    @pytest.mark.parametrize("library", ["python-socketio", "rtserver"])
    async def test_the_application(self, hosting: Hosting, library: str) -> None:
        code = example(PYTHON, "before")
        if library == "rtserver":
            code = applied(example(PYTHON, "diff"), code)
        host = await hosting.app(run(code))
        ada, bob = socketio.AsyncClient(reconnection=False), socketio.AsyncClient(reconnection=False)
        said: asyncio.Queue[Any] = asyncio.Queue()
        bob.on("said", lambda *args: said.put_nowait(args), namespace="/chat")
        try:
            for client, name in ((ada, "Ada"), (bob, "Bob")):
                await client.connect(host.url, auth={"name": name}, namespaces=["/", "/chat"])
            assert await ada.call("add", (1, 2), timeout=TIMEOUT) == 3
            assert await ada.call("say", "Hello!", namespace="/chat", timeout=TIMEOUT) == "delivered"
            async with asyncio.timeout(TIMEOUT):
                assert await said.get() == ("Ada", "Hello!")
            with pytest.raises(socketio.exceptions.ConnectionError):
                await socketio.AsyncClient(reconnection=False).connect(host.url, namespaces=["/chat"])
        finally:
            await ada.disconnect()
            await bob.disconnect()

    async def test_a_function_that_registers_the_handlers(self) -> None:
        code = example(PYTHON, "before").partition("sio = ")[0] + example(PYTHON, "setup")
        sio = rtserver.Server()
        execute(code, PYTHON)["setup"](sio)
        async with TestClient(sio, auth={"name": "Ada"}, namespace="/chat") as ada:
            assert await ada.call("say", "Hello!") == "delivered"
        await sio.shutdown()

    def test_redis(self) -> None:
        lines = [line[1:] for line in example(PYTHON, "redis").splitlines() if line.startswith("+")]
        assert execute("\n".join(lines), PYTHON)["AsyncRedisManager"] is rtserver.RedisManager

    @pytest.mark.parametrize("library", [socketio.AsyncServer, rtserver.Server])
    async def test_what_is_different(self, hosting: Hosting, library: type[Any]) -> None:
        ours = library is rtserver.Server
        sio: rtserver.Server = library()
        app = web.Application()
        sio.attach(app)
        host = await hosting.app(app)
        client = socketio.AsyncClient(reconnection=False)
        refusals: list[Any] = []
        arrived: asyncio.Queue[str] = asyncio.Queue()

        @sio.event
        async def connect(sid: str, environ: Any) -> None:
            await sio.emit("welcome", to=sid)

        client.on("welcome", lambda: arrived.put_nowait("welcome"))
        client.on("connect", lambda: arrived.put_nowait("connect"))
        client.on("news", arrived.put_nowait)
        try:
            await client.connect(host.url, transports=["websocket"])
            async with asyncio.timeout(TIMEOUT):
                order = [await arrived.get(), await arrived.get()]
                assert order == (["connect", "welcome"] if ours else ["welcome", "connect"])
                await sio.emit("news", "for nobody?", to=[])
                await sio.emit("news", "for everybody")
                assert await arrived.get() == ("for everybody" if ours else "for nobody?")
            if ours:
                await sio.emit("news", "x", room=[])
            else:
                with pytest.raises(IndexError):
                    await sio.emit("news", "x", room=[])
            with pytest.raises(ValueError if ours else KeyError):
                await sio.enter_room("nobody", "lobby")
            other = socketio.AsyncClient(reconnection=False)
            other.on("connect_error", refusals.append, namespace="/none")
            with pytest.raises(socketio.exceptions.ConnectionError):
                await other.connect(host.url, namespaces=["/none"], transports=["websocket"])
            assert refusals == [{"message": "Invalid namespace"} if ours else "Unable to connect"]
        finally:
            await client.disconnect()

    async def test_what_is_beneath_the_methods(self) -> None:
        page = (Path(__file__).parents[2] / PYTHON).read_text().partition("### Beneath the methods")[2]
        sio = rtserver.Server()
        sio.on("say", print, namespace="/chat")
        async with TestClient(sio, namespace="/chat") as ada:
            await sio.enter_room(ada.sid, "lobby", namespace="/chat")
            names = {"sio": sio, "sid": ada.sid}
            for chain in (sio.of("/chat").in_("lobby"), sio.of("/chat").local.in_("lobby")):
                assert [socket.id for socket in await chain.fetch_sockets()] == [ada.sid]
            values = {
                'bool(sio.rooms(sid, "/chat"))': True,
                "[name for name, clients, rooms in sio.occupancy()]": ["/chat"],
                'sio.handles("say", "/chat")': True,
                "len(sio.eio.sessions)": 0,  # the client of tests has none
            }
            for code, value in values.items():
                assert f"`{code}`" in page
                assert eval(code, names) == value
        assert not sio.rooms(ada.sid, "/chat")
        await sio.shutdown()


@pytest.fixture(params=["Node.js", "rtserver"])
async def chat(request: pytest.FixtureRequest, commands: Commands, tmp_path: Path) -> AsyncIterator[str]:
    """The address of the page's application, as Node's server and ours serve it."""
    if request.param == "rtserver":
        (tmp_path / "chat.py").write_text(example(NODE, "python"))
        (tmp_path / "rtserver.toml").write_text(example(NODE, "config"))
        command = await commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        yield await command.url()
        return
    code = example(NODE, "node")
    listen = 'server.listen(0, "127.0.0.1", () => console.log(server.address().port));'
    assert code.count("server.listen(8000);") == 1
    (tmp_path / "server.js").write_text(code.replace("server.listen(8000);", listen))
    async with node_program(tmp_path, "server.js") as output:
        async with asyncio.timeout(TIMEOUT):
            port = int(await output.readline())
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def node_program(folder: Path, file: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a JavaScript program, which finds the packages of the tests. Gives what it prints."""
    (folder / "node_modules").symlink_to((HERE / "node_modules").resolve())
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(node, file, cwd=folder, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


class TestFromNode:
    async def test_the_application(self, chat: str, node: Node) -> None:
        refused = await (await node.manager(chat)).socket()
        assert [error["message"] for error in await refused.next("connect_error")] == ["say who you are"]
        ada = await node.connect(chat, auth={"name": "Ada"})
        bob = await node.connect(chat, auth={"name": "Bob"})
        assert await ada.call("say", "Hello!") == ["delivered"]
        assert (await bob.next("said"))[:2] == ["Ada", "Hello!"]  # behind them is the offset, for recovery
        assert await ada.call("who") == [["Ada", "Bob"]]
        await ada.disconnect()
        assert (await bob.next("left"))[0] == "Ada"

    @pytest.mark.parametrize("kind", KINDS_OF_SERVER)
    async def test_a_websocket_from_a_page_of_another_origin(self, servers: Servers, kind: str) -> None:
        url = (await servers.start(kind, GREETING)).url.replace("http", "ws")
        connecting = websockets.connect(
            f"{url}/socket.io/?EIO=4&transport=websocket",
            origin=websockets.Origin("https://elsewhere.example"),
        )
        if kind == "rtserver":
            with pytest.raises(websockets.InvalidStatus):
                await connecting
        else:
            async with connecting as client:
                assert str(await client.recv()).startswith("0{")

    def test_the_options_are_named_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "rtserver.toml").write_text(example(NODE, "config"))
        config = load_config(tmp_path / "rtserver.toml")
        page = (Path(__file__).parents[2] / NODE).read_text().partition("## Options")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|", page, re.MULTILINE)
        for table, name in re.findall(r"`(listen|engine|socket)\.(\w+)`", " ".join(rows)):
            assert name in type(getattr(config, table)).model_fields, name

    def test_the_rest_of_the_interface_is_named_as_it_is(self) -> None:
        page = (Path(__file__).parents[2] / NODE).read_text()
        rows = page.partition("## What else Node's server has")[2].partition("\n## ")[0].splitlines()
        ours = "\n".join(row.split(" | ")[1] for row in rows if row.startswith("| `"))
        owners = {"sio": rtserver.Server(), "eio": rtserver.Server().eio, "socket": rtserver.Socket}
        named = re.findall(r"\b(sio|eio|socket)\.(\w+)", ours)
        assert len(named) > 20
        for owner, name in named:
            assert hasattr(owners[owner], name), name


class TestFromCentrifugo:
    async def test_the_client_and_the_backend(self, tmp_path: Path) -> None:
        async with AsyncExitStack() as stack:
            stage = Stage(tmp_path)
            stack.push_async_callback(stage.close)
            await SCENES["Centrifugo's place"](stage)
            serve, send = (shell for shell in shells(CENTRIFUGO) if shell.scene == "Centrifugo's place")
            await stage.run(serve)
            token = await stage.script("rtserver token --config rtserver.toml --user ada", CENTRIFUGO)
            stage.write("client.mjs", self.client(stage.url, token.strip()))
            client = await stack.enter_async_context(node_program(tmp_path, "client.mjs"))
            async with asyncio.timeout(TIMEOUT):
                assert await client.readline() == b"shown: Hello!\n"
                await stage.run(send)
                assert await client.readline() == b"shown: Hello!\n"

    @staticmethod
    def client(url: str, token: str) -> str:
        """Make a program of the page's example, which says "Hello!" as soon as it has joined the room."""
        return f"""
            const url = "{url}";
            const fetchToken = async () => "{token}";
            const show = (text) => console.log("shown:", text);
            {example(CENTRIFUGO, "client")}
            while (!(await say("Hello!")).ok);
        """
