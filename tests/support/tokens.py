"""Keys and tokens for the tests."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = b"a secret for the tests alone, long enough for HS256"
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65_537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def token(
    key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, lifetime: float = 600, **claims: Any
) -> str:
    """Sign a token, of Ada's unless the claims say otherwise."""
    headers = None if kid is None else {"kid": kid}
    payload = {"sub": "ada", "exp": time.time() + lifetime, **claims}
    return jwt.encode(
        {name: value for name, value in payload.items() if value is not None}, key, algorithm, headers
    )


def pem(algorithm: str) -> bytes:
    """Return a public key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    written: bytes = PRIVATE[algorithm].public_key().public_bytes(serialization.Encoding.PEM, form)
    return written


def jwk(algorithm: str, **members: Any) -> dict[str, Any]:
    """Return a public key as a JSON Web Key."""
    form: Any = jwt.get_algorithm_by_name(algorithm)
    return {**form.to_jwk(PRIVATE[algorithm].public_key(), as_dict=True), "alg": algorithm, **members}
