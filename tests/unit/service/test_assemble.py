from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from rtserver.cluster.default import default_manager, set_place
from rtserver.cluster.workers.manager import WorkerManager
from rtserver.cluster.workers.place import Place
from rtserver.server.runtime import Runtime
from rtserver.service import assemble
from rtserver.service.assemble import Service
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.namespace_settings import NamespaceSettings
from rtserver.service.settings import Config


def test_a_worker_knows_where_it_is_and_what_may_wait_for_the_others(tmp_path: Path) -> None:
    try:
        Service(Config(app="chat:setup", worker_max_buffer_size=70_000), Place(tmp_path, "k3Zp"))
        manager = default_manager()
    finally:
        set_place(None)
    assert isinstance(manager, WorkerManager)
    assert (manager._workers.place.name, manager._workers._max_buffer) == ("k3Zp", 70_000)


async def test_handlers_have_the_time_of_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leisurely.py").write_text("def setup(server):\n    pass\n")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    waits: list[float] = []

    async def finish(self: Runtime, patience: float) -> int:
        waits.append(patience)
        return 0

    monkeypatch.setattr(Runtime, "finish", finish)
    service = Service(Config(app="leisurely:setup", app_dir=str(tmp_path), shutdown_timeout=77))
    await service.prepare()
    await service.close()
    sys.modules.pop("leisurely")
    assert waits[0] == 77


@pytest.mark.parametrize(
    "sent", [b"PUT", b"GET / HTTP/1.1\r\nHost: a\r\nX", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_connections_that_idle_where_aiohttp_serves_end(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "KEEP_ALIVE", 0.1)
    service = Service(
        Config(app=None, namespaces=[NamespaceSettings(name="/")], listen=ListenSettings(port=0))
    )
    try:
        await service.prepare()
        await service.listen()
        port = int(service.urls[0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(20):
            assert (await reader.read()).startswith(b"HTTP/1.1 404" if sent.endswith(b"\r\n\r\n") else b"")
        writer.close()
    finally:
        await service.close()
