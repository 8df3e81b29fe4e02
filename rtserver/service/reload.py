"""Take over a configuration that has changed, as far as a single process can while it serves.

With workers the supervisor does more: it replaces them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import BaseModel

from rtserver.errors import ConfigError
from rtserver.service.assemble import Service
from rtserver.service.logs import configure_logging
from rtserver.service.settings import Config

__all__ = ["changes", "reload"]

logger = logging.getLogger("rtserver.service")

_TAKEN: Final = frozenset(
    {
        "drain_delay",
        "drain_time",
        "listen.tls_certificate",
        "listen.tls_key",
        "listen.tls_reload_interval",
        "log.format",
        "log.level",
        "log.levels",
        "shutdown_timeout",
    }
)
"""Settings that can change while the service runs."""


def reload(service: Service, load: Callable[[], Config]) -> bool:
    """Read the configuration and the certificate again, and take over what can change.

    What is wrong is logged, and everything stays as it is.

    Args:
        service: The service, which listens.
        load: Reads the configuration.

    Returns:
        Whether it can be used.
    """
    logger.info("SIGHUP received: reading the configuration again")
    old = service.config
    try:
        new = load()
        listen = new.listen
        if service.certificate is not None and listen.tls_certificate is not None:
            service.certificate.renew(listen)
    except ConfigError as error:
        logger.error("the present configuration stays, because the new one can't be used:\n%s", error)
        return False
    found = set(changes(old, new))
    kept = found - _TAKEN
    if (old.listen.tls_certificate is None) is not (listen.tls_certificate is None):
        kept |= {"listen.tls_certificate"} | (found & {"listen.tls_key"})
    service.config = _merged(old, new, found - kept)
    configure_logging(service.config.log, before=old.log)
    if kept:
        logger.warning(
            "%s: changed, which takes effect when the service is started again", ", ".join(sorted(kept))
        )
    logger.info("the configuration is in use")
    return True


def changes(old: BaseModel, new: BaseModel, above: str = "") -> Iterator[str]:
    """Name the settings, by their dotted keys, whose values are different in two configurations."""
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and type(before) is type(after):
            yield from changes(before, after, f"{above}{name}.")
        elif before != after:
            yield above + name


def _merged(old: Config, new: Config, keys: set[str]) -> Config:
    """Return the old configuration with these settings of the new one."""
    update: dict[str, Any] = {}
    for key in keys:
        table, _, name = key.rpartition(".")
        if table:
            section = update.get(table, getattr(old, table))
            update[table] = section.model_copy(update={name: getattr(getattr(new, table), name)})
        else:
            update[name] = getattr(new, name)
    return old.model_copy(update=update)
