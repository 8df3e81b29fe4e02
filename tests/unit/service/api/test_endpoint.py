from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from rtserver import Server
from rtserver.cluster.memory import MemoryManager
from rtserver.errors import ApiError
from rtserver.service.api import endpoint
from rtserver.service.api.commands import Commands
from rtserver.service.api.endpoint import Api, Handler
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import Bounds
from rtserver.service.api.idempotency.replays import Replays
from rtserver.service.api.keys import Key, KeyRing
from rtserver.service.api.limits import ApiLimits

KEY = "a key of 20 characters"
EVENT = {"to": "all", "event": "news"}


class Manager(MemoryManager):
    """Takes an event when a test says so, or fails as it says."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.done = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def emit(self, *_: Any) -> None:  # type: ignore[override]
        self.begun.put_nowait(None)
        await self.gate.wait()
        self.done += 1
        if self.error is not None:
            raise self.error


class Served:
    """An API, what carries its events, and a client of it."""

    def __init__(self, api: Api, manager: Manager, http: TestClient[web.Request, web.Application]) -> None:
        self.api = api
        self.manager = manager
        self.http = http

    async def emit(self, **headers: str) -> tuple[int, Any, dict[str, str]]:
        given = {"Authorization": f"Bearer {KEY}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        async with self.http.post("/api/emit", json=EVENT, headers=given) as answer:
            return answer.status, await answer.json(), dict(answer.headers)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    manager = Manager()
    commands = Commands(Server(manager), "user:{user}", [])
    key = Key("shop", sha256(KEY.encode()).digest(), ["*"], ["*"])
    replays = Replays(MemoryStore(Bounds(), lambda: 0))
    api = Api(commands, KeyRing([key]), ApiLimits(body=1000, running=2), replays, lambda: 0)
    app = web.Application()
    api.attach(app, "/api/")
    async with TestClient(TestServer(app)) as http:
        yield Served(api, manager, http)
        manager.gate.set()
    await api.close(1)


async def test_an_answer(served: Served) -> None:
    status, body, headers = await served.emit()
    assert (status, body) == (200, {"in_touch": True, "acks": None})
    assert headers["Cache-Control"] == "no-store"
    assert served.api.answered == {"ok": 1}


async def test_too_many_at_a_time(served: Served) -> None:
    served.manager.gate.clear()
    running = [asyncio.create_task(served.emit()) for _ in range(2)]
    for _ in running:
        await served.manager.begun.get()
    status, body, headers = await served.emit()
    assert (status, body["code"], headers["Retry-After"]) == (503, "busy", "1")
    served.manager.gate.set()
    assert [each[0] for each in await asyncio.gather(*running)] == [200, 200]
    assert (await served.emit())[0] == 200


async def test_the_end_waits_for_what_is_being_done(served: Served) -> None:
    served.manager.gate.clear()
    running = asyncio.create_task(served.emit())
    await served.manager.begun.get()
    ending = asyncio.create_task(served.api.close(60))
    await asyncio.sleep(0)
    status, body, _ = await served.emit()
    assert (status, body["message"]) == (503, "this process is about to end; try again")
    assert not ending.done()
    served.manager.gate.set()
    await ending
    assert (await running)[0] == 200


async def test_the_end_doesn_t_wait_for_ever(served: Served) -> None:
    served.manager.gate.clear()
    running = asyncio.create_task(served.emit())
    await served.manager.begun.get()
    await served.api.close(0.01)
    assert not running.done()
    served.manager.gate.set()
    assert (await running)[0] == 200


async def test_a_failure_stays_inside(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.manager.error = RuntimeError("internals")
    for _ in range(2):  # a part of it may have been done, so that it isn't done again
        status, body, _ = await served.emit(Idempotency_Key="one")
        assert (status, body["code"]) == (500, "internal_error")
        assert "internals" not in body["message"]
    assert served.manager.done == 1
    assert "internals" in caplog.text
    assert served.api.answered == {"internal_error": 2}


async def test_what_was_refused_may_come_again(served: Served) -> None:
    served.manager.error = ApiError(422, "invalid_request", "no")
    assert (await served.emit(Idempotency_Key="one"))[0] == 422
    served.manager.error = None
    assert (await served.emit(Idempotency_Key="one"))[0] == 200
    assert "Idempotent-Replayed" in (await served.emit(Idempotency_Key="one"))[2]
    assert served.manager.done == 2


async def test_a_request_that_takes_too_long(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "RUN_TIMEOUT", 0.01)
    served.manager.gate.clear()
    status, body, _ = await served.emit()
    assert (status, body["code"]) == (504, "timeout")


async def test_a_body_that_doesn_t_come(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "READ_TIMEOUT", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http.port)
    writer.write(
        b"POST /api/emit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
        b"Authorization: Bearer " + KEY.encode() + b"\r\n\r\n{"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
async def test_a_body_that_is_encoded(served: Served, encoding: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http.port)
    writer.write(
        b"POST /api/emit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
        b"Content-Encoding: "
        + encoding.encode()
        + b"\r\nAuthorization: Bearer "
        + KEY.encode()
        + b"\r\n\r\nno gzip"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 415 ")
    assert served.api.answered == {"unsupported_media_type": 1}
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("error", [web.RequestPayloadError("internals"), ConnectionResetError("internals")])
async def test_a_body_that_breaks_off(served: Served, error: Exception) -> None:
    handlers: list[Handler] = []

    def around(handler: Handler) -> Handler:
        handlers.append(handler)
        return handler

    served.api.attach(web.Application(), "/api/", around)
    body = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    body.set_exception(error)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = await handlers[0](make_mocked_request("POST", "/api/emit", headers, payload=body))
    assert answer.status == 400
    assert json.loads(answer.text or "") == {
        "code": "invalid_request",
        "message": "the request's body broke off",
    }


async def test_a_body_that_is_too_large(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with served.http.post("/api/emit", json={**EVENT, "args": ["x" * 1000]}, headers=headers) as answer:
        assert answer.status == 413
        assert (await answer.json())["message"] == "received more than 1000 bytes; send less at a time"
    assert served.manager.done == 0


async def test_what_comes_isn_t_logged(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with served.http.post("/api/emit", json={"to": "hush", "hush": 1}, headers=headers) as answer:
        assert "hush" in (await answer.json())["message"]
    assert "refused emit from 127.0.0.1: invalid_request" in caplog.text
    for secret in ("hush", KEY):
        assert all(secret not in each.getMessage() for each in caplog.records)


async def test_metrics(served: Served) -> None:
    await served.emit()
    await served.emit(Authorization="")
    (family,) = served.api.families()
    assert family.name == "rtserver_api_requests"
    assert {each.labels["result"]: each.value for each in family.samples} == {"ok": 1, "key_missing": 1}
