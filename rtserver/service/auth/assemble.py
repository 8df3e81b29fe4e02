"""Build what asks clients for tokens from the configuration."""

from __future__ import annotations

from collections.abc import Callable

from rtserver.clock import Clock
from rtserver.service.auth.guard import Guard
from rtserver.service.auth.jwks import KeySet
from rtserver.service.auth.options import Expectations, Manners
from rtserver.service.auth.verifier import Verifier
from rtserver.service.settings import Config

__all__ = ["guard_of"]


def guard_of(config: Config, clock: Callable[[], Clock]) -> Guard:
    """Make what asks clients for tokens.

    Args:
        config: The configuration.
        clock: Returns the clock of the running loop.
    """
    settings = config.auth
    key_set = None
    if settings.jwks_url is not None:
        key_set = KeySet(
            settings.jwks_url, settings.jwks_max_age, settings.jwks_cooldown, lambda: clock().now()
        )
    required = list(dict.fromkeys([*settings.required, settings.user]))
    expected = Expectations(settings.audience, settings.issuer, settings.leeway, required)
    verifier = Verifier([each.key() for each in settings.keys], key_set, expected)
    manners = Manners(
        settings.sources,
        settings.name,
        settings.user,
        settings.refresh_before,
        settings.refresh_event,
        config.limits.connections_per_user,
    )
    return Guard(verifier, manners, clock)
