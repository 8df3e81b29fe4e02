"""Build the backend from the configuration."""

from __future__ import annotations

from rtserver.clock import Clock
from rtserver.host import Server
from rtserver.service.api.addresses import Addresses
from rtserver.service.settings import Config
from rtserver.service.webhook_settings import WebhookSettings
from rtserver.service.webhooks.attach import Attachment
from rtserver.service.webhooks.backend import Backend
from rtserver.service.webhooks.breaker import Breaker
from rtserver.service.webhooks.delivery import Delivery
from rtserver.service.webhooks.elsewhere import Elsewhere
from rtserver.service.webhooks.returning import Tokens
from rtserver.service.webhooks.signing import Signer

__all__ = ["attachment_of", "backend_of"]


def backend_of(config: Config, server: Server) -> Backend:
    """Make the backend.

    Args:
        config: The configuration. It says where the backend is.
        server: Whose clients it decides about.
    """
    settings, auth = config.webhooks, config.auth
    assert settings.url is not None

    def clock() -> Clock:
        return server.eio.clock

    policy = settings.policy()
    endpoint = config.tracing.endpoint()(settings.url, settings.max_answer, settings.tls())
    breaker = Breaker(settings.breaker_failures, settings.breaker_time)
    return Backend(
        Addresses(server, config.api.user_room),
        Delivery(endpoint, Signer(settings.signing_keys()), breaker, policy, clock),
        policy,
        clock,
        headers=settings.headers,
        tells_ends=settings.disconnect,
        tokens=Tokens(auth.namespaces, auth.name, auth.user),
        elsewhere=Elsewhere(server) if config.recovery.enabled else None,
    )


def attachment_of(settings: WebhookSettings, backend: Backend) -> Attachment:
    """Return what of an application's namespaces the backend has."""
    return Attachment(backend, settings.namespaces, settings.connect, settings.events, settings.disconnect)
