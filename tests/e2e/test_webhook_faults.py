"""Backends that are slow, dead or talk nonsense: what clients learn, what is logged, who is disturbed."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web

from .harness.backend import SECRETS, Answer, ScriptedBackend
from .harness.command import Command, Commands
from .harness.node import Node, NodeSocket

APPLICATION = """
def setup(sio):
    @sio.event
    async def local(sid):
        return "here"

    @sio.event(namespace="/other")
    async def local(sid):
        return "there"
"""
CODES = {
    "backend_timeout": "The backend didn't answer in time: try again later",
    "backend_unavailable": "The backend can't be reached: try again later",
    "backend_busy": "Too much waits for the backend: try again later",
    "backend_failed": "The backend failed",
}


class Service:
    """A service, and the backend that its main namespace has."""

    def __init__(self, folder: Path, node: Node) -> None:
        self._folder = folder
        self._node = node
        self._commands = Commands(folder)
        self.backend = ScriptedBackend()
        self.command: Command
        self.url = ""

    async def serve(self, is_there: bool = True, **settings: Any) -> None:
        await self.backend.start()
        if not is_there:
            await self.backend.stop()
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (self._folder / "app.py").write_text(APPLICATION)
        (self._folder / "rtserver.toml").write_text(
            f'app = "app:setup"\n[metrics]\nenabled = true\n[webhooks]\nurl = "{self.backend.url}"\n'
            f'secrets = ["{SECRETS[0]}"]\nnamespaces = ["/"]\n{lines}'
        )
        self.command = await self._commands.start("serve", "--config", "rtserver.toml", "--port", "0")
        self.url = await self.command.url()

    async def client(self, namespace: str = "/") -> NodeSocket:
        return await self._node.connect(self.url, namespace=namespace)

    async def refused(self) -> dict[str, Any]:
        """Let a client try to connect, and return its error."""
        manager = await self._node.manager(self.url, transports=["websocket"], reconnection=False)
        socket = await manager.socket("/")
        (error,) = await socket.next("connect_error")
        return {"message": error["message"], "data": error["data"]}

    async def knock(self) -> bool:
        """Try to connect, and tell whether that was possible."""
        client = socketio.AsyncClient(reconnection=False)
        try:
            await client.connect(self.url, transports=["websocket"])
        except socketio.exceptions.ConnectionError:
            return False
        await client.disconnect()
        return True

    async def metric(self, name: str) -> float:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def close(self) -> None:
        await self._commands.close()  # first, because they tell the backend who has gone
        await self.backend.stop()


@pytest.fixture
async def service(tmp_path: Path, node: Node) -> AsyncIterator[Service]:
    service = Service(tmp_path, node)
    yield service
    await service.close()


def refusal(code: str) -> dict[str, Any]:
    return {"message": CODES[code], "data": {"code": code}}


def error(code: str) -> list[Any]:
    return [{"code": code, "message": CODES[code]}]


async def forever(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


# Slow.


async def test_a_slow_backend(service: Service) -> None:
    await service.serve(timeout=2)
    client, other = await service.client(), await service.client("/other")
    service.backend.script["event"] = forever
    asked = asyncio.create_task(client.call("ask"))
    await service.backend.next("event")
    assert await client.call("local") == ["here"]  # nobody waits for it, not even the client itself
    assert await other.call("local") == ["there"]
    assert await asked == error("backend_timeout")
    service.backend.script["connect"] = forever
    assert await service.refused() == refusal("backend_timeout")
    _, gone = await service.backend.next("disconnect")  # the backend may have let it in
    assert gone["sid"] != client.sid
    await service.command.line(r"event of client \S+, namespace /: backend_timeout: no answer within ")
    assert await service.metric('rtserver_webhooks_total{result="backend_timeout",type="event"}') == 1


async def test_only_so_much_waits_for_it(service: Service) -> None:
    await service.serve(concurrency=1, max_waiting=0, max_client_waiting=0)
    ada, eve = await service.client(), await service.client()
    go_on = asyncio.Event()

    async def slowly(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        await go_on.wait()
        return web.json_response({"ack": message["args"]})

    service.backend.script["event"] = slowly
    asked = asyncio.create_task(ada.call("ask", 1))
    await service.backend.next("event")
    assert await ada.call("ask", 2) == error("backend_busy")
    assert await eve.call("ask", 3) == error("backend_busy")
    assert await service.refused() == refusal("backend_busy")
    go_on.set()
    assert await asked == [1]
    assert await eve.call("ask", 4) == [4]


async def test_a_client_s_events_keep_their_order(service: Service) -> None:
    await service.serve(max_client_waiting=50)
    client = await service.client()

    async def slower_and_slower(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(0.02 * (5 - message["args"][0]))
        return web.json_response({"ack": message["args"]})

    service.backend.script["event"] = slower_and_slower
    answers = await asyncio.gather(*(client.call("ask", number) for number in range(5)))
    assert answers == [[number] for number in range(5)]
    asked = [message["args"][0] for _, message in service.backend.asked if message["type"] == "event"]
    assert asked == [0, 1, 2, 3, 4]


# Dead.


async def test_a_dead_backend_is_let_alone_until_it_is_back(service: Service) -> None:
    await service.serve(False, breaker_failures=2, breaker_time=1, retries=0)
    other = await service.client("/other")
    for _ in range(2):
        assert await service.refused() == refusal("backend_unavailable")
    await service.command.line("ERROR .*the backend doesn't answer, and is let alone .*can't be reached")
    assert await service.metric("rtserver_webhook_breaker_open") == 1
    await service.backend.start()
    assert await other.call("local") == ["there"]
    async with asyncio.timeout(20):
        while not await service.knock():
            pass
    await service.command.line("the backend answers again")
    assert await service.metric("rtserver_webhook_breaker_open") == 0
    assert await service.metric("rtserver_webhook_breaker_opened_total") == 1
    assert await (await service.client()).call("ask") == []


async def test_one_that_dies_meanwhile(service: Service) -> None:
    await service.serve(retries=0)
    client = await service.client()
    await service.backend.stop()
    assert await client.call("ask") == error("backend_unavailable")
    await client.disconnect()
    await service.command.line("backend_unavailable: ")
    await service.backend.start()
    _, gone = await service.backend.next("disconnect")  # it is told all the same, later
    assert gone["sid"] == client.sid


async def test_what_it_hasn_t_taken_is_sent_again_with_its_id(service: Service) -> None:
    answers = [web.Response(status=503), web.Response(status=429, headers={"Retry-After": "0"})]

    async def busy_at_first(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answers.pop(0) if answers else web.json_response({"ack": ["done"]})

    await service.serve()
    client = await service.client()
    service.backend.script["event"] = busy_at_first
    assert await client.call("ask") == ["done"]
    ids = [id for id, message in service.backend.asked if message["type"] == "event"]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert await service.metric("rtserver_webhook_retries_total") == 2


async def test_it_is_told_who_has_gone_until_it_has_understood(service: Service) -> None:
    answers = [web.Response(status=500), web.Response(status=204)]

    async def wrong_at_first(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return answers.pop(0)

    await service.serve()
    service.backend.script["disconnect"] = wrong_at_first
    client = await service.client()
    await client.disconnect()
    first, second = [await service.backend.next("disconnect", count) for count in (1, 2)]
    assert first == second
    assert first[1]["reason"] == "client disconnect"


async def test_it_is_told_before_the_service_ends(service: Service) -> None:
    await service.serve()
    clients = [await service.client() for _ in range(5)]
    status, _, _ = await service.command.end(signal.SIGTERM)
    assert status == 0
    gone = {message["sid"] for _, message in service.backend.asked if message["type"] == "disconnect"}
    assert gone == {client.sid for client in clients}


# Nonsense.


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Callable[[ScriptedBackend], Answer]:
    async def give(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return lambda backend: give


def elsewhere(backend: ScriptedBackend) -> Answer:
    """Send the service on, to the same backend: it would be seen there twice if it went."""

    async def give(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": backend.url})

    return give


def endless(backend: ScriptedBackend) -> Answer:
    async def give(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65_536)
        except ConnectionError:
            return response

    return give


NONSENSE: dict[str, tuple[Callable[[ScriptedBackend], Answer], str]] = {
    "an error": (answer(500, b"secret stack trace"), "received the HTTP status 500, expected 200 or 204"),
    "not found": (answer(404), "received the HTTP status 404"),
    "a redirect": (elsewhere, "received the HTTP status 307, expected 200 or 204; redirects aren't followed"),
    "no JSON": (answer(200, b"<html>secret</html>"), "expected JSON"),
    "another JSON": (answer(200, b'["secret"]'), "expected a JSON object"),
    "an unknown field": (answer(200, b'{"secret": 1}'), "secret: Extra inputs are not permitted"),
    "too deep": (answer(200, b'{"emit":' * 200 + b"1" + b"}" * 200), "nested deeper than 100 levels"),
    "too much": (endless, "received more than 100000 bytes"),
    "compressed": (answer(200, b"\x1f\x8b", **{"Content-Encoding": "gzip"}), "expected JSON"),
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense(service: Service, kind: str) -> None:
    make, logged = NONSENSE[kind]
    await service.serve(max_answer=100_000)
    client = await service.client()
    service.backend.script["event"] = make(service.backend)
    assert await client.call("ask") == error("backend_failed")
    await service.command.line(f"event of client .*: backend_failed: .*{re.escape(logged)}")
    assert len([1 for _, message in service.backend.asked if message["type"] == "event"]) == 1
    service.backend.script["connect"] = make(service.backend)
    assert await service.refused() == refusal("backend_failed")
    assert await client.call("local") == ["here"]
    del service.backend.script["event"]
    assert await client.call("ask") == []  # it isn't let alone for that
    assert await service.metric("rtserver_webhook_breaker_opened_total") == 0


# What is said before it comes to that.


async def test_a_server_that_the_application_made_is_refused(commands: Commands) -> None:
    commands.write(app="import rtserver\nsetup = rtserver.Server()\n")
    command = await commands.serve(
        f'app = "app:setup"\n[webhooks]\nurl = "http://127.0.0.1:1/"\nsecrets = ["{SECRETS[0]}"]\n'
        'namespaces = ["/"]\n'
    )
    status, _, errors = await command.end()
    assert status == 1
    assert "can't be made to ask the backend first; name a function that receives the Server" in errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('namespaces = ["/"]', "namespaces have a backend that isn't there: set url"),
        ('url = "http://127.0.0.1/"', "url needs requests to be signed: expected secrets or secret_file"),
        (
            'url = "ftp://127.0.0.1/"',
            'webhooks.url: received "ftp://127.0.0.1/", expected a URL that begins with http:// or https://',
        ),
        (
            'url = "http://127.0.0.1/"\nsecrets = ["hush-hush"]',
            'expected a secret that begins with whsec_: make one with: echo "whsec_$(openssl',
        ),
    ],
)
async def test_a_wrong_config(commands: Commands, tmp_path: Path, settings: str, message: str) -> None:
    (tmp_path / "rtserver.toml").write_text(f'app = "app:setup"\n[webhooks]\n{settings}\n')
    command = await commands.start("check-config", "--config", "rtserver.toml")
    status, _, errors = await command.end()
    assert status == 2
    assert message in errors
    assert "hush" not in errors
