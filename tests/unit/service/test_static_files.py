from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rtserver.service.static_files import add_static

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    for name, text in {
        "top/index.html": "top",
        "top/page.html": "page",
        "demo/index.html": "demo",
        "demo/deep/file.txt": "deep",
        "secret.txt": "secret",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "demo" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "bare").mkdir()
    app = web.Application()

    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="other")

    app.router.add_get("/socket.io/", other)
    add_static(app, "/", tmp_path / "top")
    add_static(app, "demo/", tmp_path / "demo")
    add_static(app, "/bare", tmp_path / "bare")
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", 200, "top"),
        ("/page.html", 200, "page"),
        ("/demo/", 200, "demo"),
        ("/demo", 200, "demo"),
        ("/demo/deep/file.txt", 200, "deep"),
        ("/socket.io/", 200, "other"),
        ("/none.html", 404, None),
        ("/bare/", 404, None),
        ("/demo/deep/", 403, None),
        ("/demo/link.txt", 404, None),
        ("/demo/..%2fsecret.txt", 404, None),
        ("/demo/%2e%2e/secret.txt", 404, None),
    ],
)
async def test_paths(client: Client, path: str, status: int, text: str | None) -> None:
    async with client.get(path) as response:
        assert response.status == status
        if text is not None:
            assert await response.text() == text


async def test_a_folder_without_its_slash_is_redirected(client: Client) -> None:
    async with client.get("/demo", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, "/demo/")
