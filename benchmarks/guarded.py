"""Ours as a service that strangers reach: with tokens, limits and metrics."""

from __future__ import annotations

import json
import time
from typing import Final

import jwt

__all__ = ["environment", "query"]

SECRET: Final = "a secret of thirty-two bytes or more, of the benchmark"
HOUR: Final = 3600


def environment() -> dict[str, str]:
    """Return the settings. The limits are counted and never reached."""
    return {
        "RTSERVER_AUTH__NAMESPACES": json.dumps(["/"]),
        "RTSERVER_AUTH__SOURCES": json.dumps(["query"]),
        "RTSERVER_AUTH__KEYS": json.dumps([{"algorithm": "HS256", "secret": SECRET}]),
        "RTSERVER_LIMITS__CONNECTIONS": "100000",
        "RTSERVER_LIMITS__CONNECTIONS_PER_ADDRESS": "100000",
        "RTSERVER_LIMITS__EVENTS_PER_SECOND": "1000000",
        "RTSERVER_LIMITS__EVENTS_BURST": "1000000",
        "RTSERVER_LIMITS__BYTES_PER_SECOND": "1000000000",
        "RTSERVER_LIMITS__BYTES_BURST": "1000000000",
        "RTSERVER_METRICS__ENABLED": "true",
    }


def query() -> str:
    """Return what a client's request has in its query then: its token."""
    claims = {"sub": "benchmark", "iat": int(time.time()), "exp": int(time.time()) + HOUR}
    return f"&token={jwt.encode(claims, SECRET, 'HS256')}"
