from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from rtserver.errors import TokenError
from rtserver.service.auth.keys import VerificationKey, public_key, secret_key
from rtserver.service.auth.options import Expectations
from rtserver.service.auth.verifier import MAX_TOKEN, Verifier
from tests.support.tokens import PRIVATE, SECRET, pem, token

KEYS = [secret_key(SECRET, "HS256"), *(public_key(pem(algorithm), algorithm) for algorithm in PRIVATE)]


def verifier(*keys: VerificationKey, **expected: Any) -> Verifier:
    return Verifier(keys or KEYS, None, Expectations(**expected))


async def refused(given: str, code: str, *keys: VerificationKey, **expected: Any) -> str:
    with pytest.raises(TokenError) as caught:
        await verifier(*keys, **expected).verify(given)
    assert caught.value.code == code
    return str(caught.value)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["HS256", *PRIVATE])
async def test_a_token_of_each_algorithm(algorithm: str) -> None:
    key = SECRET if algorithm == "HS256" else PRIVATE[algorithm]
    assert (await verifier().verify(token(key, algorithm)))["sub"] == "ada"


async def test_keys_are_changed_while_tokens_of_both_are_about() -> None:
    old, new = secret_key(b"o" * 32, "HS256"), secret_key(b"n" * 32, "HS256")
    both = verifier(old, new)
    assert await both.verify(token(b"o" * 32))
    assert await both.verify(token(b"n" * 32))
    await refused(token(b"x" * 32), "token_invalid", old, new)


async def test_the_id_of_a_key_says_which() -> None:
    one, other = secret_key(b"o" * 32, "HS256", "one"), secret_key(b"t" * 32, "HS256", "other")
    assert await verifier(one, other).verify(token(b"t" * 32, kid="other"))
    await refused(token(b"t" * 32, kid="one"), "token_invalid", one, other)
    await refused(token(b"t" * 32, kid="third"), "key_unknown", one, other)


# Attacks.


async def test_a_public_key_is_no_secret() -> None:
    """Algorithm confusion: HS256 with the public key's text as its secret."""
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'ada', 'exp': time.time() + 60})}"
    digest = hmac.new(pem("RS256"), signed.encode(), hashlib.sha256).digest()
    forged = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    message = await refused(forged, "key_unknown", public_key(pem("RS256")))
    assert message == "no key for the algorithm 'HS256' and kid None"
    await refused(forged, "token_invalid")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 7, ["HS256"]])
@pytest.mark.parametrize("signature", ["", "AAAA"])
async def test_none_is_no_signature(algorithm: Any, signature: str) -> None:
    claims = part({"sub": "ada", "exp": time.time() + 60})
    with pytest.raises(TokenError):
        await verifier().verify(f"{part({'alg': algorithm})}.{claims}.{signature}")


async def test_another_algorithm_of_the_same_kind_is_refused() -> None:
    await refused(token(PRIVATE["RS256"], "RS512"), "key_unknown")


async def test_claims_can_t_be_changed() -> None:
    head, _, signature = token().split(".")
    await refused(f"{head}.{part({'sub': 'root', 'exp': time.time() + 60})}.{signature}", "token_invalid")


async def test_a_key_that_the_token_brings_itself_counts_nothing() -> None:
    import jwt  # noqa: PLC0415

    from tests.support.tokens import jwk  # noqa: PLC0415

    forged = jwt.encode(
        {"sub": "ada", "exp": time.time() + 60},
        PRIVATE["RS256"],
        "RS256",
        {"jwk": jwk("RS256"), "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert"},
    )
    await refused(forged, "key_unknown", secret_key(SECRET, "HS256"))


@pytest.mark.parametrize(
    "given", ["", "a", "a.b.c", ".", "..", "é.é.é", "\ud800", "x" * (MAX_TOKEN + 1), "\x00"]
)
async def test_what_is_no_token(given: str) -> None:
    await refused(given, "token_invalid")


async def test_claims_that_are_no_object() -> None:
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part([1])}"
    digest = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
    given = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    await refused(given, "token_invalid")


# Time, audience, issuer.


async def test_one_that_has_expired() -> None:
    assert await verifier(leeway=30).verify(token(lifetime=-20))
    assert await refused(token(lifetime=-31), "token_expired", leeway=30) == "it has expired: get a new one"


async def test_one_that_isn_t_valid_yet() -> None:
    assert await verifier(leeway=30).verify(token(nbf=time.time() + 20))
    await refused(token(nbf=time.time() + 60), "token_not_yet_valid", leeway=30)


async def test_the_audience() -> None:
    expected = {"audiences": ["chat", "other"]}
    assert await verifier(**expected).verify(token(aud="chat"))
    assert await verifier(**expected).verify(token(aud=["x", "other"]))
    assert await verifier().verify(token(aud="whoever"))
    await refused(token(aud="mail"), "token_invalid", **expected)
    await refused(token(), "token_invalid", **expected)


async def test_the_issuer() -> None:
    assert await verifier(issuer="https://login.example/").verify(token(iss="https://login.example/"))
    await refused(token(iss="https://evil.example/"), "token_invalid", issuer="https://login.example/")
    await refused(token(), "token_invalid", issuer="https://login.example/")


async def test_claims_that_it_must_have() -> None:
    assert await refused(token(exp=None), "token_invalid") == "it has no claim 'exp'"
    assert await verifier(required=()).verify(token(exp=None))
    await refused(token(), "token_invalid", required=["role"])
