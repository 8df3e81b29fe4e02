from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from rtserver.cluster.workers.place import Place
from rtserver.errors import ConfigError, RtserverError, StartError
from rtserver.service.settings import Config
from rtserver.service.workers import child
from rtserver.service.workers.child import Child, End
from rtserver.service.workers.control import Failed, Message


class TestEnd:
    @pytest.mark.parametrize(
        ("status", "failed", "text"),
        [
            (0, None, "worker 1 has ended with exit status 0"),
            (3, None, "worker 1 has ended with exit status 3"),
            (-9, None, "worker 1 has ended with signal SIGKILL"),
            (-99, None, "worker 1 has ended with signal 99"),
            (1, Failed("app: no"), "worker 1 can't serve: app: no"),
        ],
    )
    def test_text(self, status: int, failed: Failed | None, text: str) -> None:
        assert str(End("worker 1", status, failed)) == text

    @pytest.mark.parametrize(
        ("end", "error"),
        [
            (
                End("worker 1", -11, None),
                StartError("worker 1 has ended with signal SIGSEGV before it was ready"),
            ),
            (End("worker 1", 1, Failed("app: no")), StartError("app: no")),
            (End("worker 1", 2, Failed("loop: no", is_config=True)), ConfigError(["loop: no"])),
        ],
    )
    def test_error(self, end: End, error: RtserverError) -> None:
        made = end.error()
        assert (type(made), str(made)) == (type(error), str(error))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "k3Zp")


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let a worker's process be another program, with the worker's end of the channel in `end`."""
    head = "import socket, sys, os\nend = socket.socket(fileno=int(sys.argv[1]))\n"
    monkeypatch.setattr(
        child, "_command", lambda descriptor, loop: [sys.executable, "-c", head + code, str(descriptor), loop]
    )


async def test_what_it_is_told_and_says_last(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, 'end.recv(1); end.send(b\'{"type":"failed","message":"no"}\\n\'); sys.exit(3)')
    received: list[Message] = []
    made = await Child.start(place, Config(app="chat:setup"), received.append)
    async with asyncio.timeout(20):
        assert await made.wait() == 3
    assert received == [Failed("no")]


async def test_a_process_of_its_own_that_outlives_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LAST_WORDS", 0.05)
    program(monkeypatch, "end.recv(1)\nif os.fork():\n    os._exit(0)\nend.recv(100000); end.recv(1)")
    made = await Child.start(place, Config(app="chat:setup"), lambda _: None)
    async with asyncio.timeout(20):
        assert await made.wait() == 0  # and the other one sees the end of the channel


async def test_it_can_be_killed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "end.recv(100000); end.recv(1)")
    made = await Child.start(place, Config(app="chat:setup"), lambda _: None)
    os.kill(made.pid, 0)
    made.kill()
    async with asyncio.timeout(20):
        assert await made.wait() == -9
    made.kill()


class TestCommand:
    def test_the_same_interpreter_with_the_same_options(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "warnoptions", ["error"])
        monkeypatch.setattr(sys, "_xoptions", {"dev": True, "frozen_modules": "off"})
        monkeypatch.setattr(sys, "path", [os.getcwd(), "/lib"])
        assert child._command(7, "uvloop") == [
            *(sys.executable, "-Werror", "-Xdev", "-Xfrozen_modules=off"),
            *("-m", "rtserver.service.workers", "7", "uvloop"),
        ]

    def test_no_module_of_the_working_directory_gets_in_between(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", ["/bin", "/lib"])
        assert "-P" in child._command(7, "uvloop")
