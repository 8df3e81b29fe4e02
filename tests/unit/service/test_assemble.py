from __future__ import annotations

import inspect
import logging

from rtserver.host import Server
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.assemble import server_options
from rtserver.service.settings import Config, LogSettings, RecoverySettings

# Written otherwise in a config file, with the same meaning.
SAME = {
    "namespaces": (None, ["/"]),
    "transports": (None, ["polling", "websocket"]),
    "per_message_deflate": (None, False),
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
