from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtserver.errors import ConfigError
from rtserver.service.auth_settings import AuthSettings, KeySettings
from rtserver.service.config import load_config
from rtserver.service.delivery_settings import RecoverySettings
from rtserver.service.server_options import server_options
from rtserver.service.settings import Config
from tests.support.tokens import SECRET, pem

KEY = KeySettings(algorithm="HS256", secret=SECRET.decode())


SIGNED = f'[[auth.keys]]\nalgorithm = "HS256"\nsecret = "{SECRET.decode()}"'


def test_off_by_default() -> None:
    assert AuthSettings().namespaces == []


def test_keys_from_files(tmp_path: Path) -> None:
    secret, public = tmp_path / "secret", tmp_path / "key.pem"
    secret.write_bytes(SECRET + b"\n")
    public.write_bytes(pem("ES256"))
    assert KeySettings(algorithm="HS256", secret_file=str(secret)).key().key == SECRET
    assert KeySettings(algorithm="ES256", public_key_file=str(public)).key().algorithms == {"ES256"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[auth]\nnamespaces = ["*"]',
            "auth: namespaces need tokens: expected a [[auth.keys]] table or jwks_url",
        ),
        (
            '[[auth.keys]]\nalgorithm = "HS256"\nsecret = "short"',
            "auth.keys[0]: received a secret of 5 bytes, expected at least 32 for HS256",
        ),
        (
            '[[auth.keys]]\nalgorithm = "HS256"',
            "auth.keys[0]: expected one of secret, secret_file and public_key_file",
        ),
        (
            '[[auth.keys]]\nalgorithm = "none"\nsecret = "x"',
            'auth.keys[0].algorithm: received (not shown), expected one of "HS256", "HS384",',
        ),
        (
            '[[auth.keys]]\nalgorithm = "RS256"\npublic_key_file = "rtserver.toml"',
            "auth.keys[0]: received no public key, expected one, or a certificate, in PEM format",
        ),
        (
            '[auth]\njwks_url = "http://login.example/"',
            'auth.jwks_url: received "http://login.example/", expected a URL that begins with https://',
        ),
        (
            '[auth]\njwks_url = "http://127.0.0.1.evil.example/"',
            'auth.jwks_url: received "http://127.0.0.1.evil.example/", expected a URL',
        ),
        ('[auth]\nnamespaces = ["admin"]', 'auth.namespaces: received ["admin"], expected ["*"], or a list'),
        (
            '[auth]\nnamespaces = ["*", "/chat"]',
            'auth.namespaces: received ["*", "/chat"], expected ["*"], or a list of namespaces, each once',
        ),
        (
            f'[socket]\nalways_connect = true\n[auth]\nnamespaces = ["*"]\n{SIGNED}',
            "rtserver.toml: socket.always_connect lets clients in before their tokens are looked at",
        ),
        (
            '[auth.keys]\nalgorithm = "HS256"\nsecret = "hush"',
            "auth.keys: received (not shown), expected a list",
        ),
        ('[[auth.keys]]\nkey = "hush"', "auth.keys[0].key: unknown setting (received (not shown))"),
        ('[auth]\nsources = ["body"]', 'auth.sources[0]: received "body", expected one of "auth", "header",'),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(f'app = "app:setup"\n{text}\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert line in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["RTSERVER_AUTH__KEYS", "RTSERVER_AUTH_KEYS", "RTSERVER_SECRET"])
def test_a_secret_in_the_environment_is_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, '[{"secret": "hush"')
    with pytest.raises(ConfigError) as caught:
        load_config(None)
    assert "(not shown)" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("namespaces", "skipped"), [([], True), (["/chat"], False)])
def test_whoever_comes_back_shows_a_token(namespaces: list[str], skipped: bool) -> None:
    auth: dict[str, Any] = {"namespaces": namespaces, "keys": [KEY]}
    config = Config(app="chat:setup", recovery=RecoverySettings(enabled=True), auth=AuthSettings(**auth))
    assert server_options(config)["connection_state_recovery"].skip_middlewares is skipped
