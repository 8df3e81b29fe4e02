"""The tables of the config file about where clients find the service, and the files it serves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rtserver.service.section import Seconds, Section
from rtserver.service.setting_types import Expected, Folder, NewPath, ReadableFile, UrlPath

__all__ = ["ListenSettings", "StaticSettings"]

Mode = Annotated[str, Field(pattern=r"^[0-7]{3}$"), Expected('three octal digits, such as "660"')]


class ListenSettings(Section):
    """Where the service listens, and under which path clients find it."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description='Address or host name. "0.0.0.0" is every IPv4 address, "::" every address, IPv4 and'
        " IPv6.",
    )
    port: int = Field(
        default=8000, ge=0, le=65_535, description="TCP port. 0 takes a free one; the log says which."
    )
    unix_socket: NewPath | None = Field(
        default=None,
        description="Listen on this Unix socket instead of host and port, for example behind nginx.",
        examples=["/run/rtserver/rtserver.sock"],
    )
    unix_socket_mode: Mode = Field(
        default="660",
        description='Who may connect through it: "660" is its user and group, "666" everyone on the machine.',
    )
    path: UrlPath = Field(
        default="socket.io",
        description='Path of Socket.IO. Clients name it as "path" when it isn\'t "/socket.io/".',
    )
    websocket_path: UrlPath | None = Field(
        default=None,
        description=(
            "Path of another endpoint, for plain WebSocket clients: programs without a Socket.IO library"
            " (docs/plain-clients.md). Not set: there is none."
        ),
        examples=["ws"],
    )
    backlog: int = Field(
        default=1024,
        ge=1,
        le=65_535,
        description="Connections that the kernel keeps waiting until they are accepted.",
    )
    tls_certificate: ReadableFile | None = Field(
        default=None,
        description="Certificate chain in PEM format. With it the service speaks HTTPS and wss.",
        examples=["/etc/rtserver/certificate.pem"],
    )
    tls_key: ReadableFile | None = Field(
        default=None,
        description="Private key in PEM format, when the certificate's file doesn't hold it.",
        examples=["/etc/rtserver/key.pem"],
    )
    tls_reload_interval: Seconds = Field(
        default=10,
        description="Seconds between two looks at these files. New connections get a renewed certificate when"
        " two looks have found the same new files.",
    )


class StaticSettings(Section):
    """Files to serve. Repeat the table for more folders; leave it out to serve none."""

    prefix: UrlPath = Field(
        description='URL path that the files are found under, "/" for the top.', examples=["/"]
    )
    folder: Folder = Field(
        description="Folder of the files. Its index.html answers for the prefix itself.", examples=["static"]
    )
