"""nginx as a reverse proxy in front of a test's server."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path

from .certificate import Certificate

__all__ = ["Nginx"]

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    client_body_buffer_size 2m;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream rtserver {{ server 127.0.0.1:{upstream}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/certificate.pem;
        location /realtime/ {{
            proxy_pass http://rtserver/;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_buffering off;
        }}
    }}
}}
"""


class Nginx:
    """A running nginx, which speaks TLS and serves what is behind it under /realtime/.

    Args:
        folder: For its files.
        upstream: The port of the server behind it.
        certificate: What it shows to clients.
    """

    def __init__(self, folder: Path, upstream: int, certificate: Certificate) -> None:
        self._folder = folder
        self._upstream = upstream
        self._certificate = certificate
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Nginx:
        path = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if path is None:
            raise RuntimeError("nginx is missing: run the tests with `make test`, which installs it")
        (self._folder / "certificate.pem").write_text(self._certificate.pem)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            configuration = CONFIGURATION.format(folder=self._folder, port=self.port, upstream=self._upstream)
            (self._folder / "nginx.conf").write_text(configuration)
            # It inherits the listening socket, as in its own live upgrade: clients needn't wait for it.
            self._process = await asyncio.create_subprocess_exec(
                *(path, "-p", str(self._folder), "-e", "stderr", "-c", str(self._folder / "nginx.conf")),
                env={"NGINX": f"{listening.fileno()};"},
                pass_fds=[listening.fileno()],
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()  # the master ends its worker
        await self._process.wait()
