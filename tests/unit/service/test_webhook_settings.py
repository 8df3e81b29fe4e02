from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rtserver.service.delivery_settings import RecoverySettings
from rtserver.service.server_options import server_options
from rtserver.service.settings import Config
from rtserver.service.socket_settings import SocketSettings
from rtserver.service.webhook_settings import WebhookSettings
from rtserver.service.webhooks.policy import Policy

SECRET = "whsec_bWFrZSBvbmUgb2YgeW91ciBvd24sIHBsZWFzZQ=="
URL = "http://127.0.0.1:9100/"


def test_there_is_none_by_default() -> None:
    assert WebhookSettings().url is None


def test_the_defaults_are_the_policy_s() -> None:
    settings = WebhookSettings().model_dump()
    for name in Policy.__slots__:
        assert settings[name] == getattr(Policy(), name)
    assert WebhookSettings().policy() == Policy()
    assert WebhookSettings(timeout=1.5, max_waiting=3).policy() == Policy(timeout=1.5, max_waiting=3)


def test_secrets_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET}\n\n{SECRET}\n")
    assert len(WebhookSettings(url=URL, secret_file=str(file)).signing_keys()) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"namespaces": ["/"]}, "namespaces have a backend that isn't there: set url"),
        ({"url": URL}, "expected secrets or secret_file"),
        ({"url": URL, "secrets": [SECRET], "secret_file": "SECRETS"}, "expected secrets or secret_file"),
        ({"url": URL, "secrets": ["hush"]}, "expected a secret that begins with whsec_"),
        ({"url": URL, "secret_file": "EMPTY"}, "received an empty file"),
        ({"url": URL, "secret_file": "BINARY"}, "expected text, one secret on each line"),
        (
            {"url": URL, "secrets": [SECRET], "tls_authority": "SECRETS"},
            "expected a certificate in PEM format",
        ),
    ],
)
def test_what_can_t_be_used(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    files = {"SECRETS": SECRET.encode(), "EMPTY": b"\n", "BINARY": b"\xff\xfe"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in ("secret_file", "tls_authority"):
        if name in settings:
            settings = {**settings, name: str(tmp_path / settings[name])}
    with pytest.raises(ValidationError) as caught:
        WebhookSettings(**settings)
    (problem,) = caught.value.errors()
    assert message in problem["msg"]


def test_nobody_is_let_in_before_the_backend_has_decided() -> None:
    webhooks = WebhookSettings(url=URL, secrets=[SECRET], namespaces=["/"])
    with pytest.raises(ValidationError, match="lets clients in before the backend has decided"):
        Config(app="chat:setup", socket=SocketSettings(always_connect=True), webhooks=webhooks)
    told = webhooks.model_copy(update={"connect": False})
    Config(app="chat:setup", socket=SocketSettings(always_connect=True), webhooks=told)


@pytest.mark.parametrize(("namespaces", "skipped"), [([], True), (["/chat"], False)])
def test_the_backend_is_asked_about_whoever_comes_back(namespaces: list[str], skipped: bool) -> None:
    webhooks = WebhookSettings(url=URL, secrets=[SECRET], namespaces=namespaces)
    config = Config(app="chat:setup", recovery=RecoverySettings(enabled=True), webhooks=webhooks)
    assert server_options(config)["connection_state_recovery"].skip_middlewares is skipped


@pytest.mark.parametrize(
    "url",
    ["", "backend:9100", "ftp://backend/", "http://", "http://ada:hush@backend/", "file:///etc/passwd"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(url=url, secrets=[SECRET])


@pytest.mark.parametrize("names", [["chat"], ["*"], ["/", "/"]])
def test_what_is_no_list_of_namespaces(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(url=URL, secrets=[SECRET], namespaces=names)
