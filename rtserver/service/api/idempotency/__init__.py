"""Requests that a backend sends again are done once: those with the same ``Idempotency-Key``."""
