"""What a service loads: nothing that its configuration doesn't want. Each of its processes would pay."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support.certificates import CertificateFiles

PREPARE = """
import asyncio, sys
import rtserver.service.cli
from pathlib import Path
from rtserver.service.config import load_config
from rtserver.service.assemble import Service

async def prepare():
    service = Service(load_config(Path("rtserver.toml")))
    await service.prepare()
    await service.close()

asyncio.run(prepare())
print(*sys.modules)
"""
EVERYTHING = """
[listen]
tls_certificate = "certificate.pem"
tls_key = "key.pem"
[auth]
namespaces = ["/a"]
[[auth.keys]]
algorithm = "HS256"
secret_file = "secret"
[[api.keys]]
name = "shop"
key_file = "secret"
scopes = ["*"]
[webhooks]
url = "http://127.0.0.1:9/"
secrets = ["whsec_bWFrZSBvbmUgb2YgeW91ciBvd24sIHBsZWFzZQ=="]
[[namespaces]]
name = "/a"
[tracing]
enabled = true
"""
FOR_WHO_WANTS_IT = {
    "cryptography.x509",
    "jwt",
    "rtserver.service.api.endpoint",
    "rtserver.service.api.requests",
    "rtserver.service.auth.guard",
    "rtserver.service.namespaces.namespace",
    "rtserver.service.tracing.endpoint",
    "rtserver.service.webhooks.backend",
    "rtserver.tracing.spans",
}


async def loaded(folder: Path, code: str) -> set[str]:
    """Run code in a process of its own, and return which modules it says it has."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("RTSERVER_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=folder, env=env, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return set(output.decode().split())


def configure(folder: Path, settings: str = "") -> None:
    CertificateFiles(folder)
    (folder / "secret").write_text("a secret of thirty-two bytes and more")
    (folder / "app.py").write_text("def setup(sio): pass")
    (folder / "rtserver.toml").write_text(f'app = "app:setup"\n{settings}')


async def test_a_service_that_needs_nothing_loads_nothing(tmp_path: Path) -> None:
    configure(tmp_path)
    assert not await loaded(tmp_path, PREPARE) & FOR_WHO_WANTS_IT


async def test_what_is_wanted_is_loaded(tmp_path: Path) -> None:
    configure(tmp_path, EVERYTHING)
    assert await loaded(tmp_path, PREPARE) >= FOR_WHO_WANTS_IT


async def test_a_worker_doesn_t_read_the_environment(tmp_path: Path) -> None:
    code = "import sys, rtserver.service.workers.worker; print(*sys.modules)"
    assert "pydantic_settings" not in await loaded(tmp_path, code)
