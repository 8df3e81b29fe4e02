"""What a configuration means for the workers, and which one can follow another without a new start."""

from __future__ import annotations

from typing import Final

from rtserver.errors import ConfigError
from rtserver.service.ending import longest_drain
from rtserver.service.settings import Config
from rtserver.service.workers.count import worker_count
from rtserver.service.workers.members import Patience, Plan

__all__ = ["check_reload", "plan_of"]

FIXED: Final = ("host", "port", "unix_socket", "unix_socket_mode", "backlog")
"""Settings of the address, which is bound once."""


def plan_of(config: Config) -> Plan:
    """Make the plan of a configuration."""
    patience = Patience(
        start=config.worker_start_timeout,
        silence=config.worker_timeout,
        drain=longest_drain(config),
    )
    return Plan(config, worker_count(config.workers), patience)


def check_reload(old: Config, new: Config) -> None:
    """Refuse what the supervisor has settled at its start: where and how it listens, and what it answers.

    Raises:
        ConfigError: Something of that is to be another.
    """
    problems = [
        f"listen.{key}: received {getattr(new.listen, key)!r}, expected {getattr(old.listen, key)!r}"
        for key in FIXED
        if getattr(new.listen, key) != getattr(old.listen, key)
    ]
    if new.internal != old.internal:
        problems.append("internal: its address can't be changed")
    if new.metrics != old.metrics:
        problems.append("metrics.enabled: the supervisor, which answers for all workers, can't change it")
    if (new.listen.tls_certificate is None) is not (old.listen.tls_certificate is None):
        problems.append("listen.tls_certificate: TLS can't be switched on or off")
    if problems:
        raise ConfigError([f"{problem}; stop the service and start it again" for problem in problems])
