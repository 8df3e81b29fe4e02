"""nginx as a reverse proxy in front of a test's server."""

from __future__ import annotations

import socket
from pathlib import Path

from .certificate import Certificate
from .program import Program

__all__ = ["SITE", "Nginx", "NginxProgram"]

MAIN = """\
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
    include {folder}/site.conf;
}}
"""
SITE = """\
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
"""


class NginxProgram(Program):
    """A running nginx.

    Args:
        folder: For its files.
    """

    name = "nginx"

    async def serve(self, site: str, *listening: socket.socket) -> None:
        """Start it.

        Args:
            site: What it serves: the inside of the block ``http``.
            listening: What it listens on.
        """
        (self.folder / "site.conf").write_text(site)
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder))
        await self.run(
            *("-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")),
            inherited=listening,
            NGINX="".join(f"{each.fileno()};" for each in listening),  # as in its own live upgrade
        )


class Nginx(NginxProgram):
    """One that speaks TLS and serves what is behind it under /realtime/.

    Args:
        folder: For its files.
        upstream: The port of the server behind it.
        certificate: What it shows to clients.
        site: What it serves, with places for folder and ports.
    """

    def __init__(self, folder: Path, upstream: int, certificate: Certificate, site: str = SITE) -> None:
        super().__init__(folder)
        self._upstream = upstream
        self._site = site
        self.port = 0
        (folder / "certificate.pem").write_text(certificate.pem)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Nginx:
        listening = self.listen()
        self.port = listening.getsockname()[1]
        site = self._site.format(folder=self.folder, port=self.port, upstream=self._upstream)
        await self.serve(site, listening)
        return self
