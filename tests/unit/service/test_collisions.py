from __future__ import annotations

import pytest

from rtserver.service.api_settings import ApiKeySettings, ApiSettings
from rtserver.service.collisions import check_paths, check_ports
from rtserver.service.listen_settings import ListenSettings
from rtserver.service.monitoring_settings import InternalSettings

API = ApiSettings(keys=[ApiKeySettings(name="test", key="k" * 32, scopes=["emit"])])
OWN = InternalSettings(port=9000)
NONE = InternalSettings()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/socket.io/", "Socket.IO"),
        ("api", "the HTTP API"),
        ("health", "what monitoring asks for"),
        ("/metrics", "what monitoring asks for"),
    ],
)
def test_a_path_of_plain_clients_that_is_taken(path: str, found: str) -> None:
    with pytest.raises(ValueError, match=f"listen.websocket_path: {found} is found there; choose another"):
        check_paths(ListenSettings(websocket_path=path), NONE, API)


def test_paths_that_are_free() -> None:
    check_paths(ListenSettings(websocket_path="metrics"), OWN, API)
    check_paths(ListenSettings(websocket_path="api"), NONE, ApiSettings())
    check_paths(ListenSettings(path="", websocket_path="ws"), NONE, API)
    check_paths(ListenSettings(), NONE, API)


def test_the_api_isnt_where_socketio_is() -> None:
    with pytest.raises(ValueError, match=r"api.path: Socket\.IO is found there"):
        check_paths(ListenSettings(path="api"), NONE, API)


@pytest.mark.parametrize(("host", "internal"), [("127.0.0.1",) * 2, ("0.0.0.0", "10.0.0.1"), ("a", "::")])
def test_a_port_that_clients_have(host: str, internal: str) -> None:
    with pytest.raises(ValueError, match=r"internal.port: clients connect at port 9000; choose another one"):
        check_ports(ListenSettings(host=host, port=9000), InternalSettings(host=internal, port=9000))


def test_ports_that_are_free() -> None:
    check_ports(ListenSettings(port=9000), NONE)
    check_ports(ListenSettings(port=9000), InternalSettings(port=9001))
    check_ports(ListenSettings(port=0), InternalSettings(port=0))
    check_ports(ListenSettings(host="10.0.0.1", port=9000), OWN)
    check_ports(ListenSettings(port=9000, unix_socket="/tmp/s"), OWN)


def test_a_port_that_systemd_may_replace() -> None:
    check_ports(ListenSettings(), InternalSettings(port=ListenSettings().port))
