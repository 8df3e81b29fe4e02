"""The certificate that clients are shown, and its renewal while they are connected."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rtserver.errors import ConfigError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.monitoring.families import Family
from rtserver.service.tls.context import tls_context
from rtserver.service.tls.files import Files

__all__ = ["Certificate", "valid_context"]

logger = logging.getLogger("rtserver.service")

_FILES: Final = ("tls_certificate", "tls_key")


class Certificate:
    """A certificate that can be replaced by its successor.

    Whoever listens does so with one context for good. Once the certificate has been renewed, that context
    hands each new client over to the newest one, which was made whole before. A client is shown the old
    certificate or the new one, never a mixture, and connections that there are don't notice.

    Args:
        settings: Where the files are.
        context: Made from them.
        files: The files as they were before that.
    """

    def __init__(self, settings: ListenSettings, context: ssl.SSLContext, files: Files) -> None:
        self.context = context
        """What is listened with."""
        self._newest = context
        self._settings = settings
        self._files = files
        self._timer: asyncio.TimerHandle | None = None
        self.expires = _expiry(settings)
        """When it expires, in seconds since the epoch."""
        if self.expires <= time.time():
            logger.error("%s; clients refuse it until it is renewed", _expired(settings, self.expires))

    @classmethod
    def of(cls, settings: ListenSettings) -> Certificate | None:
        """Read the certificate that the settings name; None if they name none.

        Raises:
            ConfigError: Certificate or key can't be used.
        """
        files = _files(settings)
        context = tls_context(settings)
        return None if context is None else cls(settings, context, files)

    def renew(self, settings: ListenSettings | None = None) -> None:
        """Show new clients what the files hold now.

        Args:
            settings: Where the files are from now on, if that has changed.

        Raises:
            ConfigError: They can't be used, or have expired. The present certificate stays.
        """
        settings = settings or self._settings
        files = _files(settings)
        context = valid_context(settings)
        assert context is not None
        self._settings, self._files, self._newest = settings, files, context
        self.expires = _expiry(settings)
        self.context.sni_callback = self._hand_over
        logger.info("new connections get the certificate that is valid until %s", _date(self.expires))

    def families(self) -> list[Family]:
        """Return its metric."""
        help = "When the certificate expires, in seconds since the epoch."
        return [Family.of("rtserver_certificate_expires_timestamp_seconds", "gauge", help, self.expires)]

    def watch(self) -> None:
        """Look at the files from now on, and renew the certificate when they have changed."""
        self._timer = asyncio.get_running_loop().call_later(self._settings.tls_reload_interval, self._look)

    def close(self) -> None:
        """Look at the files no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._files.have_changed():
            try:
                self.renew()
            except ConfigError as error:
                logger.error("the present certificate stays, because the new one can't be used:\n%s", error)
        self.watch()

    def _hand_over(
        self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Let a client that begins its handshake have the newest certificate, whatever name it asks for."""
        connection.context = self._newest


def valid_context(settings: ListenSettings) -> ssl.SSLContext | None:
    """Make the TLS context, or None when the service speaks plain HTTP.

    Raises:
        ConfigError: Certificate or key can't be used, or clients wouldn't accept them any more.
    """
    context = tls_context(settings)
    if context is not None and (expires := _expiry(settings)) <= time.time():
        raise ConfigError([f"{_expired(settings, expires)}, expected one that is valid"])
    return context


def _files(settings: ListenSettings) -> Files:
    paths = (getattr(settings, name) for name in _FILES)
    return Files([Path(path) for path in paths if path is not None])


def _expiry(settings: ListenSettings) -> float:
    """Return when the certificate of the service itself expires, the first one of its file."""
    from cryptography import x509  # noqa: PLC0415 - as large as half the server, and most have a proxy for TLS

    assert settings.tls_certificate is not None
    try:
        (certificate, *_) = x509.load_pem_x509_certificates(Path(settings.tls_certificate).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            [
                f'listen.tls_certificate: received "{settings.tls_certificate}",'
                f" expected a PEM certificate: {error}"
            ]
        ) from None
    return certificate.not_valid_after_utc.timestamp()


def _expired(settings: ListenSettings, expires: float) -> str:
    return f'listen.tls_certificate: "{settings.tls_certificate}" has expired at {_date(expires)}'


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
