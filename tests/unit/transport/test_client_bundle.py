from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import rtserver
from rtserver.transport.client_bundle import BUNDLES, ClientBundle
from rtserver.transport.origins import OriginPolicy
from tests.support.engine import listening

SCRIPT = b"console.log('client')\n" * 100
Fetch = Callable[..., Awaitable[tuple[aiohttp.ClientResponse, bytes]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a client of two variants, where npm would put it."""
    folder = tmp_path / "project" / "node_modules" / "socket.io-client" / "dist"
    folder.mkdir(parents=True)
    for name in BUNDLES[:2]:
        (folder / name).write_bytes(SCRIPT + name.encode())
        (folder / f"{name}.map").write_bytes(b"{}")
    (folder / "private.txt").write_bytes(b"secret")
    return folder


@pytest.fixture(params=["aiohttp", "lane"])
async def fetch(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Fetch]:
    """Serve the client, and return what makes requests."""
    sio = rtserver.Server(serve_client=folder, cors_allowed_origins="http://page.example")
    app = web.Application()
    sio.attach(app, "deep/path")
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        listening(app, sio.eio if request.param == "lane" else None) as (_, port),
    ):

        async def fetch(name: str, method: str = "GET", **headers: str) -> Any:
            url = f"http://127.0.0.1:{port}/deep/path/{name}"
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            async with http.request(method, url, headers={"Accept-Encoding": "identity", **named}) as answer:
                return answer, await answer.read()

        yield fetch


async def test_a_script_and_its_map(fetch: Fetch) -> None:
    answer, body = await fetch("socket.io.js?v=1")
    assert (answer.status, body) == (200, SCRIPT + b"socket.io.js")
    assert answer.headers["Content-Type"] == "application/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=0"
    assert answer.headers["Vary"] == "Accept-Encoding, Origin"
    assert "Content-Encoding" not in answer.headers
    answer, body = await fetch("socket.io.js.map")
    assert (answer.status, body) == (200, b"{}")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_head(fetch: Fetch) -> None:
    answer, body = await fetch("socket.io.js", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(SCRIPT + b"socket.io.js")


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("*", True), ("br", False), ("gzip;q=0", False)],
)
async def test_compression(fetch: Fetch, accepted: str, is_compressed: bool) -> None:
    answer, body = await fetch("socket.io.js", Accept_Encoding=accepted)
    assert (answer.headers.get("Content-Encoding") == "gzip") is is_compressed
    assert (gzip.decompress(body) if is_compressed else body) == SCRIPT + b"socket.io.js"
    assert int(answer.headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "condition",
    ["{weak}", "{strong}", '"other", {weak}', 'W/"a,b" ,{strong}, "c"', "*", " * "],
)
async def test_a_client_that_has_the_file(fetch: Fetch, method: str, condition: str) -> None:
    first, _ = await fetch("socket.io.js")
    weak = first.headers["ETag"]
    answer, body = await fetch(
        "socket.io.js",
        method,
        If_None_Match=condition.format(weak=weak, strong=weak.removeprefix("W/")),
        Accept_Encoding="gzip",
    )
    assert (answer.status, body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):  # RFC 9110, 15.4.5
        assert answer.headers[name] == first.headers[name]
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("condition", ['"other"', "", "W/", "unquoted", "{bare}", '"*"'])
async def test_a_client_that_has_another_file(fetch: Fetch, condition: str) -> None:
    first, _ = await fetch("socket.io.js")
    bare = first.headers["ETag"].removeprefix('W/"').removesuffix('"')
    answer, body = await fetch("socket.io.js", If_None_Match=condition.format(bare=bare))
    assert (answer.status, body) == (200, SCRIPT + b"socket.io.js")


async def test_each_file_has_a_tag_of_its_own(fetch: Fetch) -> None:
    tags = {(await fetch(name))[0].headers["ETag"] for name in BUNDLES[:2]}
    assert len(tags) == 2


async def test_a_page_of_an_allowed_origin_may_import_it(fetch: Fetch) -> None:
    answer, _ = await fetch("socket.io.js", Origin="http://page.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert answer.headers.getall("Vary") == ["Accept-Encoding, Origin"]
    answer, body = await fetch("socket.io.js", Origin="http://other.example")
    assert (answer.status, body) == (200, SCRIPT + b"socket.io.js")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "name",
    [
        "socket.io.esm.min.js",  # known, but not in the folder
        "private.txt",
        "../path/private.txt",
        "..%2fpath%2fprivate.txt",
        "%2e%2e/socket.io.js",
        "socket.io.js/",
        "socket.io.js%00",
        "SOCKET.IO.JS",
    ],
)
async def test_nothing_else_is_served(fetch: Fetch, name: str) -> None:
    answer, body = await fetch(name)
    assert answer.status == 404
    assert b"secret" not in body


async def test_other_methods(fetch: Fetch) -> None:
    answer, _ = await fetch("socket.io.js", "POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_the_endpoint_is_beside_it(fetch: Fetch) -> None:
    for _ in range(2):
        answer, _body = await fetch("?EIO=4&transport=polling")
        assert answer.status == 200
        answer, _body = await fetch("socket.io.js")
        assert answer.status == 200


def attached(source: Any) -> list[str]:
    """Return the paths that are served."""
    app = web.Application()
    ClientBundle(source, OriginPolicy(None, True)).attach(app, "/")
    return [resource.canonical for resource in app.router.resources()]


def test_it_is_found_in_the_working_directory_and_above(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = folder.parents[2]
    (project / "deep" / "er").mkdir(parents=True)
    for place in (project, project / "deep" / "er"):
        monkeypatch.chdir(place)
        assert attached(True) == [
            *("/socket.io.js", "/socket.io.js.map", "/socket.io.min.js", "/socket.io.min.js.map")
        ]


def test_a_text_is_a_path_too(folder: Path) -> None:
    assert len(attached(str(folder))) == 4


def test_it_isnt_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(rtserver.StartError) as caught:
        attached(True)
    assert str(caught.value) == (
        f"serve_client: no node_modules/socket.io-client/dist in {tmp_path} or a folder above it; run `npm "
        "install socket.io-client` there, or give serve_client the path of that folder"
    )


def test_a_folder_without_it(tmp_path: Path) -> None:
    with pytest.raises(rtserver.StartError) as caught:
        attached(tmp_path)
    assert str(caught.value) == (
        f"serve_client: none of {', '.join(BUNDLES)} in {tmp_path}; run `npm install socket.io-client`, and "
        "give serve_client the path of node_modules/socket.io-client/dist"
    )


def test_a_file_that_cant_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(rtserver.StartError, match=r"socket\.io\.js can't be read: Permission denied"):
        attached(folder)


def test_it_is_off_by_default() -> None:
    app = web.Application()
    rtserver.Server().attach(app)
    assert [resource.canonical for resource in app.router.resources()] == ["/socket.io/"]
