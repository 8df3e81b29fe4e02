from __future__ import annotations

import inspect
import logging

import pytest

from rtserver.host import Server
from rtserver.server.delivery.duplicates import DuplicateSuppression
from rtserver.server.delivery.history import History
from rtserver.server.delivery.presence import Presence
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.api_settings import ApiKeySettings, ApiSettings
from rtserver.service.delivery_settings import (
    DuplicateSettings,
    HistorySettings,
    PresenceSettings,
    RecoverySettings,
)
from rtserver.service.log_settings import LogSettings
from rtserver.service.server_options import server_options, without_effect
from rtserver.service.settings import Config
from rtserver.service.socket_settings import SocketSettings
from rtserver.service.tracing_settings import TracingSettings

# Written otherwise in a config file, with the same meaning.
SAME = {
    "namespaces": (None, ["/"]),
    "transports": (None, ["polling", "websocket"]),
    "per_message_deflate": (None, False),
    "trusted_proxies": ((), []),
}


def test_the_settings_are_parameters_of_the_server_with_its_defaults() -> None:
    parameters = inspect.signature(Server).parameters
    for name, value in server_options(Config(app="chat:setup")).items():
        default = parameters[name].default
        assert (default, value) == SAME.get(name, (value, value)), name


def test_a_server_can_be_made_of_them() -> None:
    Server(**server_options(Config(app="chat:setup")))


def test_what_clients_do_is_logged_at_the_level_that_is_set() -> None:
    config = Config(app="chat:setup", log=LogSettings(clients=True))
    assert server_options(config)["logger"] is logging.getLogger("rtserver.server")


def test_recovery_is_on_when_it_is_enabled() -> None:
    config = Config(app="chat:setup", recovery=RecoverySettings(enabled=True, max_packets=7))
    assert server_options(config)["connection_state_recovery"] == ConnectionStateRecovery(max_packets=7)


def test_duplicates_history_and_presence_are_on_when_they_are_asked_for() -> None:
    config = Config(
        app="chat:setup",
        duplicates=DuplicateSettings(enabled=True, id_field="packetId"),
        history=HistorySettings(rooms=["chat:*"], replay=5),
        presence=PresenceSettings(rooms=["chat:*"], info=["name"], announce=True),
    )
    options = server_options(config)
    assert options["duplicate_suppression"] == DuplicateSuppression(id_field="packetId")
    assert options["history"] == History(["chat:*"], replay=5)
    assert options["presence"] == Presence(["chat:*"], info=["name"], announce=True)
    Server(**options)


def test_no_more_can_be_replayed_than_is_kept() -> None:
    with pytest.raises(ValueError, match="replay is 6, expected max_events, 5, or less"):
        HistorySettings(rooms=["x"], max_events=5, replay=6)


def test_settings_that_a_server_of_the_applications_own_has_no_ear_for() -> None:
    config = Config(
        app="chat:server",
        socket=SocketSettings(max_namespaces=5, max_rooms=5),
        tracing=TracingSettings(enabled=True, one_trace=True),
        log=LogSettings(clients=True),
    )
    idle = [
        "socket.max_namespaces",
        "socket.max_rooms",
        "tracing.enabled",
        "tracing.one_trace",
        "log.clients",
    ]
    assert without_effect(config) == idle
    api = ApiSettings(keys=[ApiKeySettings(name="test", key="k" * 32, scopes=["emit"])])
    assert without_effect(config.model_copy(update={"api": api})) == [
        name for name in idle if name != "tracing.enabled"
    ]
    assert without_effect(Config(app="chat:server")) == []
