"""A certificate is renewed while clients are connected: new connections get it, the others go on."""

from __future__ import annotations

import asyncio
import signal
import ssl
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.certificates import CertificateFiles
from tests.support.examples import example

from .harness.command import TIMEOUT, Command, Commands

APPLICATION = """\
def setup(server):
    @server.event
    async def say(sid, text):
        return text
"""
both = pytest.mark.parametrize("workers", [1, 2])


class Service:
    """A service that speaks TLS, and a client of it."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder = folder
        self.files = CertificateFiles(folder)
        self.commands = commands
        self.command: Command
        self.url = ""

    async def start(self, workers: int, interval: float) -> None:
        (self.folder / "app.py").write_text(APPLICATION)
        settings = example("docs/deploying.md", "tls").replace('"::"', '"127.0.0.1"').replace("443", "0")
        (self.folder / "rtserver.toml").write_text(
            f"workers = {workers}\n{settings}tls_reload_interval = {interval}\n"
        )
        self.command = await self.commands.start("serve", "--config", "rtserver.toml")
        self.url = (await self.command.url()).replace("https", "wss")

    def connect(self) -> connect:
        return connect(f"{self.url}/socket.io/?EIO=4&transport=websocket", ssl=self.files.client())

    async def shown(self) -> bytes:
        """Return the certificate that a new client is shown."""
        async with self.connect() as client:
            connection: ssl.SSLObject = client.transport.get_extra_info("ssl_object")
            shown = connection.getpeercert(binary_form=True)
            assert shown is not None
            return shown


async def works(client: ClientConnection) -> bool:
    """Ask a server for an acknowledgment."""
    await client.send('420["say","hello"]')
    async with asyncio.timeout(TIMEOUT):
        return await client.recv() == '430["hello"]'


@pytest.fixture
def service(tmp_path: Path, commands: Commands) -> Service:
    return Service(tmp_path, commands)


async def join(client: ClientConnection) -> None:
    await client.send("40")
    assert str(await client.recv()).startswith("0")
    assert str(await client.recv()).startswith("40")


@both
async def test_files_that_change(service: Service, workers: int) -> None:
    await service.start(workers, interval=0.05)
    async with service.connect() as client:
        await join(client)
        for number in range(2):
            renewed = service.files.renew(days=90 + number)
            for _ in range(workers):
                await service.command.line("new connections get the certificate that is valid until")
            for _ in range(2 * workers):
                assert await service.shown() == renewed
            assert await works(client)
    assert (await service.command.end(signal.SIGTERM))[0] == 0


@both
async def test_a_broken_file_is_refused(service: Service, workers: int) -> None:
    await service.start(workers, interval=0.05)
    first = await service.shown()
    service.files.certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken")
    for _ in range(workers):
        await service.command.line("the present certificate stays, because the new one can't be used:")
        await service.command.line(
            r"listen\.tls_certificate: received \".*certificate\.pem\" with the key in \".*key\.pem\","
            " expected a PEM certificate and its unencrypted key: "
        )
    for _ in range(2 * workers):
        assert await service.shown() == first
    renewed = service.files.renew()
    for _ in range(workers):
        await service.command.line("new connections get the certificate")
    assert await service.shown() == renewed
    assert (await service.command.end(signal.SIGTERM))[0] == 0


async def test_workers_aren_t_replaced_for_a_certificate_that_has_expired(service: Service) -> None:
    await service.start(2, interval=3600)
    first = await service.shown()
    service.files.renew(days=-1)
    service.command.process.send_signal(signal.SIGHUP)
    await service.command.line("the present configuration stays, because the new one can't be used:")
    await service.command.line(r"certificate\.pem\" has expired at .*, expected one that is valid")
    assert await service.shown() == first
    renewed = service.files.renew()
    service.command.process.send_signal(signal.SIGHUP)
    await service.command.line("every worker has the new configuration")
    assert await service.shown() == renewed
    assert (await service.command.end(signal.SIGTERM))[0] == 0


async def test_sighup(service: Service) -> None:
    await service.start(1, interval=3600)
    async with service.connect() as client:
        await join(client)
        first = await service.shown()
        service.files.renew(days=-1)
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line(r"certificate\.pem\" has expired at .*, expected one that is valid")
        assert await service.shown() == first
        renewed = service.files.renew()
        service.command.process.send_signal(signal.SIGHUP)
        await service.command.line("new connections get the certificate")
        await service.command.line("the configuration is in use")
        assert await service.shown() == renewed
        assert await works(client)
    assert (await service.command.end(signal.SIGTERM))[0] == 0
