"""The kinds of client and transport that a test runs with."""

from __future__ import annotations

import pytest

from .node import KINDS, Transport

__all__ = ["every_client", "every_transport"]

every_client = pytest.mark.parametrize("kind", KINDS)
every_transport = pytest.mark.parametrize("transport", list(Transport), ids=lambda transport: transport.value)
