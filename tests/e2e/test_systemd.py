"""Under systemd: what it is told, the sockets that it passes, and what it thinks of the unit files."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio

from rtserver.service.ending import longest_end
from rtserver.service.settings import Config
from tests.support.systemd import Systemd, activated

from .harness.command import TIMEOUT, Command, Commands

APPLICATION = """\
import os

def setup(server):
    @server.event
    async def variables(sid):
        return [name for name in os.environ if name.split("_")[0] in ("NOTIFY", "WATCHDOG", "LISTEN")]
"""
both = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(str(tmp_path / "notify"))
    yield systemd
    systemd.close()


@pytest.fixture
def commands(commands: Commands, tmp_path: Path) -> Commands:
    write(tmp_path)
    return commands


def write(folder: Path, settings: str = "") -> None:
    (folder / "app.py").write_text(APPLICATION)
    (folder / "rtserver.toml").write_text(f'app = "app:setup"\n{settings}\n[listen]\nport = 0\n')


async def serve(commands: Commands, systemd: Systemd, workers: int, **variables: str) -> Command:
    return await commands.start(
        *("serve", "--config", "rtserver.toml", "--workers", str(workers)),
        env={"NOTIFY_SOCKET": systemd.address} | variables,
    )


async def ask(url: str) -> list[str]:
    """Connect to a service, and ask which of systemd's variables its processes have."""
    async with socketio.AsyncSimpleClient(reconnection=False) as client:
        await client.connect(url, transports=["websocket"])
        found = await client.call("variables", timeout=TIMEOUT)
        assert isinstance(found, list)
        return found


class TestNotify:
    @both
    async def test_from_start_to_end(self, commands: Commands, systemd: Systemd, workers: int) -> None:
        command = await serve(commands, systemd, workers)
        _, status = await systemd.told("READY=1")
        url = await command.url()
        assert status == f"STATUS=listening on {url}" + ("; workers: 2" if workers == 2 else "")
        assert await ask(url) == []  # processes that the service starts must not talk in its name
        command.process.send_signal(signal.SIGTERM)
        assert await systemd.told("STOPPING=1") == [
            "STOPPING=1",
            "STATUS=SIGTERM received",
            f"EXTEND_TIMEOUT_USEC={longest_end(Config(app='app:setup')) * 1_000_000:.0f}",
        ]
        assert (await command.end())[0] == 0

    @both
    async def test_reload(self, commands: Commands, systemd: Systemd, tmp_path: Path, workers: int) -> None:
        command = await serve(commands, systemd, workers)
        await systemd.told("READY=1")
        for settings, logged, refused in (
            ("drain_time = 1", "the configuration is in use|every worker has the new configuration", False),
            ("drain_tim = 1", "did you mean drain_time", True),
        ):
            write(tmp_path, settings)
            command.process.send_signal(signal.SIGHUP)
            _, stamp = await systemd.told("RELOADING=1")
            assert stamp.startswith("MONOTONIC_USEC=")
            _, status = await systemd.told("READY=1")
            assert status.endswith("; the last reload was refused: see the log") is refused
            await command.line(logged)
        assert (await command.end(signal.SIGTERM))[0] == 0

    async def test_a_reload_that_workers_refuse(
        self, commands: Commands, systemd: Systemd, tmp_path: Path
    ) -> None:
        command = await serve(commands, systemd, 2)
        await systemd.told("READY=1")
        (tmp_path / "app.py").write_text("import no_such_module\n")
        command.process.send_signal(signal.SIGHUP)
        await systemd.told("RELOADING=1")
        assert (await systemd.told("READY=1"))[1].endswith("; the last reload was refused: see the log")
        await command.line("the configuration from before stays")
        assert (await command.end(signal.SIGTERM))[0] == 0

    @both
    async def test_signs_of_life(self, commands: Commands, systemd: Systemd, workers: int) -> None:
        command = await serve(commands, systemd, workers, WATCHDOG_USEC="200000")
        await systemd.told("READY=1")
        for _ in range(5):
            assert await systemd.next() == ["WATCHDOG=1"]
        assert (await command.end(signal.SIGTERM))[0] == 0

    async def test_a_service_that_cant_start(
        self, commands: Commands, systemd: Systemd, tmp_path: Path
    ) -> None:
        (tmp_path / "app.py").write_text("import no_such_module\n")
        command = await serve(commands, systemd, 1)
        assert (await command.end())[0] == 1
        with pytest.raises(TimeoutError):
            systemd.heard(patience=0.01)


class TestSocketActivation:
    @both
    async def test_clients_of_two_sockets(self, commands: Commands, tmp_path: Path, workers: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(tmp_path / "socket"))
            unix.listen()
            command = await commands.start(
                *("serve", "--config", "rtserver.toml", "--workers", str(workers), "--host", "203.0.113.1"),
                program=(*activated(tcp, unix), sys.executable, "-m", "rtserver"),
                descriptors=(tcp.fileno(), unix.fileno()),
            )
            url = f"http://127.0.0.1:{tcp.getsockname()[1]}"
            early = asyncio.ensure_future(ask(url))  # waits in the queue of the socket
            line = (await command.line(r"listening on (.+)"))[1]
            assert line == f"{url} and unix:{tmp_path / 'socket'}"
            assert await early == []
            assert await ask(url) == []
            reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
            writer.write(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()
            assert (await command.end(signal.SIGTERM))[0] == 0
        assert (tmp_path / "socket").exists()  # it is systemd's

    async def test_the_next_process_serves_who_came_meanwhile(self, commands: Commands) -> None:
        with socket.create_server(("127.0.0.1", 0)) as tcp:
            url = f"http://127.0.0.1:{tcp.getsockname()[1]}"
            asked = asyncio.ensure_future(ask(url))  # before there is a process
            for _ in range(2):
                command = await commands.start(
                    *("serve", "--config", "rtserver.toml"),
                    program=(*activated(tcp), sys.executable, "-m", "rtserver"),
                    descriptors=(tcp.fileno(),),
                )
                assert await asked == []
                assert (await command.end(signal.SIGTERM))[0] == 0
                asked = asyncio.ensure_future(ask(url))
            asked.cancel()

    async def test_a_connection_instead(self, commands: Commands) -> None:
        one, other = socket.socketpair()
        with one, other:
            command = await commands.start(
                *("serve", "--config", "rtserver.toml"),
                program=(*activated(one), sys.executable, "-m", "rtserver"),
                descriptors=(one.fileno(),),
            )
            status, _, errors = await command.end()
        assert status == 1
        assert (
            "socket activation: descriptor 3 is the socket of one connection, expected a listening" in errors
        )

    async def test_started_by_systemd_s_own_tool(self, commands: Commands) -> None:
        tool = shutil.which("systemd-socket-activate")
        assert tool is not None, "systemd is missing: run the tests with `make test`, which installs it"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        activate = (tool, f"--listen=127.0.0.1:{port}", "--setenv=PYTHONPATH")
        command = await commands.start(
            *("serve", "--config", "rtserver.toml"),
            env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            program=(*activate, sys.executable, "-m", "rtserver"),
        )
        await command.line("Listening on ")
        assert await ask(f"http://127.0.0.1:{port}") == []
        assert (await command.end(signal.SIGTERM))[0] == 0
