"""The command `rtserver`, as an operator runs it: a process, its log lines, its exit status."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
import trustme
import websockets

from .harness.command import TIMEOUT, Command, Commands

APPLICATION = """\
import rtserver

async def setup(server, host):
    @server.event
    async def echo(sid, data):
        return data
"""


Start = Callable[..., Awaitable[Command]]


@pytest.fixture
def start(commands: Commands) -> Start:
    return commands.start


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Write application and config file; the port is a free one unless the text says otherwise."""
    (tmp_path / "chat.py").write_text(APPLICATION)

    def write(text: str = "", listen: str = "port = 0") -> Path:
        file = tmp_path / "rtserver.toml"
        file.write_text(f'app = "chat:setup"\n{text}\n[listen]\n{listen}\n')
        return file

    return write


Write = Callable[..., Path]


async def echo(
    url: str, data: Any, *, path: str = "socket.io", session: aiohttp.ClientSession | None = None
) -> Any:
    """Connect with python-socketio's client and have something echoed."""
    client = socketio.AsyncClient(reconnection=False, http_session=session)
    await client.connect(url, socketio_path=path)
    try:
        return await client.call("echo", data, timeout=TIMEOUT)
    finally:
        await client.disconnect()


class TestServe:
    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_it_serves_until_a_signal(
        self, start: Start, config: Write, loop: str, number: signal.Signals
    ) -> None:
        command = await start("serve", "--config", str(config(f'loop = "{loop}"')))
        url = await command.url()
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", url)
        assert await echo(url, {"a": 1}) == {"a": 1}
        status, output, errors = await command.end(number)
        assert (status, output) == (0, "")
        assert f"stopping: {number.name} received" in errors
        assert errors.endswith("rtserver.service: stopped\n")

    async def test_the_banner_says_what_runs(self, start: Start, config: Write) -> None:
        file = config('loop = "asyncio"\n[engine]\ntransports = ["websocket"]')
        command = await start("serve", "--config", str(file))
        await command.url()
        banner = "\n".join(line.partition("rtserver.service: ")[2] for line in command.lines)
        assert re.match(rf"rtserver \d+\.\d+\.\d+, configuration: {re.escape(str(file))}\n", banner)
        assert "transports: websocket; event loop: asyncio; path: /socket.io/\n" in banner

    async def test_clients_are_closed_over_the_drain_time(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config("drain_time = 0.4")))
        url = (await command.url()).replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with websockets.connect(url) as first, websockets.connect(url) as second:
            loop = asyncio.get_running_loop()
            began = loop.time()
            command.process.send_signal(signal.SIGTERM)
            for client in (first, second):
                async with asyncio.timeout(TIMEOUT):
                    await client.wait_closed()
                assert client.close_code == 1001
            assert loop.time() - began >= 0.2
            assert (await command.end())[0] == 0

    async def test_a_second_signal_is_quick(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config("drain_time = 600")))
        url = (await command.url()).replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with websockets.connect(url), websockets.connect(url):
            command.process.send_signal(signal.SIGTERM)
            await command.line("stopping: SIGTERM received")
            assert (await command.end(signal.SIGINT))[0] == 0

    async def test_a_stop_closes_websockets_with_1001(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config()))
        url = (await command.url()).replace("http", "ws")
        async with websockets.connect(f"{url}/socket.io/?EIO=4&transport=websocket") as client:
            await client.recv()
            command.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(TIMEOUT):
                async for _ in client:
                    pass
            assert client.close_code == 1001
        assert (await command.end())[0] == 0

    async def test_command_line_over_environment_over_file(self, start: Start, config: Write) -> None:
        file = config(listen='host = "203.0.113.1"\nport = 1\npath = "events"')
        command = await start(
            *("serve", "--config", str(file), "--port", "0", "--log-level", "debug"),
            env={
                "RTSERVER_LISTEN__HOST": "127.0.0.1",
                "RTSERVER_LISTEN__PORT": "2",
                "RTSERVER_LOG__FORMAT": "json",
            },
        )
        message = json.loads((await command.line(".*listening on.*"))[0])["message"]
        assert await echo(message.removeprefix("listening on "), 5, path="events") == 5
        assert {json.loads(line)["logger"] for line in command.lines} >= {"rtserver.service"}

    async def test_without_a_file(self, start: Start, config: Write) -> None:
        config()
        command = await start("serve", "--port", "0", env={"RTSERVER_APP": "chat:setup"})
        assert await echo(await command.url(), "x") == "x"
        assert "configuration: environment and defaults" in "\n".join(command.lines)

    async def test_an_application_that_is_a_server(self, start: Start, config: Write, tmp_path: Path) -> None:
        (tmp_path / "own.py").write_text(
            "import rtserver\nserver = rtserver.Server()\n"
            "@server.event\ndef echo(sid, data):\n    return data\n"
        )
        file = config("[engine]\nping_interval = 5")
        command = await start("serve", "--config", str(file), env={"RTSERVER_APP": "own:server"})
        assert await echo(await command.url(), [1, b"2"]) == [1, b"2"]
        (warning,) = [line for line in command.lines if "WARNING" in line]
        assert "engine.ping_interval: no effect, because app = 'own:server' is a Server" in warning

    async def test_static_files(self, start: Start, config: Write, tmp_path: Path) -> None:
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "index.html").write_text("<p>hello</p>")
        command = await start("serve", "--config", str(config('[[static]]\nprefix = "/"\nfolder = "pages"')))
        url = await command.url()
        async with aiohttp.ClientSession() as session, session.get(f"{url}/") as response:
            assert (response.status, await response.text()) == (200, "<p>hello</p>")
        assert await echo(url, 1) == 1


class TestListening:
    async def test_the_browser_client(self, start: Start, config: Write, tmp_path: Path) -> None:
        folder = tmp_path / "node_modules" / "socket.io-client" / "dist"
        folder.mkdir(parents=True)
        (folder / "socket.io.js").write_text("the client")
        for value in ("true", f'"{folder.relative_to(tmp_path)}"'):
            command = await start("serve", "--config", str(config(f"[socket]\nserve_client = {value}")))
            url = await command.url()
            async with aiohttp.ClientSession() as http, http.get(f"{url}/socket.io/socket.io.js") as answer:
                assert await answer.text() == "the client"
            assert await echo(url, "beside it") == "beside it"
            assert (await command.end(signal.SIGTERM))[0] == 0

    async def test_a_browser_client_that_isnt_there(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config("[socket]\nserve_client = true")))
        status, output, errors = await command.end()
        assert (status, output) == (1, "")
        assert re.fullmatch(
            r".*serve_client: no node_modules/socket.io-client/dist in .*`npm install socket.io-client`.*\n",
            errors,
        )

    async def test_tls(self, start: Start, config: Write, tmp_path: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        command = await start(
            "serve", "--config", str(config(listen='port = 0\ntls_certificate = "both.pem"'))
        )
        url = await command.url()
        assert url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            assert await echo(url, "secret", session=session) == "secret"
        assert (await command.end(signal.SIGTERM))[0] == 0

    async def test_a_unix_socket(self, start: Start, config: Write, tmp_path: Path) -> None:
        path = tmp_path / "s.sock"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))  # as a process that was killed leaves it
        command = await start("serve", "--config", str(config(listen='unix_socket = "s.sock"')))
        assert await command.url() == f"unix:{path}"
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            assert await echo("http://localhost", 1, session=session) == 1
        second = await start("serve", "--config", str(tmp_path / "rtserver.toml"))
        assert await second.end() == (
            1,
            "",
            f"rtserver: can't listen on the Unix socket {path}:"
            " it is in use; stop the process that has it, or choose another address\n",
        )
        assert path.exists()
        assert (await command.end(signal.SIGTERM))[0] == 0
        assert not path.exists()

    async def test_every_address_of_a_name_has_the_same_free_port(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config(listen='host = "localhost"\nport = 0')))
        urls = (await command.line(r"listening on (.+)"))[1].split(" and ")
        assert len({url.rpartition(":")[2] for url in urls}) == 1
        for url in urls:
            assert await echo(url, url) == url

    async def test_a_port_in_use(self, start: Start, config: Write) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            command = await start("serve", "--config", str(config(listen=f"port = {port}")))
            assert await command.end() == (
                1,
                "",
                f"rtserver: can't listen on 127.0.0.1 port {port}:"
                " it is in use; stop the process that has it, or choose another address\n",
            )

    async def test_an_address_of_another_machine(self, start: Start, config: Write) -> None:
        command = await start("serve", "--config", str(config(listen='host = "203.0.113.1"\nport = 0')))
        assert await command.end() == (
            1,
            "",
            "rtserver: can't listen on 203.0.113.1 port 0:"
            " this machine has no such address; choose another one\n",
        )


class TestStart:
    @pytest.mark.parametrize("workers", ["1", "2"])
    async def test_sighup_meanwhile(self, start: Start, config: Write, tmp_path: Path, workers: str) -> None:
        (tmp_path / "chat.py").write_text(
            "import asyncio, logging, os\n\n\nasync def setup(server):\n"
            "    logging.getLogger().info('setting up')\n"
            "    while not os.path.exists('go on'):\n        await asyncio.sleep(0.01)\n"
        )
        command = await start("serve", "--config", str(config()), "--workers", workers)
        await command.line("setting up")
        command.process.send_signal(signal.SIGHUP)
        await command.line("SIGHUP")
        (tmp_path / "go on").touch()
        await command.url()
        assert (await command.end(signal.SIGTERM))[0] == 0


class TestMistakes:
    async def test_an_application_that_fails_to_import(
        self, start: Start, config: Write, tmp_path: Path
    ) -> None:
        (tmp_path / "chat.py").write_text("import os\n\nimport no_such_module\n")
        command = await start("serve", "--config", str(config()))
        assert await command.end() == (
            1,
            "",
            'rtserver: app: can\'t import "chat:setup":'
            " ModuleNotFoundError: No module named 'no_such_module'"
            f" ({tmp_path}/chat.py, line 3)\n",
        )

    @pytest.mark.parametrize("workers", ["1", "2"])
    async def test_a_log_collector_reads_it_too(
        self, start: Start, config: Write, tmp_path: Path, workers: str
    ) -> None:
        (tmp_path / "chat.py").write_text("import no_such_module\n")
        file = config('[log]\nformat = "json"')
        command = await start("serve", "--config", str(file), "--workers", workers)
        status, _, errors = await command.end()
        assert status == 1
        line = json.loads(errors.splitlines()[-1])
        assert line["level"] == "critical"
        assert line["message"].startswith('app: can\'t import "chat:setup": ModuleNotFoundError')

    @pytest.mark.parametrize("name", ["serve", "check-config"])
    async def test_a_bad_configuration(self, start: Start, config: Write, name: str) -> None:
        file = config('loop = "libev"', listen='prot = 1\nport = "x"')
        command = await start(name, "--config", str(file))
        assert await command.end() == (
            2,
            "",
            f'{file}: loop: received "libev", expected one of "uvloop", "asyncio"\n'
            f'{file}: listen.port: received "x", expected an integer, at least 0 and at most 65535\n'
            f"{file}: listen.prot: unknown setting (received 1); did you mean listen.port?\n",
        )

    @pytest.mark.parametrize("name", ["serve", "check-config"])
    async def test_a_certificate_that_is_none(
        self, start: Start, config: Write, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "bad.pem").write_text("no certificate")
        command = await start(name, "--config", str(config(listen='tls_certificate = "bad.pem"')))
        status, _, errors = await command.end()
        assert status == 2
        assert re.fullmatch(
            r'listen\.tls_certificate: received ".*bad\.pem" with the key in ".*bad\.pem",'
            r" expected a PEM certificate and its unencrypted key: .*\n",
            errors,
        )

    @pytest.mark.parametrize(
        "arguments", [(), ("server",), ("serve", "--port", "x"), ("serve", "--log-level", "loud")]
    )
    async def test_bad_usage(self, start: Start, arguments: tuple[str, ...]) -> None:
        status, output, errors = await (await start(*arguments)).end()
        assert (status, output) == (2, "")
        assert errors.startswith("usage: rtserver")


class TestOtherCommands:
    async def test_a_good_configuration(self, start: Start, config: Write) -> None:
        file = config()
        assert await (await start("check-config", "--config", str(file))).end() == (0, f"{file}: valid\n", "")

    async def test_the_default_configuration(self, start: Start) -> None:
        documented = Path(__file__).parents[2] / "config" / "rtserver.toml"
        assert await (await start("default-config")).end() == (0, documented.read_text(), "")

    @pytest.mark.parametrize(
        "program", [(sys.executable, "-m", "rtserver"), (str(Path(sys.executable).with_name("rtserver")),)]
    )
    async def test_version_by_both_names(self, start: Start, program: tuple[str, ...]) -> None:
        status, output, _ = await (await start("--version", program=program)).end()
        assert status == 0
        assert re.fullmatch(r"rtserver \d+\.\d+\.\d+\n", output)

    @pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help")])
    async def test_help_has_examples(self, start: Start, arguments: tuple[str, ...]) -> None:
        status, output, _ = await (await start(*arguments)).end()
        assert status == 0
        assert "rtserver serve --config rtserver.toml" in output
