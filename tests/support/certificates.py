"""Certificates that begin and end when a test wants it, and the files that they are in."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

__all__ = ["CertificateFiles"]


class CertificateFiles:
    """The certificate and the key of a service for 127.0.0.1, renewed as a tool of its operator would.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        self.renew()

    def issue(self, days: float = 90) -> trustme.LeafCert:
        """Make a certificate that is valid for so many days; expired if there are less than none."""
        now = datetime.now(UTC)
        return self._authority.issue_cert(
            "127.0.0.1", not_before=now - timedelta(days=100), not_after=now + timedelta(days=days)
        )

    def renew(self, days: float = 90) -> bytes:
        """Replace the files; return what clients are shown now (`shown_by`)."""
        return self.write(self.issue(days))

    def write(self, issued: trustme.LeafCert) -> bytes:
        """Write a certificate to the files, which aren't replaced in one moment."""
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
        return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())

    def client(self) -> ssl.SSLContext:
        """Make the context of a client that trusts the authority."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of ``[listen]`` that name the files."""
        return {"tls_certificate": str(self.certificate), "tls_key": str(self.key)}
