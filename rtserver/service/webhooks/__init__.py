"""A backend behind an HTTP address that decides about clients and answers their events (docs/webhooks.md)."""
