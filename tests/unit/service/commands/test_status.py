"""Where ``rtserver status`` asks. With real services: tests/e2e/test_commands.py."""

from __future__ import annotations

import pytest

from rtserver.errors import StartError
from rtserver.service.commands.status import _url
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.monitoring_settings import InternalSettings
from rtserver.service.settings import Config


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9000"),
        ("chat.example", "http://chat.example:9000"),
        ("0.0.0.0", "http://127.0.0.1:9000"),
        ("::", "http://[::1]:9000"),
        ("fd00::7", "http://[fd00::7]:9000"),
    ],
)
def test_a_host_is_one_that_can_be_asked(host: str, url: str) -> None:
    assert _url(Config(app="chat:setup", internal=InternalSettings(host=host, port=9000))) == url
    assert _url(Config(app="chat:setup", listen=ListenSettings(host=host, port=9000))) == url


def test_where_nothing_can_be_asked() -> None:
    config = Config(app="chat:setup", listen=ListenSettings(unix_socket="/run/rtserver.sock"))
    with pytest.raises(StartError, match=r"expected internal\.port or listen\.port, or --url"):
        _url(config)
