from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rtserver.service.auth.keys import from_jwks, public_key, secret_key
from tests.support.tokens import SECRET, jwk, pem


def test_a_secret_is_for_its_algorithm_alone() -> None:
    key = secret_key(SECRET, "HS256")
    assert key.suits("HS256", None)
    assert not key.suits("HS384", None)


@pytest.mark.parametrize(
    ("algorithm", "others"),
    [("RS256", {"PS512", "RS384"}), ("ES256", set()), ("ES384", set()), ("EdDSA", set())],
)
def test_a_public_key_is_for_the_algorithms_of_its_kind(algorithm: str, others: set[str]) -> None:
    key = public_key(pem(algorithm))
    assert key.algorithms >= {algorithm, *others}
    assert not key.algorithms & {"HS256", "HS384", "HS512", "none"}
    assert public_key(pem(algorithm), algorithm).algorithms == {algorithm}


def test_a_key_with_an_id_is_for_tokens_with_that_or_none() -> None:
    key = secret_key(SECRET, "HS256", "new")
    assert key.suits("HS256", "new")
    assert key.suits("HS256", None)
    assert not key.suits("HS256", "old")


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 31), ("HS384", 47), ("HS512", 63)])
def test_a_secret_that_is_too_short(algorithm: str, length: int) -> None:
    with pytest.raises(ValueError, match=f"received a secret of {length} bytes, expected at least"):
        secret_key(b"x" * length, algorithm)


def test_a_secret_is_not_for_public_algorithms() -> None:
    with pytest.raises(ValueError, match="received the algorithm 'RS256' for a secret"):
        secret_key(SECRET, "RS256")


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "none"])
def test_a_public_key_is_for_no_other_algorithm(algorithm: str) -> None:
    with pytest.raises(ValueError, match=f"received the algorithm '{algorithm}', expected one of RS256"):
        public_key(pem("RS256"), algorithm)


@pytest.mark.parametrize("text", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"])
def test_what_is_no_public_key(text: bytes) -> None:
    with pytest.raises(ValueError, match="received no public key"):
        public_key(text)


def test_an_rsa_key_that_is_too_short() -> None:
    weak = rsa.generate_private_key(65_537, 1024).public_key()
    text = weak.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="received an RSA key of 1024 bits, expected at least 2048"):
        public_key(text)


def test_a_key_set() -> None:
    keys = from_jwks({"keys": [jwk("RS256", kid="a"), jwk("ES256", kid="b"), jwk("EdDSA")]})
    assert [(key.id, set(key.algorithms)) for key in keys] == [
        ("a", {"RS256"}),
        ("b", {"ES256"}),
        (None, {"EdDSA"}),
    ]


def test_a_key_of_a_set_that_names_no_algorithm_is_for_those_of_its_kind() -> None:
    (key,) = from_jwks({"keys": [{k: v for k, v in jwk("RS256").items() if k != "alg"}]})
    assert "PS256" in key.algorithms
    assert "HS256" not in key.algorithms


@pytest.mark.parametrize(
    "described",
    [
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        "text",
        jwk("ES256", alg="HS256"),
        jwk("ES256", alg="RS256"),
        jwk("ES256", use="enc"),
        jwk("ES256", alg="none"),
        jwk("EdDSA", alg=["EdDSA"]),
    ],
)
def test_what_can_t_be_used_of_a_set_is_left_out(described: Any) -> None:
    (key,) = from_jwks({"keys": [described, jwk("EdDSA", kid="good")]})
    assert key.id == "good"


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}])
def test_what_is_no_key_set(document: Any) -> None:
    with pytest.raises(ValueError, match="expected a JSON object with the array `keys`"):
        from_jwks(document)


def test_keys_of_a_set_verify() -> None:
    from tests.support.tokens import PRIVATE, token  # noqa: PLC0415

    for algorithm, private in PRIVATE.items():
        (key,) = from_jwks({"keys": [jwk(algorithm)]})
        assert jwt.decode(token(private, algorithm), key.key, [algorithm])["sub"] == "ada"
