"""`rtserver bench` against a service that runs: the application of the page about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.examples import example
from tests.support.tokens import SECRET, token

from .harness.command import Commands

PAGE = "docs/load-testing.md"


@pytest.fixture
def commands(commands: Commands) -> Commands:
    commands.write(app=example(PAGE, "app"))
    return commands


async def serve(commands: Commands, settings: str = "") -> str:
    return await (await commands.serve(f'app = "app:setup"\n{settings}')).url()


async def bench(commands: Commands, *arguments: str) -> tuple[int, str, str]:
    command = await commands.start("bench", *arguments, "--connections", "10", "--duration", "0.3")
    return await command.end()


async def measured(commands: Commands, *arguments: str) -> dict[str, Any]:
    status, output, errors = await bench(commands, *arguments, "--json")
    assert status == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


async def test_being_there(commands: Commands) -> None:
    found = await measured(commands, await serve(commands))
    assert (found["connected"], found["answers"], found["errors"]) == (10, 0, {})
    assert found["seconds"] >= 0.3
    assert 0 < found["connect_seconds"]["p50"] <= found["connect_seconds"]["max"]


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_answers(commands: Commands, processes: str) -> None:
    url = await serve(commands)
    found = await measured(commands, url, "--emit", "echo", "--processes", processes, "--outstanding", "2")
    assert (found["connected"], found["errors"]) == (10, {})
    assert found["answers"] > 20
    assert len(found["generator_busy"]) == int(processes)


@pytest.mark.parametrize("workers", [1, 2])
async def test_events_for_all(commands: Commands, workers: int) -> None:
    url = await serve(commands, f"workers = {workers}\n")
    found = await measured(
        commands, url, "--emit", "chat", "--expect", "said", "--rate", "100", "--processes", "2"
    )
    assert found["errors"] == {}
    assert found["answers"] == 10 * found["events_emitted"] > 0
    assert 0 < found["answer_seconds"]["p50"] < 10


async def test_in_a_namespace_with_a_token(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "token.secret").write_bytes(SECRET)
    keys = '[[auth.keys]]\nalgorithm = "HS256"\nsecret_file = "token.secret"\n'
    settings = f'[socket]\nnamespaces = ["/chat"]\n[auth]\nnamespaces = ["/chat"]\n{keys}'
    url = await serve(commands, settings)
    auth = json.dumps({"token": token()})
    assert (await measured(commands, url, "--namespace", "/chat", "--auth", auth))["connected"] == 10
    status, output, errors = await bench(commands, url, "--namespace", "/chat")
    assert status == 1
    refusal = "not connected: the namespace refuses it: A token is needed: send one"
    assert f"errors     10 × {refusal}" in output
    assert f"rtserver: bench: {url}: {refusal}" in errors


async def test_limits_are_told(commands: Commands) -> None:
    url = await serve(commands, "[limits]\nconnections = 4\nevents_per_second = 1\nevents_burst = 2\n")
    _, output, _ = await bench(commands, url, "--emit", "echo", "--outstanding", "9")
    assert "connected  4 of 10" in output
    assert "errors     6 × not connected: HTTP status 503" in output
    assert "× answered with an error: rate limit exceeded" in output


async def test_nobody_listens(commands: Commands) -> None:
    status, _, errors = await bench(commands, "http://127.0.0.1:1")
    assert status == 1
    assert "rtserver: bench: http://127.0.0.1:1: not connected: " in errors


async def test_a_handler_that_doesn_t_answer(commands: Commands) -> None:
    url = await serve(commands)
    status, _, errors = await bench(commands, url, "--emit", "unknown")
    assert status == 1
    assert "no acknowledgment of 'unknown': has it a handler, that returns in time?" in errors
