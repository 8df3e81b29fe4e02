"""Make a TLS context from the files that the configuration names."""

from __future__ import annotations

import ssl

from rtserver.errors import ConfigError
from rtserver.service.listen_settings import ListenSettings

__all__ = ["tls_context"]


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
