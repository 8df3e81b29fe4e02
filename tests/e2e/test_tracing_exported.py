"""Spans of a service that is started as docs/tracing.md says, at a collector that they are exported to."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import socketio

from tests.support.examples import ROOT, shells

from .harness.collector import Collector
from .harness.command import TIMEOUT, Command, Commands

PAGE = "docs/tracing.md"
APPLICATION = """\
from opentelemetry import trace

tracer = trace.get_tracer("chat")


def setup(sio):
    @sio.event
    async def say(sid, text):
        with tracer.start_as_current_span("store"):
            return "delivered"
"""
both = pytest.mark.parametrize("workers", [1, 2])


def documented() -> tuple[dict[str, str], list[str]]:
    """Return the command of the page: its variables, and its words without the program's own name."""
    (text,) = [shell.text for shell in shells(PAGE) if shell.test == "command"]
    exports, line = text.splitlines()
    variables = dict(word.split("=", 1) for word in shlex.split(exports)[1:])
    return variables, shlex.split(line)


class Traced:
    """A service under `opentelemetry-instrument`."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self._folder = folder
        self._commands = commands

    async def start(self, collector: Collector, workers: int, env: dict[str, str] | None = None) -> Command:
        (self._folder / "chat.py").write_text(APPLICATION)
        (self._folder / "rtserver.toml").write_text(
            f'app = "chat:setup"\nworkers = {workers}\n[listen]\nport = 0\n[tracing]\nenabled = true\n'
        )
        variables, (instrument, *words) = documented()
        assert instrument == "opentelemetry-instrument"
        assert variables.keys() == collector.environment.keys()
        hyphens = words.index("--") + 1
        assert words[hyphens] == "rtserver"
        program = [str(Path(sys.executable).with_name(instrument)), *words[:hyphens]]
        program += [sys.executable, "-m", "rtserver"]
        own = {"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
        environment = variables | collector.environment | own | (env or {})
        return await self._commands.start(*words[hyphens + 1 :], program=program, env=environment)


@both
async def test_each_process_exports_its_own_spans(commands: Commands, tmp_path: Path, workers: int) -> None:
    async with Collector() as collector:
        command = await Traced(tmp_path, commands).start(collector, workers)
        url = await command.url()
        async with AsyncExitStack() as stack:  # all at once: each worker has as many
            clients = [
                await stack.enter_async_context(socketio.AsyncSimpleClient()) for _ in range(2 * workers)
            ]
            for client in clients:
                await client.connect(url, transports=["websocket"])
            for client in clients:
                assert await client.call("say", "hello", timeout=TIMEOUT) == "delivered"
        assert (await command.end(signal.SIGTERM))[0] == 0
        names = sorted(span.name for span in collector.spans)
        assert names == ["event say"] * 2 * workers + ["store"] * 2 * workers
        assert {span.scope for span in collector.spans} == {"rtserver", "chat"}
        assert {span.resource["service.name"] for span in collector.spans} == {"chat"}
        instances = {span.resource["service.instance.id"] for span in collector.spans}
        assert len(instances) == workers


@both
async def test_log_lines_are_exported_too_where_that_is_wanted(
    commands: Commands, tmp_path: Path, workers: int
) -> None:
    wanted = {"OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true", "OTEL_LOGS_EXPORTER": "otlp"}
    async with Collector() as collector:
        command = await Traced(tmp_path, commands).start(collector, workers, wanted)
        await command.url()
        assert (await command.end(signal.SIGTERM))[0] == 0
        lines = "\n".join(collector.log)
        assert re.search(r"^listening on http://", lines, re.MULTILINE)
        assert lines.count("draining: the supervisor says so") == (workers if workers > 1 else 0)
