"""What the configuration says of a `rtserver.Server`, as its keyword arguments."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.service.namespaces.claims import PUBLIC_CLAIMS
from rtserver.service.settings import Config

__all__ = ["server_options", "without_effect"]


def server_options(config: Config) -> dict[str, Any]:
    """Make the keyword arguments of the Server from the settings."""
    # A logger, where True would overrule the levels that are set for it.
    loggers = {"logger": logging.getLogger("rtserver.server")} if config.log.clients else {}
    delivery = {
        "connection_state_recovery": _recovery(config) or False,
        "duplicate_suppression": config.duplicates.options() or False,
        "history": config.history.options(
            {each.name: each.history for each in config.namespaces if each.history is not None}
        ),
        "presence": config.presence.options(
            {each.name: each.presence for each in config.namespaces if each.presence is not None},
            {each.name: [PUBLIC_CLAIMS] for each in config.namespaces if each.public},
        ),
    }
    cluster = {"client_manager": config.cluster.client_manager()}
    tracing = {"tracing": config.tracing.options() or False}
    return cluster | config.engine.model_dump() | _socket_options(config) | delivery | tracing | loggers


def _socket_options(config: Config) -> dict[str, Any]:
    options = config.socket.model_dump()
    if config.app is None and "namespaces" not in config.socket.model_fields_set:
        # Nobody is there for the main namespace, unless it is declared or the backend has it.
        options["namespaces"] = [*(each.name for each in config.namespaces), *config.webhooks.namespaces]
    return options


def _recovery(config: Config) -> ConnectionStateRecovery | None:
    options = config.recovery.options()
    if options is not None and (config.auth.namespaces or config.webhooks.namespaces or config.namespaces):
        # Whoever comes back shows a token that is valid now, and backend or declaration still wants it.
        return replace(options, skip_middlewares=False)
    return options


def without_effect(config: Config) -> list[str]:
    """Name the settings that speak to a Server which the application has made itself."""
    names = ("cluster", "engine", "socket", "recovery", "duplicates", "history", "presence", "tracing")
    idle = [f"{name}.{key}" for name in names for key in sorted(getattr(config, name).model_fields_set)]
    if config.api.keys and "tracing.enabled" in idle:
        idle.remove("tracing.enabled")  # requests of the API have spans
    return [*idle, "log.clients"] if config.log.clients else idle
