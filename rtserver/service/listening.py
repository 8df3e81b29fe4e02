"""Make what the service listens on: TCP sockets or a Unix socket, and the TLS context."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Sequence
from pathlib import Path

from rtserver.errors import ConfigError, StartError
from rtserver.service.listen_settings import ListenSettings

__all__ = ["listening_sockets", "remove_unix_socket", "tls_context", "urls"]


def listening_sockets(settings: ListenSettings) -> list[socket.socket]:
    """Bind and listen.

    Returns:
        One socket for each address of the host, or the one Unix socket.

    Raises:
        StartError: Names the address and what to do.
    """
    if settings.unix_socket is not None:
        return [_unix_socket(Path(settings.unix_socket), settings.backlog)]
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StartError(
            f'listen.host: "{settings.host}" can\'t be resolved: {reason}; give an address of this machine'
        ) from None
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            sockets.append(_tcp_socket(family, (str(address[0]), port), settings.backlog))
            port = sockets[0].getsockname()[1]  # a free port that was chosen holds for every address
    except StartError:
        for made in sockets:
            made.close()
        raise
    return sockets


def remove_unix_socket(settings: ListenSettings) -> None:
    """Remove the Unix socket's file, after the service has stopped listening there."""
    if settings.unix_socket is not None:
        Path(settings.unix_socket).unlink(missing_ok=True)


def tls_context(settings: ListenSettings) -> ssl.SSLContext | None:
    """Make the TLS context, or None when the service speaks plain HTTP.

    Raises:
        ConfigError: Certificate or key can't be used.
    """
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            raise ConfigError(
                [f'listen.tls_key: received "{settings.tls_key}", expected listen.tls_certificate with it']
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # some builds of Python would take older ones
    context.set_alpn_protocols(["http/1.1"])
    # An encrypted key would make OpenSSL ask for its passphrase on the terminal: an empty one makes it fail.
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except (ssl.SSLError, OSError) as error:
        key = settings.tls_key or settings.tls_certificate
        raise ConfigError(
            [
                f'listen.tls_certificate: received "{settings.tls_certificate}" with the key in "{key}",'
                f" expected a PEM certificate and its unencrypted key: {error.strerror or error}"
            ]
        ) from None
    return context


def urls(sockets: Sequence[socket.socket], secure: bool) -> list[str]:
    """Write what clients open: one URL per socket."""
    scheme = "https" if secure else "http"
    found = []
    for each in sockets:
        name = each.getsockname()
        if each.family == socket.AF_UNIX:
            found.append(f"unix:{name}")
        elif each.family == socket.AF_INET6:
            found.append(f"{scheme}://[{name[0]}]:{name[1]}")
        else:
            found.append(f"{scheme}://{name[0]}:{name[1]}")
    return found


def _tcp_socket(family: int, address: tuple[str, int], backlog: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise StartError(f"can't listen on {address[0]} port {address[1]}: {_advice(error)}") from None
    return made


def _unix_socket(path: Path, backlog: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        made.bind(str(path))
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
        errno.EADDRNOTAVAIL: "this machine has no such address; choose another one",
        errno.EACCES: "permission denied; ports below 1024 and other users' folders need more rights",
    }
    return advice.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
