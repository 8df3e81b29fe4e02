"""The API does what its OpenAPI document says: with every request that is allowed, and with any other."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from rtserver import History, Presence, Server
from rtserver.service.api.commands import Commands
from rtserver.service.api.endpoint import Api
from rtserver.service.api.idempotency.memory import MemoryStore
from rtserver.service.api.idempotency.record import Bounds
from rtserver.service.api.idempotency.replays import Replays
from rtserver.service.api.keys import Key, KeyRing
from rtserver.service.api.limits import ApiLimits
from rtserver.service.api.openapi import document
from tests.support.schemas import JSON, values
from tests.unit.server.harness import FakeSession

BASE = "/api"
DOCUMENT = document(BASE)
PATHS = sorted(path for path, methods in DOCUMENT["paths"].items() if "post" in methods)
KEY = "the key of these tests"
WANTS_ACK = re.compile(r"4(?:2|5\d+-)(/[^,]*,)?(\d+)\[")


def request_schema(path: str) -> dict[str, Any]:
    schema: dict[str, Any] = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return schema["schema"]  # type: ignore[no-any-return]


class Service:
    """A server with a client that acknowledges everything, and its API."""

    def __init__(self) -> None:
        self.server = Server(
            namespaces=["/", "/other"], history=History(["*"]), presence=Presence(["*"], info=["name"])
        )
        key = Key("tests", sha256(KEY.encode()).digest(), ["*"], ["*"])
        api = Api(
            Commands(self.server, "user:{user}", ["name"]),
            KeyRing([key]),
            ApiLimits(),
            Replays(MemoryStore(Bounds(), lambda: 0)),
            lambda: 0,
        )
        self._app = web.Application()
        self.server.attach(self._app)
        api.attach(self._app, BASE)
        self._http: TestClient[web.Request, web.Application]
        self._session: FakeSession | None = None

    async def start(self) -> None:
        self._http = TestClient(TestServer(self._app))
        await self._http.start_server()

    async def close(self) -> None:
        await self._http.close()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        self._connect()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        async with self._http.post(path, data=json.dumps(body), headers=headers) as answer:
            return answer.status, await answer.json()

    def _connect(self) -> None:
        """Have a client in both namespaces: commands disconnect it."""
        self._session = session = FakeSession(self.server._dispatch)
        session.join()
        session.join("/other")

        def acknowledge() -> None:
            found = WANTS_ACK.match(str(session.sent[-1]))
            if found is not None:
                answer = f'3{found[1] or ""}{found[2]}["yes",2]'
                asyncio.get_running_loop().call_soon(session.receive, answer)

        session.on_send = acknowledge


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def service(runner: asyncio.Runner) -> Iterator[Service]:
    async def started() -> Service:
        service = Service()
        await service.start()
        return service

    service = runner.run(started())
    yield service
    runner.run(service.close())


def check(path: str, status: int, body: Any) -> None:
    """Make sure that an answer is one of those that the document has."""
    described = DOCUMENT["paths"][path]["post"]["responses"]
    assert str(status) in described, (status, body)
    assert status != 500, body
    schema = described[str(status)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)


def test_the_document_is_valid() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))


@pytest.mark.parametrize("path", PATHS)
def test_the_document_s_own_examples_are_valid(path: str) -> None:
    schema = {**request_schema(path), "components": DOCUMENT["components"]}
    name = schema["$ref"].rpartition("/")[2]
    for field in DOCUMENT["components"]["schemas"][name]["properties"].values():
        for example in field.get("examples", ()):
            Draft202012Validator({**field, "components": DOCUMENT["components"]}).validate(example)


@pytest.mark.parametrize("path", PATHS)
def test_every_request_that_the_document_allows_is_understood(
    runner: asyncio.Runner, service: Service, path: str
) -> None:
    @settings(max_examples=30)
    @given(values(request_schema(path), DOCUMENT))
    def holds(body: Any) -> None:
        status, answer = runner.run(service.post(path, body))
        check(path, status, answer)
        waits = [each.get("ack_timeout") or 0 for each in body.get("commands", ())]
        assert status == 200 or sum(waits) > 60, answer

    holds()


@pytest.mark.parametrize("path", PATHS)
def test_any_other_request_gets_an_answer_that_the_document_has(
    runner: asyncio.Runner, service: Service, path: str
) -> None:
    allowed = Draft202012Validator({**request_schema(path), "components": DOCUMENT["components"]})

    @settings(max_examples=30)
    @given(values(request_schema(path), DOCUMENT), st.data())
    def holds(body: dict[str, Any], data: st.DataObject) -> None:
        field = data.draw(st.sampled_from([*body, "other"]))
        other = {**body, field: data.draw(JSON)}
        status, answer = runner.run(service.post(path, other))
        check(path, status, answer)
        assert status == 422 or allowed.is_valid(other), "the document doesn't allow what the API does"

    holds()
