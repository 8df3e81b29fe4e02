from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from rtserver.errors import ConfigError
from rtserver.service.api_settings import ApiKeySettings, ApiSettings
from rtserver.service.config import load_config

SECRET = "a key that nobody guesses"


def test_off_by_default() -> None:
    assert ApiSettings().keys == []


def test_a_key_and_its_hash_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "api.key"
    digest = sha256(SECRET.encode())
    file.write_text(f"{SECRET}\n")
    made = [
        ApiKeySettings(name="shop", key=SECRET, scopes=["*"]),
        ApiKeySettings(name="shop", key=f"sha256:{digest.hexdigest().upper()}", scopes=["*"]),
        ApiKeySettings(name="shop", key_file=str(file), scopes=["*"]),
    ]
    file.write_text(f"sha256:{digest.hexdigest()}")
    made.append(ApiKeySettings(name="shop", key_file=str(file), scopes=["*"]))
    assert {each.made().digest for each in made} == {digest.digest()}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name = "a"\nscopes = ["*"]', "api.keys[0]: expected one of key and key_file"),
        (
            'name = "a"\nscopes = ["*"]\nkey = "hush"',
            "api.keys[0].key: received (not shown), expected text of at least 20 characters",
        ),
        (
            'name = "a"\nscopes = ["*"]\nkey_file = "short"',
            "api.keys[0]: received a key of 4 bytes, expected at least 20",
        ),
        (
            'name = "a"\nscopes = ["*"]\nkey = "sha256:hush-hush-hush"',
            "api.keys[0]: expected 64 hexadecimal digits after sha256:",
        ),
        (
            f'name = "a"\nscopes = []\nkey = "{SECRET}"',
            "api.keys[0].scopes: received (not shown), expected a list",
        ),
        (f'name = "a"\nkey = "{SECRET}"', "api.keys[0].scopes: missing, expected a list that isn't empty"),
        (
            f'name = "a"\nscopes = ["emit"]\nkey = "{SECRET}"\nnamespaces = ["chat"]',
            'api.keys[0].namespaces[0]: received (not shown), expected a namespace such as "/"',
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_said(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "short").write_text("hush\n")
    assert line in problems(tmp_path, f"[[api.keys]]\n{text}\n")


def problems(folder: Path, text: str) -> str:
    file = folder / "rtserver.toml"
    file.write_text(f'app = "app:setup"\n{text}')
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert "hush" not in str(caught.value)
    return str(caught.value)


def test_what_is_wrong_with_the_table_is_said(tmp_path: Path) -> None:
    key = f'[[api.keys]]\nname = "a"\nscopes = ["emit"]\nkey = "{SECRET}"\n'
    assert "api: two of the keys have the same name" in problems(tmp_path, key * 2)
    assert "api.path: Socket.IO is found there" in problems(tmp_path, f'[api]\npath = "/socket.io"\n{key}')
    assert "api.path: received" in problems(tmp_path, '[api]\npath = "/"\n')
    assert 'expected the name of a room with "{user}" in it' in problems(tmp_path, '[api]\nuser_room = "x"\n')
