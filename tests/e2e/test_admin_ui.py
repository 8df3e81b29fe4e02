"""The official admin UI in Chromium: every panel, and all that an operator can do there."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import socketio
from aiohttp import web
from playwright.async_api import Browser, expect

from rtserver import RedisManager, Server

from .harness.admin_ui import AdminUi, serve_ui
from .harness.redis import RedisServer
from .harness.server import Host, Hosting, make_server

# One loop for all of them, because they share the browser.
pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = {"username": "ada", "password": "lovelace"}
SOON = 0.1
"""Seconds between two reports of a server."""

Serve = Callable[..., Awaitable[Host]]
Visit = Callable[..., Awaitable[AdminUi]]
Connect = Callable[..., Awaitable[socketio.AsyncClient]]


@pytest_asyncio.fixture(loop_scope="module")
async def hosting() -> AsyncIterator[Hosting]:
    hosting = Hosting()
    yield hosting
    await hosting.close()


@pytest_asyncio.fixture(loop_scope="module")
async def serve(hosting: Hosting) -> Serve:
    """Serve an instrumented server, with the page."""

    async def serve(sio: Server, **options: Any) -> Host:
        defaults: dict[str, Any] = {"auth": LOGIN, "server_stats_interval": SOON}
        sio.instrument(**defaults | options)
        app = web.Application()
        sio.attach(app)
        serve_ui(app)
        return await hosting.app(app)

    return serve


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Open the page and log in."""
    pages: list[AdminUi] = []

    async def visit(host: Host) -> AdminUi:
        ui = await AdminUi.open(browser, f"{host.url}/ui/")
        pages.append(ui)
        await ui.log_in(host.url, **LOGIN)
        await ui.is_connected()
        return ui

    yield visit
    for ui in pages:
        await ui.close()


@pytest_asyncio.fixture(loop_scope="module")
async def connect() -> AsyncIterator[Connect]:
    """Connect a client of an application."""
    clients: list[socketio.AsyncClient] = []

    async def connect(
        host: Host, *, transports: Sequence[str] = ("websocket",), **options: Any
    ) -> socketio.AsyncClient:
        client = socketio.AsyncClient(reconnection=False)
        clients.append(client)
        await client.connect(host.url, transports=list(transports), **options)
        return client

    yield connect
    for client in clients:
        await client.disconnect()


def chat(**options: Any) -> Server:
    """Return an application in which clients say their names, and are in rooms."""
    sio = make_server(**options)

    @sio.event
    async def connect(sid: str, environ: Any, auth: Any) -> None:
        await sio.enter_room(sid, "lobby")
        await sio.save_session(sid, {"name": (auth or {}).get("name")})

    @sio.event
    async def say(sid: str, text: str) -> str:
        await sio.emit("said", {"text": text}, room="lobby", skip_sid=sid)
        return "delivered"

    @sio.event
    async def rename(sid: str, name: str) -> None:
        async with sio.session(sid) as session:
            session["name"] = name

    sio.on("hello", lambda sid: None, namespace="/chat")
    return sio


class TestComingIn:
    async def test_a_wrong_password_is_told_and_the_right_one_is_kept(
        self, serve: Serve, browser: Browser
    ) -> None:
        host = await serve(chat())
        ui = await AdminUi.open(browser, f"{host.url}/ui/")
        await ui.log_in(host.url, "ada", "wrong")
        await expect(ui.dialog).to_contain_text("Invalid credentials")
        await ui.log_in(host.url, **LOGIN)
        await ui.is_connected()
        await expect(ui.card("Namespaces").locator("tbody tr").first).to_be_visible()
        await ui.page.reload()
        await ui.is_connected()
        assert "lovelace" not in str(await ui.page.evaluate("JSON.stringify(localStorage)"))
        await ui.page.evaluate("localStorage.session_id = '1.2'")
        await ui.page.reload()
        await expect(ui.dialog).to_contain_text("Invalid credentials")
        await ui.close()

    async def test_without_credentials(self, serve: Serve, browser: Browser) -> None:
        host = await serve(chat(), auth=False)
        ui = await AdminUi.open(browser, f"{host.url}/ui/")
        await ui.log_in(host.url)
        await ui.is_connected()
        await ui.close()

    async def test_the_msgpack_parser_and_another_namespace(self, serve: Serve, browser: Browser) -> None:
        host = await serve(make_server(serializer="msgpack"), namespace="/ops")
        ui = await AdminUi.open(browser, f"{host.url}/ui/")
        await ui.page.evaluate("localStorage.parser = 'msgpack', localStorage.namespace = '/ops'")
        await ui.page.reload()
        await ui.log_in(host.url, **LOGIN)
        await ui.is_connected()
        await ui.goto("Sockets")
        await ui.close()


class TestPanels:
    async def test_the_dashboard(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        host = await serve(chat())
        ui = await visit(host)
        await connect(host, namespaces=["/", "/chat"])
        last = await connect(host, transports=["polling"])
        clients, servers, namespaces = (ui.card(name) for name in ("Clients", "Servers", "Namespaces"))
        await expect(clients.locator("tr", has_text="WebSocket")).to_contain_text(re.compile(r"2\s*66.7 %"))
        await expect(clients.locator("tr", has_text="polling")).to_contain_text(re.compile(r"1\s*33.3 %"))
        await expect(servers.locator("tr", has_text=re.compile("^ *healthy", re.I))).to_contain_text("1")
        for name, count in (("/", 2), ("/admin", 1), ("/chat", 1)):
            row = namespaces.locator("tr").filter(has=ui.page.get_by_text(name, exact=True))
            await expect(row.locator("td").nth(1)).to_have_text(str(count))
        await last.disconnect()
        await expect(clients.locator("tr", has_text="polling")).to_contain_text(re.compile(r"0\s*0.0 %"))
        # What the two charts are drawn of.
        aggregated = "document.querySelector('#app').__vue__.$store.state.main.aggregatedEvents"
        await ui.page.wait_for_function(f"{aggregated}.some((each) => each.type === 'rawDisconnection')")
        counts: dict[str, int] = await ui.page.evaluate(
            f"Object.fromEntries({aggregated}.map((each) => [each.type, each.count]))"
        )
        assert set(counts) == {"rawConnection", "rawDisconnection", "bytesIn", "bytesOut"}
        assert all(count > 0 for count in counts.values())

    async def test_sockets_and_their_details(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        host = await serve(chat())
        await connect(host)
        ui = await visit(host)
        await ui.goto("Sockets")
        headers = {"User-Agent": "a test", "Cookie": "id=1234"}
        client = await connect(host, auth={"name": "Ada"}, headers=headers, transports=["polling"])
        sid = str(client.get_sid())
        await expect(ui.row(sid)).to_contain_text("HTTP long-polling")
        await ui.row(sid).locator("td").first.click()
        details = ui.card("Details")
        await expect(details).to_contain_text(sid)
        await expect(details).to_contain_text("127.0.0.1")
        await expect(details.locator("pre")).to_have_text('{\n  "name": "Ada"\n}')
        request = ui.card("Initial HTTP request")
        await expect(request.locator("tr", has_text="user-agent")).to_contain_text("a test")
        await expect(request.locator("tr", has_text="cookie")).to_contain_text("(hidden)")
        await expect(request.locator("tr", has_text="transport")).to_contain_text("polling")
        rooms = ui.card("Rooms").locator("tbody tr")
        await expect(rooms).to_have_count(2)
        assert {text.strip() for text in await rooms.all_inner_texts()} == {sid, "lobby"}
        await client.emit("rename", "Grace")
        await expect(details.locator("pre")).to_have_text('{\n  "name": "Grace"\n}')
        await client.disconnect()
        await expect(details.get_by_text("disconnected").first).to_be_visible()
        await ui.goto("Sockets")
        await expect(ui.row(sid)).to_have_count(0)

    async def test_a_client_that_upgrades(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        host = await serve(chat())
        await connect(host)
        ui = await visit(host)
        await ui.goto("Sockets")
        sid = str((await connect(host, transports=["polling", "websocket"])).get_sid())
        await expect(ui.row(sid)).to_contain_text("WebSocket")

    async def test_who_was_there_before(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        host = await serve(chat())
        sids = [str((await connect(host)).get_sid()) for _ in range(2)]
        ui = await visit(host)
        await ui.goto("Sockets")
        for sid in sids:
            await expect(ui.row(sid)).to_be_visible()
        await ui.goto("Rooms")
        await expect(ui.row("lobby").locator("td").nth(2)).to_have_text("2")

    async def test_rooms(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        sio = chat()
        host = await serve(sio)
        one, two = [str((await connect(host)).get_sid()) for _ in range(2)]
        ui = await visit(host)
        await sio.enter_room(one, "hall")
        await ui.goto("Rooms")
        await expect(ui.row("hall").locator("td").nth(2)).to_have_text("1")
        await expect(ui.row("lobby").locator("td").nth(2)).to_have_text("2")
        await sio.enter_room(two, "hall")
        await expect(ui.row("hall").locator("td").nth(2)).to_have_text("2")
        await sio.close_room("hall")
        await expect(ui.row("hall")).to_have_count(0)
        await ui.page.get_by_text("Show private rooms").click()
        await expect(ui.row(one)).to_contain_text("Private")

    async def test_clients(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        host = await serve(chat())
        ui = await visit(host)
        await ui.goto("Clients")
        await expect(ui.row()).to_have_count(1)  # the page itself
        client = await connect(host, namespaces=["/", "/chat"])
        await expect(ui.row()).to_have_count(2)
        await ui.row().last.locator("td").first.click()
        for name in ("/", "/chat"):
            await expect(ui.row(str(client.get_sid(name)))).to_be_visible()

    async def test_events(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        sio = chat()
        host = await serve(sio)
        two = await connect(host)
        ui = await visit(host)
        await ui.goto("Events")
        one = await connect(host)
        sid = str(one.get_sid())
        await expect(ui.row(sid, "Connection")).to_be_visible()
        await expect(ui.row(sid, "Room joined", "lobby")).to_be_visible()
        await one.call("say", "good morning")
        await expect(ui.row(str(two.get_sid()), "Event sent", "said")).to_be_visible()
        received = ui.row(sid, "Event received", "say")
        await ui.button("chevron-down", received).click()
        await expect(ui.page.locator("main pre")).to_contain_text("good morning")
        await sio.leave_room(sid, "lobby")
        await expect(ui.row(sid, "Room left", "lobby")).to_be_visible()
        await one.eio.disconnect(abort=True)
        await expect(ui.row(sid, "Disconnection", "Reason: transport close")).to_be_visible()

    async def test_servers(self, serve: Serve, visit: Visit) -> None:
        host = await serve(chat(), server_id="number one")
        ui = await visit(host)
        await ui.goto("Servers")
        cells = ui.row("number one").locator("td")
        await expect(cells).to_contain_text(["number one", socket.gethostname(), str(os.getpid())])
        await expect(ui.row("number one")).to_contain_text(re.compile("healthy", re.I))


class TestDoing:
    async def test_a_socket_joins_and_leaves_rooms(
        self, serve: Serve, visit: Visit, connect: Connect
    ) -> None:
        sio = chat()
        host = await serve(sio)
        sid = str((await connect(host)).get_sid())
        ui = await visit(host)
        await ui.goto("Sockets")
        await ui.row(sid).locator("td").first.click()
        rooms = ui.card("Rooms")
        await rooms.get_by_label("Join a room").fill("hall")
        await ui.button("tag-plus-outline", rooms).click()
        await expect(rooms.locator("tbody tr")).to_have_count(3)
        assert sio.rooms(sid) == [sid, "lobby", "hall"]
        await ui.button("tag-off-outline", rooms.locator("tbody tr", has_text="hall")).click()
        await ui.goto("Rooms")
        await expect(ui.row("hall")).to_have_count(0)
        assert sio.rooms(sid) == [sid, "lobby"]

    async def test_a_room_is_cleared(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        sio = chat()
        host = await serve(sio)
        sids = [str((await connect(host)).get_sid()) for _ in range(2)]
        ui = await visit(host)
        await ui.goto("Rooms")
        await expect(ui.row("lobby").locator("td").nth(2)).to_have_text("2")
        await ui.button("tag-off-outline", ui.row("lobby")).click()
        await ui.goto("Rooms")
        await expect(ui.row("lobby")).to_have_count(0)
        assert [sio.rooms(sid) for sid in sids] == [[sid] for sid in sids]

    async def test_a_room_is_disconnected(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        sio = chat()
        host = await serve(sio)
        stays, goes = [await connect(host, namespaces=["/", "/chat"]) for _ in range(2)]
        await sio.leave_room(str(stays.get_sid()), "lobby")
        ui = await visit(host)
        await ui.goto("Rooms")
        await expect(ui.row("lobby").locator("td").nth(2)).to_have_text("1")
        await ui.button("logout", ui.row("lobby")).click()
        await ui.goto("Rooms")
        await expect(ui.row("lobby")).to_have_count(0)
        assert sio.rooms(str(stays.get_sid()))
        assert not sio.rooms(str(goes.get_sid("/")))
        assert sio.rooms(str(goes.get_sid("/chat")), "/chat")

    async def test_a_socket_is_disconnected(self, serve: Serve, visit: Visit, connect: Connect) -> None:
        sio = chat()
        host = await serve(sio)
        sids = [str((await connect(host)).get_sid()) for _ in range(2)]
        ui = await visit(host)
        await ui.goto("Sockets")
        await ui.button("logout", ui.row(sids[0])).click()
        await ui.goto("Sockets")
        await expect(ui.row(sids[0])).to_have_count(0)
        await expect(ui.row(sids[1])).to_be_visible()
        assert not sio.rooms(sids[0])

    async def test_a_client_is_disconnected_from_all_namespaces(
        self, serve: Serve, visit: Visit, connect: Connect
    ) -> None:
        host = await serve(chat())
        ui = await visit(host)
        client = await connect(host, namespaces=["/", "/chat"])
        await ui.goto("Clients")
        await expect(ui.row()).to_have_count(2)
        await ui.button("logout", ui.row().last).click()
        await ui.goto("Clients")
        await expect(ui.row()).to_have_count(1)
        await client.wait()
        assert not client.connected


class TestSeveralServers:
    async def test_all_of_them_are_seen_and_acted_on(
        self, serve: Serve, visit: Visit, connect: Connect, tmp_path: Path
    ) -> None:
        async with RedisServer(tmp_path) as redis:
            names = ("one", "two")
            servers = [chat(client_manager=RedisManager(redis.url)) for _ in names]
            hosts = [await serve(sio, server_id=name) for sio, name in zip(servers, names, strict=True)]
            sids = [str((await connect(host)).get_sid()) for host in hosts]
            ui = await visit(hosts[0])
            await ui.goto("Servers")
            for name in names:
                await expect(ui.row(name, str(os.getpid()))).to_be_visible()
            await ui.goto("Sockets")
            for sid in sids:
                await expect(ui.row(sid)).to_contain_text("WebSocket")
            await ui.goto("Rooms")
            await expect(ui.row("lobby").locator("td").nth(2)).to_have_text("2")
            await ui.goto("Sockets")
            await ui.button("logout", ui.row(sids[1])).click()  # one of the server that the page isn't at
            await ui.goto("Sockets")
            await expect(ui.row(sids[1])).to_have_count(0)
            await expect(ui.row(sids[0])).to_be_visible()
            assert not servers[1].rooms(sids[1])
            await ui.goto("Dashboard")
            await expect(
                ui.card("Servers").locator("tr", has_text=re.compile("^ *healthy", re.I))
            ).to_contain_text("2")
            for host in hosts:
                await host.close()


class TestLessOfIt:
    async def test_in_production_there_is_what_is_counted(
        self, serve: Serve, visit: Visit, connect: Connect
    ) -> None:
        host = await serve(chat(), mode="production")
        ui = await visit(host)
        await expect(ui.panels).to_have_text(["Dashboard", "Servers"])
        await connect(host)
        await expect(ui.card("Clients").locator("tr", has_text="WebSocket")).to_contain_text("2")
        await ui.goto("Servers")
        await expect(ui.row(socket.gethostname())).to_be_visible()

    async def test_who_may_only_look_is_offered_nothing_else(
        self, serve: Serve, visit: Visit, connect: Connect
    ) -> None:
        host = await serve(chat(), read_only=True)
        sid = str((await connect(host)).get_sid())
        ui = await visit(host)
        for panel, seen in (("Clients", "127.0.0.1"), ("Rooms", "lobby"), ("Sockets", sid)):
            await ui.goto(panel)
            await expect(ui.row(seen).first).to_be_visible()
            await expect(ui.page.locator("main tbody button")).to_have_count(0)
        await ui.row(sid).locator("td").first.click()
        await expect(ui.card("Details")).to_contain_text(sid)
        await expect(ui.page.locator("main tbody button")).to_have_count(0)
