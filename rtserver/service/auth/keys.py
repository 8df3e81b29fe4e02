"""The keys that tokens are verified with. Each belongs to the algorithms that suit it, and to no others.

A token says itself how it is signed. What it says is never enough: a public key that was taken for an HMAC
secret would let anyone sign (RFC 8725, 2.1 and 3.1). So a key is found by the token's algorithm among those
that the key itself allows, and ``none`` is allowed by no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

__all__ = ["HMAC", "PUBLIC", "VerificationKey", "from_jwks", "public_key", "secret_key"]

HMAC: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithms with a shared secret, and the bytes that it has to have at least (RFC 7518, 3.2)."""
RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
PUBLIC: Final = (*RSA, *CURVES.values(), "EdDSA")
"""Algorithms with a public key."""
MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key.

    Args:
        id: The ``kid`` of tokens that are signed with it; None where tokens name none.
        algorithms: What it may be used with.
        key: The key, as PyJWT takes it.
    """

    id: str | None
    algorithms: frozenset[str]
    key: Any

    def suits(self, algorithm: str, id: str | None) -> bool:
        """Tell whether a token that says this of itself may be signed with the key."""
        return algorithm in self.algorithms and (self.id is None or id is None or self.id == id)


def secret_key(secret: bytes, algorithm: str, id: str | None = None) -> VerificationKey:
    """Make a key of a secret that is shared with whoever signs.

    Args:
        secret: The secret.
        algorithm: The one algorithm that it is for.
        id: The ``kid`` of its tokens.

    Raises:
        ValueError: The secret is too short, or the algorithm isn't one for secrets.
    """
    if algorithm not in HMAC:
        raise ValueError(f"received the algorithm {algorithm!r} for a secret, expected one of {_list(HMAC)}")
    if len(secret) < HMAC[algorithm]:
        raise ValueError(
            f"received a secret of {len(secret)} bytes, expected at least {HMAC[algorithm]} for {algorithm}:"
            " make one with `openssl rand -base64 64`"
        )
    return VerificationKey(id, frozenset((algorithm,)), secret)


def public_key(pem: bytes, algorithm: str | None = None, id: str | None = None) -> VerificationKey:
    """Make a key of a public key or a certificate.

    Args:
        pem: The key, in PEM format.
        algorithm: The one algorithm that it is for; None for all that suit its kind.
        id: The ``kid`` of its tokens.

    Raises:
        ValueError: It can't be read, is too weak, or doesn't suit the algorithm.
    """
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            key: Any = load_pem_x509_certificate(pem).public_key()
        else:
            key = load_pem_public_key(pem)
    except Exception:  # noqa: BLE001 - cryptography raises several kinds, some of them without a message
        raise ValueError("received no public key, expected one, or a certificate, in PEM format") from None
    suitable = _suitable(key)
    if algorithm is not None and algorithm not in suitable:
        raise ValueError(
            f"received the algorithm {algorithm!r}, expected one of {_list(suitable)} for this key"
        )
    return VerificationKey(id, frozenset(suitable if algorithm is None else (algorithm,)), key)


def from_jwks(document: Any) -> list[VerificationKey]:
    """Read a JSON Web Key Set (RFC 7517, 5). Keys that can't be used here are left out, as it asks for.

    Raises:
        ValueError: It is no key set.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError(f"received {document!r:.80}, expected a JSON object with the array `keys`")
    found = (_from_jwk(each) for each in keys)
    return [key for key in found if key is not None]


def _from_jwk(described: Any) -> VerificationKey | None:
    if not isinstance(described, Mapping) or described.get("kty") not in ("RSA", "EC", "OKP"):
        return None  # a secret in a document for everyone is no secret
    named = described.get("alg")
    if described.get("use") not in (None, "sig") or named not in (None, *PUBLIC):
        return None
    try:
        key = jwt.PyJWK(dict(described), algorithm=_algorithm_of(described)).key
        suitable = _suitable(key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if named is not None and named not in suitable:
        return None
    id = described.get("kid")
    algorithms = frozenset(suitable if named is None else (named,))
    return VerificationKey(id if isinstance(id, str) else None, algorithms, key)


def _algorithm_of(described: Mapping[str, Any]) -> str | None:
    """Return the algorithm by which PyJWT is to read a key, where it can't tell by itself."""
    return "RS256" if described.get("kty") == "RSA" else None


def _suitable(key: Any) -> tuple[str, ...]:
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < MIN_RSA_BITS:
                raise ValueError(
                    f"received an RSA key of {key.key_size} bits, expected at least {MIN_RSA_BITS}"
                )
            return RSA
        case ec.EllipticCurvePublicKey() if key.curve.name in CURVES:
            return (CURVES[key.curve.name],)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return ("EdDSA",)
    raise ValueError(f"received a key of the kind {type(key).__name__}, expected RSA, EC or Ed25519")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
