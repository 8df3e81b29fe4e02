"""The page about what doesn't work: each case is made, and what is said then is what the page says."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.support.examples import example, said, said_pattern

from .harness.command import Command, Commands
from .harness.node import Node

PAGE = "docs/troubleshooting.md"
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Version: {version}\r\n"
)
CORS = "Origin: http://localhost:5173\r\n"
BEHIND_TLS = "Host: chat.example\r\nOrigin: https://chat.example\r\n"
APPLICATION = """
def setup(sio):
    @sio.event
    async def connect(sid, environ, auth):
        if auth == {"fail": True}:
            raise ValueError("internal")
        return auth != {"refuse": True}

    @sio.event
    async def chat(sid, text):
        return text

    @sio.event
    def disconnect(sid, reason):
        print("gone:", reason, flush=True)
"""


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=APPLICATION)
    return commands


async def serve(commands: Commands, settings: str = 'app = "app:setup"') -> tuple[Command, str]:
    service = await commands.serve(settings, "--log-level", "debug")
    return service, await service.url()


async def answer(url: str, target: str, headers: str = "", version: str = "1.1") -> tuple[int, str]:
    """Return status and body of the answer to a request that is written as it stands."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    own = "" if "Host:" in headers else f"Host: {host}:{port}\r\n"
    writer.write(f"GET {target} HTTP/{version}\r\n{own}{headers}\r\n".encode())
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        assert length is not None, head
        body = (await reader.readexactly(int(length[1]))).decode()
    writer.close()
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("name", "status", "target", "headers", "version"),
    [
        ("origin", 403, POLLING, CORS, "1.1"),
        ("proxy", 403, POLLING, BEHIND_TLS, "1.1"),
        ("session", 400, f"{POLLING}&sid=gone", "", "1.1"),
        ("upgrade", 400, WEBSOCKET, "", "1.1"),
        ("http-1.0", 400, WEBSOCKET, HANDSHAKE.format(version=13), "1.0"),
        ("version", 426, WEBSOCKET, HANDSHAKE.format(version=8), "1.1"),
        ("protocol", 400, POLLING.replace("EIO=4", "EIO=3"), "", "1.1"),
    ],
)
async def test_a_request_is_refused(  # noqa: PLR0917 - a table
    commands: Commands, name: str, status: int, target: str, headers: str, version: str
) -> None:
    _, url = await serve(commands)
    code, body = await answer(url, target, headers, version)
    assert code == status
    expected = json.dumps(json.loads(said(PAGE, name)), ensure_ascii=False)
    shown = json.dumps(json.loads(body), ensure_ascii=False)
    assert re.fullmatch(re.escape(expected).replace("…", ".+"), shown), shown


async def test_another_path(commands: Commands) -> None:
    _, url = await serve(commands)
    assert (await answer(url, POLLING.replace("socket.io", "realtime")))[0] == 404
    assert (await answer(url, POLLING))[1].startswith('0{"sid":')


async def test_pages_that_may_connect(commands: Commands) -> None:
    _, url = await serve(commands, example(PAGE, "origins"))
    assert (await answer(url, POLLING, CORS))[0] == 200


async def test_a_proxy_that_is_believed(commands: Commands) -> None:
    _, url = await serve(commands, example(PAGE, "trusted"))
    assert (await answer(url, POLLING, f"{BEHIND_TLS}X-Forwarded-Proto: https\r\n"))[0] == 200


async def test_the_service_doesn_t_start(commands: Commands, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        (tmp_path / "rtserver.toml").write_text('app = "app:setup"')
        status, _, errors = await (
            await commands.start("serve", "--config", "rtserver.toml", "--port", port)
        ).end()
    assert status == 1
    assert re.fullmatch(said_pattern(PAGE, "port"), errors.strip()), errors
    (tmp_path / "rtserver.toml").write_text('app = "chat:setup"')
    status, _, errors = await (
        await commands.start("serve", "--config", "rtserver.toml", "--port", "0")
    ).end()
    assert status != 0
    assert re.fullmatch(said_pattern(PAGE, "import"), errors.strip()), errors


@pytest.mark.parametrize(
    ("name", "namespace", "auth"),
    [("namespace", "/chat", None), ("refused", "/", {"refuse": True}), ("refused", "/", {"fail": True})],
)
async def test_a_namespace_refuses(
    commands: Commands, node: Node, name: str, namespace: str, auth: Any
) -> None:
    _, url = await serve(commands)
    manager = await node.manager(url, reconnection=False)
    (error,) = await (await manager.socket(namespace, auth)).next("connect_error")
    assert {"message": error["message"]} == json.loads(said(PAGE, name))


async def test_events_that_don_t_arrive(commands: Commands, node: Node) -> None:
    service, url = await serve(commands, 'app = "app:setup"\n[log]\nclients = true')
    client = await node.connect(url)
    await client.emit("chatt", "Hello!")
    await service.line(said_pattern(PAGE, "unhandled"))
    await client.emit("chat")
    await service.line(said_pattern(PAGE, "arguments"))


async def test_a_python_client_that_isn_t_connected_yet() -> None:
    with pytest.raises(socketio.exceptions.BadNamespaceError) as raised:
        await socketio.AsyncClient().emit("chat", "Hello!", namespace="/chat")
    assert str(raised.value) == said(PAGE, "not-connected")
