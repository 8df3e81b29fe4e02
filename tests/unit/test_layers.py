"""A layer imports only those above it, and the pure ones import no event loop and no host."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rtserver

ROOT = Path(rtserver.__file__).parent
ORDER = [
    "errors",
    "clock",
    "ids",
    "causes",
    "websocket",
    "engineio",
    "socketio",
    "plain",
    "server",
    "tracing",
    "cluster",
    "transport",
    "admin",
    "host",
    "testing",
    "service",
]
PURE = {"errors", "clock", "ids", "causes", "websocket", "engineio", "socketio", "plain"}
IO = {"aiohttp", "asyncio", "select", "selectors", "socket", "ssl", "uvloop"}
OUTSIDE = {"__init__", "__main__"}
"""Modules that are no layer: they put the layers together."""


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in OUTSIDE:
            found.append((parts[0], path))
    return found


def imports(source: str) -> Iterator[str]:
    """Return every module that is imported, wherever in the file: also for types only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which layer is meant"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(layer: str, source: str) -> list[str]:
    allowed = ORDER[: ORDER.index(layer) + 1]
    found = []
    for name in imports(source):
        top, _, rest = name.partition(".")
        if top == "rtserver" and rest and rest.split(".")[0] not in [*allowed, "__version__"]:
            found.append(name)
        if layer in PURE and top in IO:
            found.append(name)
    return found


def test_every_module_is_in_a_layer() -> None:
    assert {layer for layer, _ in modules()} == set(ORDER)


@pytest.mark.parametrize(("layer", "path"), modules(), ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_a_module_imports_only_layers_above_its_own(layer: str, path: Path) -> None:
    assert violations(layer, path.read_text()) == []


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("engineio", "from rtserver.server.server import SocketIOServer"),
        ("server", "from rtserver import transport"),
        ("cluster", "def late():\n    import rtserver.transport.engine_server"),
        ("socketio", "import asyncio"),
        ("clock", "from asyncio import AbstractEventLoop"),
        ("websocket", "from aiohttp.web import Request"),
    ],
)
def test_the_check_sees_a_violation(layer: str, source: str) -> None:
    assert violations(layer, source)
