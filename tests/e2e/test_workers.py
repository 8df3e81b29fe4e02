"""Several processes behind one address: clients of all of them, crashes, reloads, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from glob import glob
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from .harness.command import TIMEOUT, Command, Commands
from .harness.node import Node, Transport

APPLICATION = """\
import asyncio
import os
import time

from rtserver.server.target import Target


async def setup(server, host):
    @server.event
    async def connect(sid, environ):
        await server.enter_room(sid, "all")

    @server.event
    async def pid(sid):
        return os.getpid()

    @server.event
    async def say(sid, text):
        await server.emit("said", text, room="all")

    @server.event
    async def hang(sid):
        while True:
            time.sleep(1)
"""


TWO_SERVERS = """\
import rtserver
from rtserver.cluster.memory import MemoryManager

further = rtserver.Server()


async def setup(server, host):
    further.attach(host, "further")
"""


class Service:
    """A served application, with its supervisor's process and log.

    Args:
        folder: Where its files are.
        commands: Starts it.
    """

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder = folder
        self.commands = commands
        self._clients = AsyncExitStack()
        self.command: Command
        self.url = ""

    def write(self, settings: str = "", application: str = APPLICATION) -> None:
        """Write the application and the config file."""
        (self.folder / "chat.py").write_text(application)
        (self.folder / "rtserver.toml").write_text(
            f'app = "chat:setup"\n{textwrap.dedent(settings)}\n[listen]\nport = 0\n'
        )

    async def start(self, settings: str = "workers = 2") -> None:
        """Serve, and wait until that is so."""
        self.write(settings)
        self.command = await self.commands.start("serve", "--config", "rtserver.toml")
        self.url = await self.command.url()

    async def client(self, transport: str = "websocket", **options: Any) -> socketio.AsyncClient:
        """Connect a client of python-socketio."""
        client = socketio.AsyncClient(**({"reconnection": False} | options))
        await client.connect(self.url, transports=[transport], retry="reconnection" in options)
        self._clients.push_async_callback(client.disconnect)
        return client

    def workers(self) -> set[int]:
        """Return the ids of the processes that are the supervisor's children."""
        pid = self.command.process.pid
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    async def close(self) -> None:
        """Let go of the clients."""
        await self._clients.aclose()


@pytest.fixture
async def service(commands: Commands, tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path, commands)
    yield service
    await service.close()


async def gone(pids: set[int]) -> None:
    """Wait until processes have ended."""
    async with asyncio.timeout(TIMEOUT):
        while any(map(runs, pids)):  # noqa: ASYNC110 - of a process that isn't ours no event tells
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Tell whether a process runs: it exists, and isn't what is left of one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def open_files(pid: int) -> set[str]:
    files = set()
    for descriptor in glob(f"/proc/{pid}/fd/*"):
        with suppress(FileNotFoundError):  # it has been closed meanwhile
            files.add(os.readlink(descriptor))
    return files


def meeting_places() -> set[str]:
    """Return the directories of running services in which workers meet."""
    return {path for path in glob("/dev/shm/rtserver-workers-*") if glob(f"{path}/*.door")}


async def pid_of(client: socketio.AsyncClient) -> int:
    return int(await client.call("pid", timeout=TIMEOUT))


class TestServing:
    async def test_connections_are_spread_over_the_workers(self, service: Service) -> None:
        await service.start("workers = 3")
        pids = [await pid_of(await service.client()) for _ in range(9)]
        assert {pids.count(pid) for pid in service.workers()} == {3}

    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    async def test_official_clients_of_all_workers_are_in_one_room(
        self, service: Service, node: Node, loop: str
    ) -> None:
        await service.start(f'workers = 3\nloop = "{loop}"')
        sockets = [
            await node.connect(service.url, transport=transport) for transport in Transport for _ in range(3)
        ]
        pids = {(await socket.call("pid"))[0] for socket in sockets}
        assert pids == service.workers()
        for number, speaker in enumerate(sockets):
            await speaker.emit("say", number)
            for socket in sockets:
                assert await socket.next("said") == [number]

    async def test_an_application_that_makes_its_server_itself(
        self, service: Service, tmp_path: Path
    ) -> None:
        service.write("workers = 2")
        (tmp_path / "chat.py").write_text(
            "import asyncio, rtserver\nserver = rtserver.Server()\n"
            + textwrap.dedent(APPLICATION.partition("async def setup(server, host):\n")[2])
            + "\nimport os, time\n"
        )
        file = tmp_path / "rtserver.toml"
        file.write_text(file.read_text().replace("chat:setup", "chat:server"))
        service.command = await service.commands.start("serve", "--config", "rtserver.toml")
        service.url = await service.command.url()
        one, two = await service.client(), await service.client()
        assert await pid_of(one) != await pid_of(two)
        said: asyncio.Queue[str] = asyncio.Queue()
        two.on("said", said.put)
        await one.emit("say", "hello")
        async with asyncio.timeout(TIMEOUT):
            assert await said.get() == "hello"
        assert (await service.command.end(signal.SIGTERM))[0] == 0

    async def test_log_lines_name_the_worker(self, service: Service) -> None:
        await service.start()
        await service.client()
        (worker, *_) = service.workers()
        os.kill(worker, signal.SIGTERM)
        assert (await service.command.line(r"INFO +\[(\w\S{3})\] rtserver\.service: draining: SIGTERM"))[1]


class TestCrash:
    async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(self, service: Service) -> None:
        await service.start()
        one, two = await service.client(), await service.client()
        victim, survivor = await pid_of(one), await pid_of(two)
        os.kill(victim, signal.SIGKILL)
        await service.command.line(
            rf"worker \d \(\S{{4}}, process {victim}\) has ended with signal SIGKILL; another one follows"
        )
        assert await pid_of(two) == survivor
        await service.command.line(r"worker \d .* serves")
        pids = {await pid_of(await service.client()) for _ in range(3)}
        assert victim not in pids
        assert len(pids) == 2
        assert pids == service.workers()

    async def test_connections_come_while_no_worker_is_there(self, service: Service) -> None:
        await service.start("workers = 2")
        for pid in service.workers():
            os.kill(pid, signal.SIGKILL)
            await service.command.line("another one follows")
        client = await service.client()  # waits until there is one
        assert await pid_of(client) in service.workers()

    async def test_a_worker_that_stands_still_is_killed_and_replaced(self, service: Service) -> None:
        await service.start("workers = 2\nworker_timeout = 2")
        client = await service.client()
        victim = await pid_of(client)
        await client.emit("hang")
        await service.command.line(
            rf"process {victim}\) is killed: its event loop has stood still for 2 seconds"
        )
        await service.command.line(rf"process {victim}\) has ended with signal SIGKILL")
        await service.command.line(r"worker \d .* serves")
        assert victim not in service.workers()

    async def test_a_worker_that_is_told_to_end_is_replaced(self, service: Service) -> None:
        await service.start()
        victim = await pid_of(await service.client())
        os.kill(victim, signal.SIGTERM)
        await service.command.line(rf"process {victim}\) has ended with exit status 0")
        await gone({victim})
        await pid_of(await service.client())

    async def test_workers_end_when_the_supervisor_is_gone(self, service: Service) -> None:
        await service.start()
        await service.client()
        workers = service.workers()
        places = meeting_places()
        service.command.process.kill()
        await gone(workers)
        assert places - meeting_places()

    async def test_what_is_left_when_all_are_killed_at_once_is_cleared_by_the_next(
        self, service: Service
    ) -> None:
        await service.start()
        pid, workers = service.command.process.pid, service.workers()
        (place,) = {file for file in open_files(pid) if "/rtserver-workers-" in file}
        for each in (pid, *workers):
            os.kill(each, signal.SIGSTOP)  # so that none of them clears up
        for each in (pid, *workers):
            os.kill(each, signal.SIGKILL)
        await service.command.process.wait()
        await gone(workers)
        assert glob(place)
        os.utime(place, (0, 0))
        await service.start()
        assert not glob(place)


class TestStart:
    @pytest.mark.parametrize(
        ("application", "error"),
        [
            ("import no_such_module\n", r"ModuleNotFoundError: No module named 'no_such_module'"),
            ("def setup(server):\n    raise ValueError('no')\n", r'"chat:setup" failed: ValueError: no'),
            ("import os\nos._exit(3)\n", r"has ended with exit status 3 before it was ready"),
            ("import os\nos.kill(os.getpid(), 11)\n", r"has ended with signal SIGSEGV before it was ready"),
        ],
    )
    async def test_an_application_that_fails_ends_the_service(
        self, service: Service, tmp_path: Path, application: str, error: str
    ) -> None:
        service.write("workers = 2", application)
        command = await service.commands.start("serve", "--config", "rtserver.toml")
        await command.line(error)
        status, _, errors = await command.end()
        assert status == 1
        assert sum("rtserver: " in line for line in command.lines) == 1
        assert "the supervisor has gone" not in errors + "\n".join(command.lines)

    async def test_an_application_with_two_servers(self, service: Service) -> None:
        service.write("workers = 2", TWO_SERVERS)
        command = await service.commands.start("serve", "--config", "rtserver.toml")
        await command.line("joined to the other workers already: give every further one a client_manager")
        assert (await command.end())[0] == 1

    async def test_a_further_server_that_is_alone(self, service: Service) -> None:
        application = TWO_SERVERS.replace("Server()", "Server(client_manager=MemoryManager())")
        service.write("workers = 2", application)
        command = await service.commands.start("serve", "--config", "rtserver.toml")
        await command.url()
        assert (await command.end(signal.SIGTERM))[0] == 0

    async def test_a_port_in_use(self, service: Service, tmp_path: Path) -> None:
        await service.start()
        port = service.url.rpartition(":")[2]
        arguments = ("serve", "--config", "rtserver.toml", "--port", port, "--workers", "2")
        status, _, errors = await (await service.commands.start(*arguments)).end()
        assert (status, errors.count("\n")) == (1, 1)
        assert "it is in use" in errors

    async def test_the_command_line(self, service: Service, tmp_path: Path) -> None:
        service.write("workers = 1")
        command = await service.commands.start("serve", "--config", "rtserver.toml", "--workers", "2")
        await command.line(r"workers: 2")
        assert (await command.end(signal.SIGTERM))[0] == 0
        command = await service.commands.start("serve", "--config", "rtserver.toml", "--workers", "0")
        assert await command.end() == (
            2,
            "",
            'command line: workers: received 0, expected an integer from 1 to 256, or "auto"\n',
        )


class TestReload:
    async def test_the_workers_are_replaced_one_after_the_other(self, service: Service) -> None:
        await service.start()
        old = service.workers()
        service.write("workers = 3", APPLICATION.replace("return os.getpid()", "return -os.getpid()"))
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line("every worker has the new configuration")
        assert not old & service.workers()
        pids = {-await pid_of(await service.client()) for _ in range(3)}
        assert pids == service.workers()

    @pytest.mark.parametrize("keep_alive", [True, False])
    async def test_a_session_can_be_opened_at_every_moment(self, service: Service, keep_alive: bool) -> None:
        await service.start()
        connector = aiohttp.TCPConnector(force_close=not keep_alive)
        reloaded = asyncio.create_task(service.command.line("every worker has the new configuration"))
        service.command.process.send_signal(signal.SIGHUP)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not reloaded.done():
                async with session.get(f"{service.url}/socket.io/?EIO=4&transport=polling") as answer:
                    assert (answer.status, (await answer.text())[:7]) == (200, '0{"sid"')
        await reloaded

    async def test_a_wrong_configuration_is_refused(self, service: Service) -> None:
        await service.start()
        old = service.workers()
        service.write("workers = 2\nlop = 1")
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line("the present configuration stays, because the new one can't be used:")
        await service.command.line(r"rtserver.toml: lop: unknown setting \(received 1\); did you mean loop")
        service.write("workers = 2", APPLICATION)
        (service.folder / "rtserver.toml").write_text('app = "chat:setup"\nworkers = 2\n[listen]\nport = 1\n')
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line(
            r"listen.port: received 1, expected 0; stop the service and start it again"
        )
        assert service.workers() == old
        await pid_of(await service.client())

    async def test_an_application_that_fails_now_leaves_the_old_workers(self, service: Service) -> None:
        await service.start()
        old = service.workers()
        service.write("workers = 2", "import no_such_module\n")
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line(
            r"the configuration from before stays: with the new one, worker 1 .* can't serve: app: .*no_such"
        )
        assert service.workers() == old
        await pid_of(await service.client())
        service.write("workers = 2")
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line("every worker has the new configuration")
        assert not old & service.workers()


class TestEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_a_signal(self, service: Service, number: signal.Signals) -> None:
        await service.start("workers = 2\nshutdown_timeout = 5")
        client = await service.client()
        lost = asyncio.Event()
        client.on("disconnect", lambda *_: lost.set())
        workers = service.workers()
        status, output, errors = await service.command.end(number)
        assert (status, output) == (0, "")
        assert f"stopping: {number.name} received" in errors
        assert errors.endswith("rtserver.service: stopped\n")
        async with asyncio.timeout(TIMEOUT):
            await lost.wait()
        await gone(workers)

    async def test_clients_are_closed_over_the_drain_time(self, service: Service, node: Node) -> None:
        await service.start("workers = 2\ndrain_time = 1")
        sockets = [await node.connect(service.url, transport=transport) for transport in Transport]
        service.command.process.send_signal(signal.SIGTERM)
        for socket in sockets:
            reason = (await socket.next("disconnect"))[0]
            assert reason in {"transport close", "transport error"}  # the client connects again by itself
        assert (await service.command.end())[0] == 0

    async def test_a_second_signal_is_quick(self, service: Service) -> None:
        await service.start("workers = 2\ndrain_time = 600")
        for _ in range(4):
            await service.client()
        workers = service.workers()
        service.command.process.send_signal(signal.SIGTERM)
        await service.command.line("draining")
        status, _, errors = await service.command.end(signal.SIGTERM)
        assert status == 0
        assert "stopping at once" in errors
        await gone(workers)
