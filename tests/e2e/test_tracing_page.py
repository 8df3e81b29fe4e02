"""The examples of the page about tracing: the service, its API and its spans."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import socketio

from tests.support.examples import example
from tests.support.spans import TRACE, TRACEPARENT

from .harness.command import TIMEOUT, Command, Commands
from .harness.node import Node

PAGE = "docs/tracing.md"
KEY = "a key of the API, 32 characters or more"
API = f'[[api.keys]]\nname = "test"\nkey = "{KEY}"\nscopes = ["emit"]\n'


async def serve(commands: Commands, settings: str = "", application: str = "") -> Command:
    commands.write(chat=application or example(PAGE, "application"))
    return await commands.serve(example(PAGE, "config") + settings)


def exported(output: str) -> dict[str, Any]:
    """Read what the exporter has written: JSON objects one after another."""
    decoder, found, position = json.JSONDecoder(), {}, output.find("{")
    while position >= 0:
        span, end = decoder.raw_decode(output, position)
        found[span["name"]] = span
        position = output.find("{", end)
    return found


async def test_the_service(commands: Commands) -> None:
    command = await serve(commands, API)
    url = await command.url()
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(url, headers={"traceparent": TRACEPARENT}, transports=["websocket"])
        assert await client.call("say", "hello", timeout=TIMEOUT) == "delivered"
    headers = {"Authorization": f"Bearer {KEY}", "traceparent": TRACEPARENT}
    body = {"to": "all", "event": "news", "args": ["rain"]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/emit", json=body, headers=headers) as response,
    ):
        assert response.status == 200
    status_of_end, output, errors = await command.end(15)
    assert status_of_end == 0, errors
    spans = exported(output)
    assert spans["store"]["parent_id"] == spans["event say"]["context"]["span_id"]
    assert spans["event say"]["links"][0]["context"]["trace_id"] == f"0x{TRACE}"
    assert spans["event say"]["resource"]["attributes"]["service.name"] == "chat"
    request = spans["POST /api/emit"]
    assert request["context"]["trace_id"] == f"0x{TRACE}"
    assert request["attributes"]["http.response.status_code"] == 200
    assert not [line for line in command.lines if "nothing exports" in line]


async def test_spans_that_go_nowhere(commands: Commands) -> None:
    command = await serve(commands, application="def setup(sio):\n    pass\n")
    await command.line("tracing: nothing exports the spans")
    await command.url()


async def test_a_browser_names_its_trace_in_the_auth(commands: Commands, node: Node) -> None:
    assert "auth: (send) => send({ traceparent" in example(PAGE, "client")
    command = await serve(
        commands,
        application=example(PAGE, "application").replace(
            "    @sio.event\n", "    sio.on('connect', lambda sid, environ: None)\n\n    @sio.event\n", 1
        ),
    )
    await node.connect(await command.url(), auth={"traceparent": TRACEPARENT})
    _, output, _ = await command.end(15)
    assert exported(output)["connect"]["context"]["trace_id"] == f"0x{TRACE}"
