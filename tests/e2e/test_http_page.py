"""The examples of the page about HTTP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .harness.server import Hosting

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
CLIENT = Path(__file__).parent / "node_modules" / "socket.io-client" / "dist"


def run(*names: str) -> dict[str, Any]:
    """Run some examples in their order, and return what they define."""
    defined: dict[str, Any] = {}
    for name in names:
        found = re.search(rf"<!-- tested: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
        assert found is not None, f"the page has no example named {name}"
        exec(compile(found[1], "docs/http.md", "exec"), defined)
    return defined


def test_every_example_is_tested() -> None:
    assert PAGE.count("```python") == PAGE.count("<!-- tested: ")


async def test_admission_headers_and_refused_requests(
    hosting: Hosting, capsys: pytest.CaptureFixture[str]
) -> None:
    names = run("admission", "admission-config", "headers", "refused")

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


def test_behind_a_proxy() -> None:
    options = run("proxies")["sio"].eio.options
    assert options.proxies is not None


async def test_the_browser_client(hosting: Hosting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node_modules" / "socket.io-client").mkdir(parents=True)
    (tmp_path / "node_modules" / "socket.io-client" / "dist").symlink_to(CLIENT.resolve())
    monkeypatch.chdir(tmp_path)
    host = await hosting.app(run("client")["app"])
    files = re.findall(r"^\| `(\S+)` \|", PAGE.partition("## The browser client")[2], re.MULTILINE)
    assert len(files) == 4
    async with aiohttp.ClientSession() as http:
        for name in files:
            async with http.get(f"{host.url}/socket.io/{name}") as answer:
                assert await answer.read() == (CLIENT / name).read_bytes()
