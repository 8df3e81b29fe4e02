from __future__ import annotations

from hashlib import sha256

import pytest

from rtserver.errors import ApiError
from rtserver.service.api.keys import Key, KeyRing

SECRET = "kö-32-characters-that-nobody-guesses"


def key(secret: str = SECRET, name: str = "shop", **options: object) -> Key:
    given = {"scopes": ["emit"], "namespaces": ["/", "/chat"], **options}
    return Key(name, sha256(secret.encode()).digest(), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_is_found(scheme: str) -> None:
    other, wanted = key("other"), key()
    assert KeyRing([other, wanted]).find(f"{scheme} {SECRET}") is wanted
    assert KeyRing([wanted, other]).find(f"{scheme}  {SECRET} ") is wanted


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("Bearer", "key_missing"),
        ("Bearer ", "key_missing"),
        (f"Basic {SECRET}", "key_missing"),
        (SECRET, "key_missing"),
        (f"Bearer {SECRET}x", "key_unknown"),
        (f"Bearer {SECRET[:-1]}", "key_unknown"),
        ("Bearer \udcff", "key_unknown"),
        (f"Bearer {sha256(SECRET.encode()).hexdigest()}", "key_unknown"),
    ],
)
def test_who_has_none_is_refused(header: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        KeyRing([key()]).find(header)
    assert (caught.value.status, caught.value.code) == (401, code)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("scope", "namespace", "code"),
    [
        ("emit", "/", None),
        ("emit", "/chat", None),
        ("join", "/", "scope_missing"),
        ("emit", "/admin", "namespace_forbidden"),
        ("emit", "/chat/", "namespace_forbidden"),
    ],
)
def test_what_a_key_is_for(scope: str, namespace: str, code: str | None) -> None:
    if code is None:
        key().check(scope, namespace)
        return
    with pytest.raises(ApiError) as caught:
        key().check(scope, namespace)
    assert (caught.value.status, caught.value.code) == (403, code)


def test_a_key_for_everything() -> None:
    key(scopes=["*"], namespaces=["*"]).check("disconnect", "/anywhere")
