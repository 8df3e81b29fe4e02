"""Which handler an event goes to, compared with python-socketio's own choice for every combination."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any

import pytest
import socketio

from rtserver.server.handlers import HandlerRegistry

FUNCTIONS = [(namespace, event) for namespace in ("/a", "*") for event in ("x", "*", "connect", "disconnect")]
CLASSES = ["/a", "*"]
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("x", ("sid", 1)),
    ("y", ("sid", 2)),
    ("connect", ("sid", {}, {"token": 1})),
    ("disconnect", ("sid", "transport close")),
]


def function(name: str, *args: Any) -> Any:
    return (name, *args)


class Plain(socketio.AsyncNamespace):  # type: ignore[misc]
    async def on_x(self, *args: Any) -> Any:
        return (f"class {self.namespace} x", *args)

    def on_connect(self, *args: Any) -> Any:
        return (f"class {self.namespace} connect", *args)


class Overriding(socketio.AsyncNamespace):  # type: ignore[misc]
    async def trigger_event(self, event: str, *args: Any) -> Any:
        return (f"class {self.namespace} triggered", event, *args)


def subsets(items: list[Any]) -> Iterator[tuple[Any, ...]]:
    for size in range(len(items) + 1):
        yield from combinations(items, size)


async def ours(registry: HandlerRegistry, event: str, args: tuple[Any, ...]) -> Any:
    if event in ("connect", "disconnect"):
        lifecycle = registry.find_lifecycle("/a", event)
        if lifecycle is None:
            return None
        result = lifecycle.function(*(args if lifecycle.takes_last else args[:-1]))
    else:
        known = registry.find("/a", event)
        if known is None:
            return None
        result = known[0][0](*args)
    return await result if inspect.isawaitable(result) else result


@pytest.mark.parametrize("kind", [Plain, Overriding])
async def test_the_choice_is_python_socketios(kind: Any) -> None:
    compared = 0
    for functions in subsets(FUNCTIONS):
        for classes in subsets(CLASSES):
            theirs, registry = socketio.AsyncServer(), HandlerRegistry()
            for namespace, event in functions:
                handler = partial(function, f"{namespace} {event}")
                theirs.on(event, handler, namespace=namespace)
                registry.add(namespace, event, handler)
            for namespace in classes:
                theirs.register_namespace(kind(namespace))
                registry.add_class(kind(namespace))
            for event, args in CALLS:
                expected = await theirs._trigger_event(event, "/a", *args)
                if expected is theirs.not_handled:
                    expected = None
                assert await ours(registry, event, args) == expected, (functions, classes, event)
                compared += 1
    assert compared == 2 ** len(FUNCTIONS) * 4 * len(CALLS)
