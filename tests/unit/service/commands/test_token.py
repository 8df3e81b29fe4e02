from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from rtserver.service.cli import main
from tests.support.tokens import SECRET, pem

AUTH = f"""\
app = "app:setup"
[auth]
namespaces = ["*"]
audience = ["chat", "other"]
issuer = "https://login.example/"
user = "uid"
[[auth.keys]]
algorithm = "RS256"
public_key_file = "key.pem"
[[auth.keys]]
algorithm = "HS256"
secret = "{SECRET.decode()}"
id = "new"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "key.pem").write_bytes(pem("RS256"))
    (tmp_path / "rtserver.toml").write_text(AUTH)
    return str(tmp_path / "rtserver.toml")


def test_a_token_that_the_service_accepts(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--claim", "role=admin", "--claim", "age=7", "--lifetime", "2m"]
    assert main(["token", "--config", file, "-u", "ada", *arguments]) == 0
    token = capsys.readouterr().out.strip()
    assert jwt.get_unverified_header(token)["kid"] == "new"
    claims = jwt.decode(token, SECRET, ["HS256"], audience="chat", issuer="https://login.example/")
    assert (claims["uid"], claims["role"], claims["age"]) == ("ada", "admin", 7)
    assert claims["exp"] == pytest.approx(time.time() + 120, abs=30)


def test_without_a_secret(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rtserver.toml").write_text(AUTH.partition('[[auth.keys]]\nalgorithm = "HS256"')[0])
    assert main(["token", "--config", file, "-u", "ada"]) == 1
    assert "expected a secret in [[auth.keys]] to sign with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lifetime", "1w"], "received '1w', expected a number with s, m, h or d: 90s"),
        (["--claim", "admin"], "received 'admin', expected NAME=VALUE"),
    ],
)
def test_wrong_usage(
    file: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["token", "--config", file, "-u", "ada", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
