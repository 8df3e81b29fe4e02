from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from rtserver.errors import ConfigError
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.tls.context import tls_context


@pytest.fixture
def certificate() -> trustme.LeafCert:
    return trustme.CA().issue_cert("rtserver.example")


def test_none() -> None:
    assert tls_context(ListenSettings()) is None


def test_certificate_and_key_apart(certificate: trustme.LeafCert, tmp_path: Path) -> None:
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = tls_context(
        ListenSettings(tls_certificate=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem"))
    )
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_key_of_another_certificate(certificate: trustme.LeafCert, tmp_path: Path) -> None:
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    trustme.CA().issue_cert("other.example").private_key_pem.write_to_path(tmp_path / "key.pem")
    with pytest.raises(ConfigError, match=r"expected a PEM certificate and its unencrypted key"):
        tls_context(
            ListenSettings(tls_certificate=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem"))
        )


def test_a_key_alone(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    with pytest.raises(ConfigError, match=r"^listen.tls_key: .* expected listen.tls_certificate with it$"):
        tls_context(ListenSettings(tls_key=str(tmp_path / "key.pem")))
