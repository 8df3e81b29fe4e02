"""Tokens, with the real clients and the service: the examples of the page about them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from rtserver.service.auth_settings import AuthSettings
from tests.support.examples import example, run
from tests.support.tokens import SECRET, token

from .harness.node import Node, Transport
from .harness.script import run_script

PAGE = "docs/authentication.md"
PATIENCE = 20.0


@asynccontextmanager
async def service(folder: Path, **settings: str) -> AsyncIterator[str]:
    """Serve the page's example. Gives its address."""
    (folder / "app.py").write_text(example(PAGE, "app"))
    (folder / "rtserver.toml").write_text(example(PAGE, "config"))
    (folder / "token.secret").write_bytes(SECRET + b"\n")
    variables = {f"RTSERVER_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtserver", "serve", "--config", "rtserver.toml", "--port", "0"),
        cwd=folder,
        env=os.environ | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while not (found := re.search(rb"listening on (\S+)", line := await process.stderr.readline())):
                assert line, "the service has ended"
        yield found[1].decode()
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            output = (await process.communicate())[1]
        assert process.returncode == 0
        assert b"Traceback" not in output
        assert SECRET not in output
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def valid(**claims: Any) -> str:
    return token(aud="chat.example", **claims)


def test_an_identity_provider() -> None:
    settings = AuthSettings(**tomllib.loads(example(PAGE, "jwks"))["auth"])
    assert settings.issuer == "https://login.example/"


@pytest.mark.parametrize("transport", [Transport.POLLING, Transport.WEBSOCKET])
async def test_who_is_let_in(tmp_path: Path, node: Node, transport: Transport) -> None:
    async with service(tmp_path) as url:
        for auth, code in (
            ({}, "token_missing"),
            ({"token": token()}, "token_invalid"),
            ({"token": token(b"x" * 32, aud="chat.example")}, "token_invalid"),
            ({"token": valid(lifetime=-100)}, "token_expired"),
            ({"token": token(b"x" * 64, "HS512", aud="chat.example")}, "key_unknown"),
        ):
            manager = await node.manager(url, transports=transport.names, reconnection=False)
            refused = await manager.socket("/", auth)
            (error,) = await refused.next("connect_error")
            assert error["data"] == {"code": code}
        client = await node.connect(url, transport=transport, auth={"token": valid()})
        assert await client.call("whoami") == ["ada"]


async def test_a_browser_s_client_is_asked_for_a_new_token(tmp_path: Path) -> None:
    program = f"""
        const {{ io }} = require("socket.io-client");
        const {{ createHmac }} = require("node:crypto");
        const secret = {json.dumps(SECRET.decode())};
        const lifetimes = [4, 600];
        const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const fetchToken = async () => {{
          const exp = Date.now() / 1000 + lifetimes.shift();
          const claims = part({{ sub: "ada", aud: "chat.example", exp }});
          const signed = part({{ alg: "HS256", typ: "JWT" }}) + "." + claims;
          return signed + "." + createHmac("sha256", secret).update(signed).digest("base64url");
        }};
        {example(PAGE, "client")}
        socket.on("disconnect", (reason) => {{
          throw new Error(reason);
        }});
        socket.on("token_refresh", () => setTimeout(() => socket.emit("whoami", (user) => {{
          console.log(JSON.stringify([user, lifetimes.length]));
          process.exit(0);
        }}), 2500));  // past the first token's end
    """
    async with service(tmp_path, auth__leeway="0", auth__refresh_before="3") as url:
        assert await run_script(f"const url = {json.dumps(url)};{program}") == ["ada", 0]


async def test_a_python_client_is_asked_and_one_without_an_answer_is_disconnected(tmp_path: Path) -> None:
    lifetimes = [3, 3]
    asked = asyncio.Event()

    async def fetch_token() -> str:
        if not lifetimes:
            asked.set()
            raise RuntimeError("logged out")
        return valid(lifetime=lifetimes.pop(0))

    names = run(PAGE, "python-client", fetch_token=fetch_token)
    client: socketio.AsyncClient = names["client"]
    client.reconnection = False
    gone = asyncio.Event()
    client.on("disconnect", lambda reason: gone.set())
    async with service(tmp_path, auth__leeway="0", auth__refresh_before="2") as url:
        async with asyncio.timeout(PATIENCE):
            await names["chat"](url)
            await asked.wait()  # once for the token in between, and once in vain
            await gone.wait()


async def test_a_server_that_the_application_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import rtserver\nsetup = rtserver.Server()\n")
    (tmp_path / "rtserver.toml").write_text(example(PAGE, "config"))
    (tmp_path / "token.secret").write_bytes(SECRET)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtserver", "serve", "--config", "rtserver.toml", "--port", "0"),
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, output = await process.communicate()
    assert process.returncode == 1
    assert b"name a function that receives the Server instead" in output
    assert b"Traceback" not in output


async def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "rtserver.toml").write_text(
        'app = "app:setup"\n[auth]\nnamespaces = ["*"]\n[[auth.keys]]\nalgorithm = "HS256"\n'
        'secret = "hush-hush"\nsecrett = "hush-hush"\n'
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtserver", "check-config", "--config", "rtserver.toml"),
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, output = await process.communicate()
    assert process.returncode == 2
    assert b"secrett: unknown setting (received (not shown))" in output
    assert b"hush" not in output
