"""The parsers other than the default one: their names for Node.js, and what our server's `serializer` is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.examples import run

from .node import MSGPACK

__all__ = ["COMPACT", "compact_codec", "every_parser"]

COMPACT = "./parsers/compact.js"
"""The parser of the documentation, for Node.js."""


def compact_codec() -> Any:
    """Return the documentation's codec."""
    return run("docs/parsers.md", "codec")["CompactCodec"]()


every_parser = pytest.mark.parametrize(
    ("parser", "serializer"),
    [(MSGPACK, "msgpack"), (COMPACT, compact_codec())],
    ids=["msgpack", "compact"],
)
