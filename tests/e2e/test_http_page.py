"""The examples of the page about HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest

from tests.support.examples import ROOT, example, run

from .harness.command import Commands
from .harness.server import Hosting

PAGE = "docs/http.md"
CLIENT = Path(__file__).parent / "node_modules" / "socket.io-client" / "dist"


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app="def setup(sio): pass")
    return commands


async def serve(commands: Commands, settings: str) -> str:
    return await (await commands.serve(settings)).url()


async def test_admission_headers_and_refused_requests(
    hosting: Hosting, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run(PAGE, "admission", "admission-config", "headers", "refused")

    async def is_valid(token: str) -> bool:
        return token == "Bearer secret"

    names["is_valid"] = is_valid
    names["setup"](names["sio"])
    url = (await hosting.server(names["sio"])).url + "/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http:
        for headers, status, message in (
            ({}, 403, "a token is missing"),
            ({"Authorization": "Bearer wrong"}, 403, "Forbidden"),
        ):
            async with http.get(url, headers=headers) as answer:
                assert (answer.status, await answer.json()) == (status, {"code": 4, "message": message})
            assert capsys.readouterr().out == f"127.0.0.1 4 Forbidden {{'message': '{message}'}}\n"
        async with http.get(url, headers={"Authorization": "Bearer secret"}) as answer:
            sid = (await answer.text()).split('"')[3]
            assert answer.cookies["visit"]["httponly"]
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.post(f"{url}&sid={sid}", data="40") as answer:
            assert "visit" not in answer.cookies
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_which_pages_may_connect(commands: Commands) -> None:
    url = await serve(commands, example(PAGE, "origins"))
    async with aiohttp.ClientSession() as http:
        for origin, status in (
            ("https://app.example", 200),
            ("https://eu.shop.app.example", 200),
            ("http://localhost:5173", 200),
            ("https://app.example.evil.example", 403),
        ):
            headers = {"Origin": origin}
            async with http.get(f"{url}/socket.io/?EIO=4&transport=polling", headers=headers) as answer:
                body = await answer.text()
                assert answer.status == status
                allowed = answer.headers.get("Access-Control-Allow-Origin")
                assert allowed == (origin if status == 200 else None)
        assert json.loads(body)["message"] == (
            "Forbidden: origin 'https://app.example.evil.example' is not allowed: allowed are "
            "'https://app.example', 'https://*.app.example', 'http://localhost:*'; "
            "add it to the allowed origins"
        )


def test_behind_a_proxy() -> None:
    options = run(PAGE, "proxies")["sio"].eio.options
    assert options.proxies is not None


async def test_the_browser_client_of_a_config_file(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "socket.io-client").mkdir(parents=True)
    (tmp_path / "node_modules" / "socket.io-client" / "dist").symlink_to(CLIENT.resolve())
    url = await serve(commands, 'app = "app:setup"\n' + example(PAGE, "client-config"))
    async with aiohttp.ClientSession() as http, http.get(f"{url}/socket.io/socket.io.js") as answer:
        assert await answer.read() == (CLIENT / "socket.io.js").read_bytes()


async def test_the_browser_client(hosting: Hosting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node_modules" / "socket.io-client").mkdir(parents=True)
    (tmp_path / "node_modules" / "socket.io-client" / "dist").symlink_to(CLIENT.resolve())
    monkeypatch.chdir(tmp_path)
    host = await hosting.app(run(PAGE, "client")["app"])
    shown = (ROOT / PAGE).read_text().partition("## The browser client")[2]
    files = re.findall(r"^\| `(\S+)` \|", shown, re.MULTILINE)
    assert len(files) == 4
    async with aiohttp.ClientSession() as http:
        for name in files:
            async with http.get(f"{host.url}/socket.io/{name}") as answer:
                assert await answer.read() == (CLIENT / name).read_bytes()
