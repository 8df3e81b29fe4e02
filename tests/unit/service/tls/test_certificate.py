"""A certificate is renewed while clients are connected, and kept where its successor can't be used."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from rtserver.errors import ConfigError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.tls.certificate import Certificate
from tests.support.certificates import CertificateFiles
from tests.support.engine import until


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


class Echo:
    """A service that speaks TLS, and its clients."""

    def __init__(self, files: CertificateFiles) -> None:
        self.files = files
        self.settings = ListenSettings(**files.settings, tls_reload_interval=0.02)
        certificate = Certificate.of(self.settings)
        assert certificate is not None
        self.certificate = certificate
        self._server: asyncio.Server
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.certificate.context)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    async def connect(
        self, client: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._server.sockets[0].getsockname()
        streams = await asyncio.open_connection(host, port, ssl=client or self.files.client())
        self._writers.append(streams[1])
        return streams

    async def shown(self) -> bytes:
        """Return the certificate that a new client is shown."""
        reader, writer = await self.connect()
        assert await exchange(reader, writer)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert isinstance(found, bytes)
        return found

    async def close(self) -> None:
        self.certificate.close()
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"hello\n")
    async with asyncio.timeout(10):
        return await reader.readline() == b"hello\n"


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Echo]:
    echo = Echo(CertificateFiles(tmp_path))
    await echo.start()
    yield echo
    await echo.close()


async def test_new_connections_get_the_new_one_and_others_go_on(echo: Echo) -> None:
    streams = await echo.connect()
    first = await echo.shown()
    for _ in range(2):
        renewed = echo.files.renew()
        assert renewed != first
        assert await echo.shown() != renewed
        echo.certificate.renew()
        assert await echo.shown() == renewed
    assert await exchange(*streams)


async def test_what_else_is_agreed_on_stays(echo: Echo) -> None:
    echo.files.renew()
    echo.certificate.renew()
    client = echo.files.client()
    client.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await echo.connect(client)
    connection = writer.get_extra_info("ssl_object")
    assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_a_broken_file_is_refused(echo: Echo, content: str) -> None:
    first = await echo.shown()
    echo.files.certificate.write_text(content)
    with pytest.raises(ConfigError, match=r"^listen\.tls_certificate: received .*expected a PEM certificate"):
        echo.certificate.renew()
    assert await echo.shown() == first


async def test_a_key_of_another_certificate_is_refused(echo: Echo) -> None:
    first = await echo.shown()
    echo.files.key.write_bytes(echo.files.issue().private_key_pem.bytes())
    with pytest.raises(ConfigError, match="expected a PEM certificate and its unencrypted key"):
        echo.certificate.renew()
    assert await echo.shown() == first


async def test_one_that_has_expired_is_refused(echo: Echo) -> None:
    first, expires = await echo.shown(), echo.certificate.expires
    echo.files.renew(days=-1)
    with pytest.raises(ConfigError, match=r"has expired at \d{4}-\d\d-\d\d .*, expected one that is valid"):
        echo.certificate.renew()
    assert await echo.shown() == first
    assert echo.certificate.expires == expires


async def test_files_of_another_name(echo: Echo, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = CertificateFiles(folder)
    echo.certificate.renew(ListenSettings(**other.settings))
    echo.files = other
    renewed = await echo.shown()
    echo.certificate.renew()  # from there from now on
    assert await echo.shown() == renewed


async def test_a_change_is_noticed(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    echo.certificate.watch()
    renewed = echo.files.renew()
    await until(lambda: "new connections get the certificate that is valid until 2" in caplog.text)
    assert await echo.shown() == renewed


async def test_a_wrong_change_is_logged_once(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    first = await echo.shown()
    echo.certificate.watch()
    echo.files.certificate.write_text("nothing")
    await until(lambda: "the present certificate stays, because the new one can't be used" in caplog.text)
    assert await echo.shown() == first
    renewed = echo.files.renew()
    await until(lambda: "new connections get" in caplog.text)
    assert await echo.shown() == renewed
    assert caplog.text.count("the present certificate stays") == 1


def test_plain_http() -> None:
    assert Certificate.of(ListenSettings()) is None


def test_one_that_has_expired_is_served_and_complained_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = CertificateFiles(tmp_path)
    files.renew(days=-1)
    assert Certificate.of(ListenSettings(**files.settings)) is not None
    assert f'listen.tls_certificate: "{files.certificate}" has expired at ' in caplog.text
    assert "; clients refuse it until it is renewed" in caplog.text


def test_certificate_and_key_in_one_file(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    both = files.key.read_text() + files.certificate.read_text()
    files.certificate.write_text(both)
    certificate = Certificate.of(ListenSettings(tls_certificate=str(files.certificate)))
    assert certificate is not None
    assert certificate.expires > 1_700_000_000
    (family,) = certificate.families()
    assert (family.name, family.samples[0].value) == (
        "rtserver_certificate_expires_timestamp_seconds",
        certificate.expires,
    )
