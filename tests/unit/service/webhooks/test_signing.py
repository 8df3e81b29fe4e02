from __future__ import annotations

from base64 import b64encode

import pytest

from rtserver.service.webhooks.signing import Signer, signing_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_standard_webhooks() -> None:
    signer = Signer([signing_key(SECRET)], lambda: 1614265330.9)
    assert signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}') == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_key_signs() -> None:
    keys = [b"a" * 24, b"b" * 24]
    both = Signer(keys, lambda: 1.0).headers("id", b"{}")["webhook-signature"]
    each = [Signer([key], lambda: 1.0).headers("id", b"{}")["webhook-signature"] for key in keys]
    assert both == " ".join(each)
    assert each[0] != each[1]


def test_what_is_signed() -> None:
    now = 1.0
    signer = Signer([b"a" * 24], lambda: now)
    seen = {
        signer.headers(id, body)["webhook-signature"] for id, body in (("a", b"x"), ("b", b"x"), ("a", b"y"))
    }
    now = 2.0
    seen.add(signer.headers("a", b"x")["webhook-signature"])
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("hush-hush", "expected a secret that begins with whsec_"),
        ("whsec_hush!", "expected base64 behind whsec_"),
        ("whsec_", "received a secret of 0 bytes, expected at least 24"),
        ("whsec_" + b64encode(b"x" * 23).decode(), "received a secret of 23 bytes, expected at least 24"),
        ("whsec_\xe4", "expected base64 behind whsec_"),
    ],
)
def test_what_is_no_secret(secret: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        signing_key(secret)
    assert "hush" not in str(caught.value)
    assert "openssl rand -base64 32" in str(caught.value)
