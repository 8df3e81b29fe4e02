"""The reverse proxies of config/, with addresses and files of a test in the place of an operator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.examples import ROOT

from .certificate import Certificate
from .nginx import NginxProgram
from .program import Program

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


class _Deployed(Program):
    """A program of Debian's, with a configuration of the repository.

    Args:
        folder: For its files.
        certificate: What it shows to clients.
        upstreams: The services behind it.
    """

    def __init__(self, folder: Path, certificate: Certificate, upstreams: Sequence[Upstream]) -> None:
        super().__init__(folder)
        self.upstreams = upstreams
        self.port = 0
        self.pem = folder / "proxy.pem"
        self.pem.write_text(certificate.pem)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


def _changed(text: str, changes: dict[str, str]) -> str:
    """Put a test's values in the place of an operator's, each of which must be there once."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times, expected once"
        text = text.replace(old, new)
    return text


class NginxSite(_Deployed, NginxProgram):
    """nginx with config/nginx.conf. Each client comes to one of the services."""

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
        await self.serve(site, plain, secure)
        return self


class HaProxy(_Deployed):
    """HAProxy with config/haproxy.cfg, which looks at the services 20 times as often.

    Clients are spread over them, and come back by a cookie.
    """

    name = "haproxy"

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
