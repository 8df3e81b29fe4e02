"""What the service listens on: TCP sockets or a Unix socket, its own or those that systemd has opened."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtserver.errors import StartError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.systemd.activation import activated_sockets

__all__ = ["Listeners", "open_listeners", "tcp_sockets", "url"]


@dataclass(frozen=True, slots=True)
class Listeners:
    """What is listened on."""

    sockets: Sequence[socket.socket]
    """One for each address of the host, or the one Unix socket, or those of systemd."""
    file: Path | None = None
    """The Unix socket's file, if it was made for this."""

    def urls(self, secure: bool) -> list[str]:
        """Write what clients open: one URL per socket.

        Args:
            secure: Whether they speak TLS.
        """
        return [url(each, "https" if secure else "http") for each in self.sockets]

    def remove_file(self) -> None:
        """Remove the Unix socket's file, after the service has stopped listening there."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def open_listeners(settings: ListenSettings) -> Listeners:
    """Bind and listen, unless systemd has done so already: then its sockets are used instead.

    Raises:
        StartError: Names the address and what to do.
    """
    if activated := activated_sockets():
        return Listeners(activated)
    if settings.unix_socket is not None:
        path = Path(settings.unix_socket)
        return Listeners([_unix_socket(path, int(settings.unix_socket_mode, 8), settings.backlog)], path)
    return Listeners(tcp_sockets(settings.host, settings.port, settings.backlog))


def tcp_sockets(host: str, port: int, backlog: int, table: str = "listen") -> list[socket.socket]:
    """Bind and listen at every address of a host.

    Args:
        host: An address or a name; ``::`` for all addresses of the machine, those of IPv4 included.
        port: The port; 0 for a free one.
        backlog: How many connections may wait there.
        table: Whose ``host`` and ``port`` they are in the configuration.

    Raises:
        StartError: Names the address and what to do.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, table):
            sockets.append(_tcp_socket(family, (address, port), backlog))
            port = sockets[0].getsockname()[1]  # a free port that was chosen holds for every address
    except OSError as error:
        for made in sockets:
            made.close()
        whose = "" if table == "listen" else f"{table}: "
        raise StartError(f"{whose}can't listen on {address} port {port}: {_advice(error)}") from None
    return sockets


def _addresses(host: str, table: str) -> list[tuple[int, str]]:
    """Return the families and addresses of a host, each of them once."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StartError(
            f'{table}.host: "{host}" can\'t be resolved: {reason}; give an address of this machine'
        ) from None
    addresses: list[tuple[int, str]] = [(family, str(address[0])) for family, _, _, _, address in found]
    if host == "::":
        # A socket of its own: one for both would see IPv4 addresses as IPv6 ones.
        addresses.append((socket.AF_INET, "0.0.0.0"))
    return list(dict.fromkeys(addresses))


def url(listener: socket.socket, scheme: str) -> str:
    """Write what is opened to come to a socket."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    if listener.family == socket.AF_INET6:
        return f"{scheme}://[{name[0]}]:{name[1]}"
    return f"{scheme}://{name[0]}:{name[1]}"


def _tcp_socket(family: int, address: tuple[str, int], backlog: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _unix_socket(path: Path, mode: int, backlog: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        made.bind(str(path))
        path.chmod(mode)  # before anybody can connect: nobody can until it listens
        made.listen(backlog)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise StartError(f"can't listen on the Unix socket {path}: {_advice(error)}") from None
    return made


def _remove_stale(path: Path) -> None:
    """Remove a socket file that no process listens on any more, as one that was killed leaves it."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _advice(error: OSError) -> str:
    advice = {
        errno.EADDRINUSE: "it is in use; stop the process that has it, or choose another address",
        errno.EAFNOSUPPORT: "this machine has no addresses of this kind: IPv6 may be off; choose another",
        errno.EADDRNOTAVAIL: "this machine has no such address; choose another one",
        errno.EACCES: "permission denied; ports below 1024 and other users' folders need more rights",
    }
    return advice.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
