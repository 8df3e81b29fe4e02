from __future__ import annotations

from tests.conformance.engineio_v4.conftest import _nothing_is_left, server

__all__ = ["_nothing_is_left", "server"]
