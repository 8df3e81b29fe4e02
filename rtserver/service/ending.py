"""How long the end of a service may take, by its configuration."""

from __future__ import annotations

from typing import Final

from rtserver.service.settings import Config

__all__ = ["longest_drain", "longest_end"]

MARGIN: Final = 10.0
"""Seconds for everything that no setting speaks of."""


def longest_drain(config: Config) -> float:
    """Return the seconds in which a process that was told to end has ended, if nothing in it hangs.

    Its clients have ``drain_time``; then requests of the HTTP API, the clients' handlers, those that their
    leaving has started, webhooks, and other HTTP requests have ``shutdown_timeout`` each.
    """
    return config.drain_time + 5 * config.shutdown_timeout + MARGIN


def longest_end(config: Config) -> float:
    """Return the seconds in which a service that was told to end has ended, all its workers included."""
    return config.drain_delay + longest_drain(config) + MARGIN
