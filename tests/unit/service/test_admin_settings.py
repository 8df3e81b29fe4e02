from __future__ import annotations

from pathlib import Path

import pytest
from socketio.exceptions import ConnectionRefusedError as Refusal

from rtserver import Server, Socket
from rtserver.errors import ConfigError, StartError
from rtserver.service.admin_settings import AdminSettings
from rtserver.service.config import load_config
from rtserver.testing import TestClient

LOGIN = {"username": "admin", "password": "lovelace"}


async def test_off_by_default() -> None:
    sio = Server()
    AdminSettings().instrument(sio)
    with pytest.raises(Refusal):
        await TestClient(sio, namespace="/admin", auth=LOGIN).connect()


async def test_what_it_makes() -> None:
    sio = Server()
    AdminSettings(enabled=True, password="lovelace", namespace="/ops", read_only=True).instrument(sio)
    async with TestClient(sio, namespace="/ops", auth=LOGIN) as admin:
        assert (await admin.receive("config")).data == {"supportedFeatures": ["AGGREGATED_EVENTS"]}
    await sio.shutdown()


async def test_a_password_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("lovelace\n")
    assert await AdminSettings(enabled=True, password_file=str(file)).login().accept(LOGIN, lambda: False)
    file.write_text("\n")
    with pytest.raises(ValueError, match="password_file: received an empty file"):
        AdminSettings(enabled=True, password_file=str(file))


def test_what_asks_for_tokens_does_not_ask_admins() -> None:
    async def ask(socket: Socket) -> None:
        """Ask for a token."""

    assert AdminSettings().spare(ask) is ask
    assert AdminSettings(enabled=True, password="lovelace").spare(ask) is not ask


@pytest.mark.parametrize("used", ["handlers", "instrument"])
def test_an_application_that_has_a_use_for_it_itself(used: str) -> None:
    sio = Server()
    if used == "handlers":
        sio.on("hello", lambda sid: None, namespace="/admin")
    else:
        sio.instrument(auth=False)
    with pytest.raises(StartError, match=r"^admin: "):
        AdminSettings(enabled=True, password="lovelace").instrument(sio)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("enabled = true", "admin: expected one of password and password_file"),
        (
            'enabled = true\npassword = "a"\npassword_file = "rtserver.toml"',
            "admin: expected one of password and password_file",
        ),
        ('namespace = "admin"', 'admin.namespace: received "admin", expected a namespace other than "/"'),
        ('namespace = "/"', 'admin.namespace: received "/", expected a namespace other than "/"'),
        ('mode = "debug"', 'admin.mode: received "debug", expected one of "development", "production"'),
        ("interval = 0", "admin.interval: received 0, expected a number, above 0 and at most 86400"),
        ("password = 12345", "admin.password: received (not shown), expected text that isn't empty"),
    ],
)
def test_what_can_not_be_used_is_refused(tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "rtserver.toml"
    file.write_text(f'app = "a:b"\n[admin]\n{text}\n')
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert any(line in problem for problem in refused.value.problems), refused.value.problems
