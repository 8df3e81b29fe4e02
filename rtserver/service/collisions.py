"""What can't be found at one address: settings of several tables that would be in each other's way."""

from __future__ import annotations

from typing import Final

from rtserver.service.api_settings import ApiSettings
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.monitoring_settings import InternalSettings

__all__ = ["check_paths", "check_ports"]

EVERYWHERE: Final = {"0.0.0.0", "::"}
"""Hosts that stand for every address of the machine."""


def check_paths(listen: ListenSettings, internal: InternalSettings, api: ApiSettings) -> None:
    """Refuse two things at one path.

    Raises:
        ValueError: Names the setting that has to be another one.
    """
    socketio = listen.path.strip("/")
    backends = api.path.strip("/") if api.keys else None
    if backends == socketio:
        raise ValueError("api.path: Socket.IO is found there; choose another one")
    if listen.websocket_path is None:
        return
    taken = {socketio: "Socket.IO", backends: "the HTTP API"}
    if internal.port is None:
        taken |= dict.fromkeys(("health", "ready", "metrics"), "what monitoring asks for")
    if found := taken.get(listen.websocket_path.strip("/")):
        raise ValueError(f"listen.websocket_path: {found} is found there; choose another one")


def check_ports(listen: ListenSettings, internal: InternalSettings) -> None:
    """Refuse the port of clients for what monitoring asks for.

    Raises:
        ValueError: It is the same port of the same machine.
    """
    if not internal.port or internal.port != listen.port or listen.unix_socket is not None:
        return
    if "port" not in listen.model_fields_set:  # perhaps systemd opens others; else binding tells
        return
    if internal.host == listen.host or EVERYWHERE & {internal.host, listen.host}:
        raise ValueError(
            f"internal.port: clients connect at port {listen.port}; choose another one, or leave it out:"
            " health and metrics are found there then"
        )
