from __future__ import annotations

from rtserver.host import Server
from rtserver.service.settings import Config
from rtserver.service.webhook_settings import WebhookSettings
from rtserver.service.webhooks.assemble import attachment_of, backend_of

SETTINGS = WebhookSettings(
    url="http://127.0.0.1:9100/",
    secrets=["whsec_bWFrZSBvbmUgb2YgeW91ciBvd24sIHBsZWFzZQ=="],
    namespaces=["/chat"],
    events=["a"],
    connect=False,
    disconnect=False,
    max_client_waiting=3,
)


async def test_the_backend_has_what_is_set() -> None:
    backend = backend_of(Config(app="app:setup", webhooks=SETTINGS), Server())
    assert backend._delivery._policy == SETTINGS.policy()
    attachment = attachment_of(SETTINGS, backend)
    assert attachment.backend is backend
    assert (attachment.namespaces, attachment.events) == (["/chat"], ["a"])
    assert (attachment.connect, attachment.disconnect) == (False, False)
    await backend.close(0)
