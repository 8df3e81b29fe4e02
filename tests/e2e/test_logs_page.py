"""The examples of the page about logs."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.examples import example

from .harness.command import Command, Commands
from .harness.node import Node, Transport

PAGE = "docs/logs.md"
POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=example(PAGE, "app"))
    return commands


async def serve(commands: Commands, **environment: str) -> tuple[Command, str]:
    command = await commands.serve(example(PAGE, "config"), env=environment)
    return command, (await command.line(r'listening on ([^"]+)"'))[1]


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_application_s_line_tells_whose_event_it_is(
    node: Node, commands: Commands, workers: str
) -> None:
    command, url = await serve(commands, RTSERVER_WORKERS=workers)
    client = await node.connect(url, transport=Transport.WEBSOCKET)
    await client.emit("say", "hello")
    line: dict[str, Any] = json.loads((await command.line(r"^.*said something.*$"))[0])
    shown: dict[str, Any] = json.loads(example(PAGE, "line"))
    assert line.pop("worker", None) is None or workers == "2"
    assert list(line) == list(shown)
    varying = {"time", "connection", "client"}
    assert {key: value for key, value in line.items() if key not in varying} == {
        key: value for key, value in shown.items() if key not in varying
    }
    assert line["client"] == client.sid


async def test_lines_about_a_client_have_its_connection_but_not_its_id(commands: Commands) -> None:
    command, url = await serve(commands, RTSERVER_LOG__CLIENTS="true")
    async with aiohttp.ClientSession() as http:
        async with http.get(url + POLLING) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with http.post(f"{url}{POLLING}&sid={sid}", data="40") as answer:
            assert answer.status == 200
        async with http.post(f"{url}{POLLING}&sid={sid}", data='42["say","a secret"]') as answer:
            assert answer.status == 200
        async with http.post(f"{url}{POLLING}&sid={sid}", data="nonsense") as answer:
            assert answer.status == 400
    await command.line("leaves namespace")
    _, _, errors = await command.end(signal.SIGTERM)
    text = "\n".join([*command.lines, errors])
    assert sid not in text
    assert "a secret" not in text
    about = [each for each in map(json.loads, text.splitlines()) if "connection" in each]
    assert len({each["connection"] for each in about}) == 1
    assert {each["logger"] for each in about} == {"rtserver.server", "rtserver.engineio", "chat"}


async def test_context_needs_json(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "rtserver.toml").write_text(example(PAGE, "config"))
    command = await commands.start(
        "check-config", "--config", "rtserver.toml", env={"RTSERVER_LOG__FORMAT": "console"}
    )
    status, _, errors = await command.end()
    assert status == 2
    assert 'context: received true with the format "console", expected the format "json"' in errors
