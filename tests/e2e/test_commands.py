"""The commands beside `serve`, against a service that runs."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.support.tokens import SECRET

from .harness.command import TIMEOUT, Command, Commands
from .harness.redis import RedisServer

APPLICATION = """
def setup(sio):
    @sio.event
    async def connect(sid, environ):
        await sio.enter_room(sid, "lobby")

    @sio.event
    async def chat(sid, *words):
        await sio.emit("said", words, room="lobby")
        return "delivered"

    @sio.event
    async def leave(sid):
        await sio.disconnect(sid)
"""


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=APPLICATION)
    return commands


async def serve(commands: Commands, settings: str = "") -> str:
    return await (await commands.serve(f'app = "app:setup"\n{settings}')).url()


async def run(commands: Commands, *arguments: str) -> tuple[int, str, str]:
    return await (await commands.start(*arguments)).end()


async def output(command: Command, pattern: str) -> str:
    """Wait for a line of the standard output with this in it."""
    assert command.process.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        while pattern not in (line := (await command.process.stdout.readline()).decode()):
            assert line, f"the command has ended without {pattern!r}"
    return line


async def test_the_client_emits_and_ends(commands: Commands) -> None:
    url = await serve(commands)
    status, out, errors = await run(commands, "client", url, "--emit", "chat", "hello", '{"a": 1}')
    assert (status, errors) == (0, "")
    assert '<- "delivered"\n' in out
    assert 'said "hello" {"a": 1}\n' in out


async def test_the_client_listens_and_emits_what_is_typed(commands: Commands) -> None:
    url = await serve(commands)
    listener = await commands.start("client", url, "--transport", "websocket", stdin=True)
    await output(listener, "-- connected to / as ")
    assert listener.process.stdin is not None
    listener.process.stdin.write(b'chat "Hello, all" [1, 2]\n')
    lines = {await output(listener, ""), await output(listener, "")}
    assert lines == {'said "Hello, all" [1, 2]\n', '<- "delivered"\n'}
    listener.process.stdin.write(b"leave\n")
    await output(listener, "-- disconnected: server disconnect")
    assert (await listener.end())[0] == 0


async def test_the_client_reads_a_file(commands: Commands, tmp_path: Path) -> None:
    url = await serve(commands)
    (tmp_path / "typed").write_text('chat "one"\nchat "two"\n')
    command = f'exec "{sys.executable}" -m rtserver client {url} < '
    for file, answers in (("typed", 2), ("/dev/null", 0)):
        status, out, errors = await (await commands.start(program=("sh", "-c", command + file))).end()
        assert (status, errors) == (0, "")
        assert out.count('<- "delivered"\n') == answers


async def test_the_client_can_t_connect(commands: Commands) -> None:
    url = await serve(commands)
    nobody = "http://127.0.0.1:1"
    for arguments, reason in (
        ([url, "--namespace", "/none"], '/none refuses the connection: {"message": "Invalid namespace"}'),
        ([url, "--path", "chat"], "404 in server response; is a Socket.IO server there, at the path chat?"),
        ([nobody], "; is a Socket.IO server there, at the path socket.io?"),
        ([nobody, "--transport", "websocket"], "; is a Socket.IO server there, at the path socket.io?"),
    ):
        status, _, errors = await run(commands, "client", *arguments)
        assert (status, errors.count("\n")) == (1, 1)
        assert errors.startswith(f"rtserver: client: {arguments[0]}: ")
        assert errors.endswith(f"{reason}\n")


async def test_the_client_isn_t_let_in(commands: Commands) -> None:
    url = await serve(commands, "[engine]\nsecure_only = true")
    status, _, errors = await run(commands, "client", url)
    assert status == 1
    assert errors.startswith(f"rtserver: client: {url}: the server refuses the request: Forbidden: ")


async def test_the_connection_ends_before_the_answer(commands: Commands) -> None:
    url = await serve(commands)
    status, _, errors = await run(commands, "client", url, "--emit", "leave")
    assert (status, errors) == (1, "rtserver: no answer to leave: the connection has ended\n")


async def test_a_token_for_the_client(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "token.secret").write_bytes(SECRET)
    url = await serve(
        commands,
        '[auth]\nnamespaces = ["*"]\n[[auth.keys]]\nalgorithm = "HS256"\nsecret_file = "token.secret"\n',
    )
    status, token, _ = await run(commands, "token", "--config", "rtserver.toml", "--user", "ada")
    assert status == 0
    auth = json.dumps({"token": token.strip()})
    status, out, _ = await run(commands, "client", url, "--auth", auth, "--emit", "chat", "hi")
    assert (status, '<- "delivered"' in out) == (0, True)
    status, _, errors = await run(commands, "client", url, "--emit", "chat", "hi")
    assert (status, "A token is needed: send one" in errors) == (1, True)


async def test_emit(commands: Commands, tmp_path: Path) -> None:
    async with RedisServer(tmp_path) as redis:
        url = await serve(commands, f'[cluster]\nmanager = "redis"\nurl = "{redis.url}"\n')
        listener = await commands.start("client", url, stdin=True)
        await output(listener, "-- connected")
        for room in ([], ["--room", "lobby"]):
            assert await run(commands, "emit", "news", "[1]", "text", *room, "--config", "rtserver.toml") == (
                0,
                "",
                "",
            )
            assert await output(listener, "news") == 'news [1] "text"\n'
        assert (await run(commands, "emit", "news", "--room", "none", "--config", "rtserver.toml"))[0] == 0
    status, _, errors = await run(commands, "emit", "news", "--config", "rtserver.toml")
    assert (status, "rtserver: emit: Redis didn't take" in errors) == (1, True)
    (tmp_path / "rtserver.toml").write_text('app = "app:setup"')
    status, _, errors = await run(commands, "emit", "news", "--config", "rtserver.toml")
    line = 'received cluster.manager = "memory", expected "redis", or --api with its URL'
    assert (status, errors) == (1, f"rtserver: emit: {line}\n")


async def test_status(commands: Commands) -> None:
    service = await commands.serve(
        'app = "app:setup"\nworkers = 2\n[internal]\nport = 0\n[metrics]\nenabled = true\n'
    )
    internal = (await service.line(r"health and readiness and metrics on (\S+)"))[1]
    url = await service.url()
    listener = await commands.start("client", url, stdin=True)
    await output(listener, "-- connected")
    status, out, errors = await run(commands, "status", "--url", internal)
    assert (status, errors) == (0, "")
    assert out.startswith("ready\nworkers: 2\nconnections: 1\nclients in namespaces: 1\n")
    status, _, errors = await run(commands, "status", "--url", "http://127.0.0.1:1")
    assert (status, "rtserver: status: http://127.0.0.1:1/ready" in errors) == (1, True)
    status, _, errors = await run(commands, "status", "--url", f"{url}/socket.io")
    assert (status, "isn't rtserver's" in errors) == (1, True)
