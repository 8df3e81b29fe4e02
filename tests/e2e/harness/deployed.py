"""The reverse proxies of config/, with addresses and files of a test in the place of an operator's."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.examples import ROOT

from .certificate import Certificate

__all__ = ["HaProxy", "NginxSite", "Proxy", "Upstream"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a service is."""

    port: int
    internal: int
    """The port of its ``/ready``."""


class Proxy(Protocol):
    """A reverse proxy that speaks TLS."""

    @property
    def url(self) -> str:
        """Where clients connect."""

    async def __aenter__(self) -> Proxy: ...

    async def __aexit__(self, *_: object) -> None: ...


class _Program:
    """A program of Debian's, with a configuration of the repository and listening sockets of the test."""

    name: str

    def __init__(self, folder: Path, certificate: Certificate, upstreams: Sequence[Upstream]) -> None:
        self.folder = folder
        self.upstreams = upstreams
        self.pem = folder / "proxy.pem"
        self.pem.write_text(certificate.pem)
        self._sockets = ExitStack()
        self._process: asyncio.subprocess.Process | None = None

    def listen(self) -> socket.socket:
        """Listen before the program does: clients needn't wait for it."""
        return self._sockets.enter_context(socket.create_server(("127.0.0.1", 0)))

    async def run(self, *arguments: str, inherited: Sequence[socket.socket], **variables: str) -> None:
        path = shutil.which(self.name, path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert path is not None, f"{self.name} is missing: run the tests with `make test`, which installs it"
        self._process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            env=variables,
            pass_fds=[each.fileno() for each in inherited],
            stdout=asyncio.subprocess.DEVNULL,
        )

    async def __aexit__(self, *_: object) -> None:
        self._sockets.close()
        if self._process is not None:
            if self._process.returncode is None:
                self._process.terminate()
            await self._process.wait()


def _changed(text: str, changes: dict[str, str]) -> str:
    """Put a test's values in the place of an operator's, each of which must be there once."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times, expected once"
        text = text.replace(old, new)
    return text


MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    client_body_buffer_size 1m;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/rtserver.conf;
}}
"""


class NginxSite(_Program):
    """nginx with config/nginx.conf.

    Args:
        folder: For its files.
        certificate: What it shows to clients.
        upstreams: The services behind it. Each client comes to one of them.
    """

    name = "nginx"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def __aenter__(self) -> NginxSite:
        plain, secure = self.listen(), self.listen()
        self.plain_port, self.port = (each.getsockname()[1] for each in (plain, secure))
        servers = [f"server 127.0.0.1:{upstream.port} max_fails=0;" for upstream in self.upstreams]
        site = _changed(
            (ROOT / "config/nginx.conf").read_text(),
            {
                "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                "listen [::]:80;": "",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                "listen [::]:443 ssl;": "",
                "/etc/letsencrypt/live/realtime.example.com/fullchain.pem": str(self.pem),
                "/etc/letsencrypt/live/realtime.example.com/privkey.pem": str(self.pem),
                "# hash $remote_addr consistent;": "hash $remote_addr consistent;",
                "server 127.0.0.1:8000 max_fails=0;": " ".join(servers),
            },
        )
        (self.folder / "rtserver.conf").write_text(site)
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder))
        await self.run(
            *("-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")),
            inherited=[plain, secure],
            NGINX=f"{plain.fileno()};{secure.fileno()};",  # as in its own live upgrade
        )
        return self


class HaProxy(_Program):
    """HAProxy with config/haproxy.cfg, which looks at the services 20 times as often.

    Args:
        folder: For its files.
        certificate: What it shows to clients.
        upstreams: The services behind it. Clients are spread over them, and come back by a cookie.
    """

    name = "haproxy"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def __aenter__(self) -> HaProxy:
        secure = self.listen()
        self.port = secure.getsockname()[1]
        servers = [
            f"server {number} 127.0.0.1:{upstream.port} cookie {number} port {upstream.internal}"
            for number, upstream in enumerate(self.upstreams)
        ]
        configuration = _changed(
            (ROOT / "config/haproxy.cfg").read_text(),
            {
                "maxconn 100000": "maxconn 1000",  # a machine for tests may have fewer descriptors
                "bind :443": f"bind fd@{secure.fileno()}",
                "/etc/haproxy/realtime.pem": str(self.pem),
                "check inter 2s": "check inter 100ms",
                "    server one 127.0.0.1:8000 cookie one\n": "".join(f"    {each}\n" for each in servers),
            },
        )
        (self.folder / "haproxy.cfg").write_text(configuration)
        await self.run("-db", "-f", str(self.folder / "haproxy.cfg"), inherited=[secure])
        return self
