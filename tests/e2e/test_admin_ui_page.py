"""The examples of the page about the admin UI: the service, with workers, as the config file has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

import rtserver
from tests.support.examples import ROOT, example, run

from .harness.admin_ui import DIST
from .harness.command import TIMEOUT, Command, Commands

PAGE = "docs/admin-ui.md"
LOGIN = {"username": "ada", "password": "lovelace"}
APPLICATION = """\
def setup(sio):
    @sio.event
    async def connect(sid, environ):
        await sio.enter_room(sid, "lobby")
"""


class Service:
    """The service of the page, and its clients.

    Args:
        folder: Where its files are.
        commands: Runs it.
        settings: What stands in its config file besides.
    """

    def __init__(self, folder: Path, commands: Commands, settings: str = "", above: str = "") -> None:
        (folder / "rtserver.toml").write_text(f"{above}\n{example(PAGE, 'config')}\n{settings}")
        (folder / "chat.py").write_text(APPLICATION)
        self._commands = commands
        self._clients: list[socketio.AsyncSimpleClient] = []
        self.command: Command
        self.url = ""

    async def __aenter__(self) -> Service:
        self.command = await self._commands.start(
            "serve", "--config", "rtserver.toml", "--port", "0", env={"RTSERVER_ADMIN__INTERVAL": "0.1"}
        )
        self.url = await self.command.url()
        return self

    async def __aexit__(self, *_error: object) -> None:
        for client in self._clients:
            await client.disconnect()

    async def connect(self, namespace: str = "/", auth: Any = None) -> socketio.AsyncSimpleClient:
        client = socketio.AsyncSimpleClient(reconnection=False)
        self._clients.append(client)
        await client.connect(self.url, namespace=namespace, auth=auth, transports=["websocket"])
        return client


async def until(client: socketio.AsyncSimpleClient, event: str) -> list[Any]:
    """Return the arguments of the next event of this name."""
    while True:
        name, *args = list[Any](await client.receive(timeout=TIMEOUT))
        if name == event:
            return args


async def test_the_service(tmp_path: Path, commands: Commands) -> None:
    async with Service(tmp_path, commands) as service:
        client = await service.connect()
        admin = await service.connect("/admin", LOGIN)
        [sockets] = await until(admin, "all_sockets")
        assert {each["id"]: each["rooms"] for each in sockets}[client.sid] == [client.sid, "lobby"]
        await admin.emit("join", ("/", "hall", client.sid))
        assert (await until(admin, "room_joined"))[:3] == ["/", "hall", client.sid]
        with pytest.raises(Refused):
            await service.connect("/admin", {**LOGIN, "password": "wrong"})
        await service.command.line("someone at 127.0.0.1 has shown no valid credentials for the admin UI")
        assert "wrong" not in "\n".join(service.command.lines)


async def test_all_workers_are_seen_from_any_of_them(tmp_path: Path, commands: Commands) -> None:
    async with Service(tmp_path, commands, above="workers = 2") as service:
        sids = {str((await service.connect()).sid) for _ in range(4)}
        admin = await service.connect("/admin", LOGIN)
        [session] = await until(admin, "session")
        [sockets] = await until(admin, "all_sockets")
        assert sids <= {each["id"] for each in sockets}
        assert all(each["transport"] == "websocket" for each in sockets)
        servers: dict[str, int] = {}
        while len(servers) < 2 or sum(servers.values()) < 4:
            [stats] = await until(admin, "server_stats")
            counts = {each["name"]: each["socketsCount"] for each in stats["namespaces"]}
            servers[stats["serverId"]] = counts.get("/", 0)
        for _ in range(4):  # to whichever worker these come
            again = await service.connect("/admin", {"sessionId": session})
            await until(again, "config")
        await admin.emit("_disconnect", ("/", True))
        gone: set[str] = set()
        while gone != sids:
            namespace, sid, *_ = await until(admin, "socket_disconnected")
            gone |= {sid} if namespace == "/" else set()


async def test_admins_need_no_token(tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "token.secret").write_text("x" * 40)
    tokens = '[auth]\nnamespaces = ["*"]\n[[auth.keys]]\nalgorithm = "HS256"\nsecret_file = "token.secret"\n'
    async with Service(tmp_path, commands, tokens) as service:
        await service.connect("/admin", LOGIN)
        with pytest.raises(Refused):
            await service.connect()


async def test_the_page_is_served(tmp_path: Path, commands: Commands) -> None:
    folder = "node_modules/@socket.io/admin-ui/ui/dist"
    static = example(PAGE, "static")
    assert folder in static
    (tmp_path / folder).parent.mkdir(parents=True)
    (tmp_path / folder).symlink_to(DIST)
    async with (
        Service(tmp_path, commands, static) as service,
        aiohttp.ClientSession() as session,
        session.get(f"{service.url}/admin-ui") as response,
    ):
        assert response.status == 200
        assert "Socket.IO Admin UI" in await response.text()


def test_an_application_of_ones_own() -> None:
    sio = run(PAGE, "application")["sio"]
    assert isinstance(sio, rtserver.Server)
    with pytest.raises(RuntimeError, match="instrumented already"):
        sio.instrument(auth=False)


def test_the_settings_have_their_place() -> None:
    assert "## `[admin]`" in (ROOT / "docs/configuration.md").read_text()
