"""A certificate made for one run of the tests."""

from __future__ import annotations

import ssl

import trustme

__all__ = ["Certificate"]


class Certificate:
    """A certificate for 127.0.0.1, signed by an authority that only the tests' clients trust.

    Attributes:
        server: The server's context.
        pem: Key and certificate, for a server that isn't written in Python.
        client: A Python client's context.
        authority: The authority's certificate as PEM, for other clients.
    """

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)
        self.pem = issued.private_key_and_cert_chain_pem.bytes().decode()
        self.authority = authority.cert_pem.bytes().decode()
