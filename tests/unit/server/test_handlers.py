from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock

import pytest
import socketio

from rtserver.server.handlers import HandlerRegistry, is_coroutine_function, positional_limit


async def coroutine(*args: Any) -> Any:
    return args


def plain(*args: Any) -> Any:
    return args


class CallableObject:
    async def __call__(self, sid: str) -> None:
        pass


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (coroutine, True),
        (plain, False),
        (functools.partial(coroutine, 1), True),
        (functools.partial(plain, 1), False),
        (AsyncMock(), True),
        (CallableObject(), True),
        (print, False),
        (lambda: None, False),
    ],
)
def test_coroutine_functions_are_told_from_plain_ones(function: Any, expected: bool) -> None:
    assert is_coroutine_function(function) is expected


def test_positional_arguments_are_counted_once_and_for_all_kinds_of_functions() -> None:
    assert positional_limit(lambda sid, environ: None) == 2
    assert positional_limit(lambda sid, environ, auth=None: None) == 3
    assert positional_limit(lambda sid, *, reason: None) == 1
    assert positional_limit(plain) > 100
    assert positional_limit(functools.partial(lambda a, b, c: None, 1)) == 2
    assert positional_limit(CallableObject()) == 1
    assert positional_limit(dict.get) == 3
    assert positional_limit(dict) > 100


def passes_on(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def asks_for_auth(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(sid: str, environ: Any, auth: Any = None) -> Any:
        return function(sid, environ)

    return wrapper


class Decorated:
    @passes_on
    def method(self, sid: str, environ: Any) -> None:
        pass


def test_a_decorated_function_takes_what_its_decorator_takes() -> None:
    def connect(sid: str, environ: Any) -> None:
        pass

    assert positional_limit(asks_for_auth(connect)) == 3
    assert positional_limit(passes_on(connect)) == 2
    assert positional_limit(passes_on(asks_for_auth(connect))) == 3
    assert positional_limit(asks_for_auth(passes_on(connect))) == 3
    assert positional_limit(passes_on(passes_on(connect))) == 2
    assert positional_limit(Decorated().method) == 2
    assert positional_limit(passes_on(plain)) > 100


class Recorder(socketio.AsyncNamespace):  # type: ignore[misc]
    def on_plain(self, *args: Any) -> Any:
        return ("plain", *args)

    async def on_later(self, *args: Any) -> Any:
        return ("later", *args)


class Overriding(socketio.AsyncNamespace):  # type: ignore[misc]
    async def trigger_event(self, event: str, *args: Any) -> Any:
        return ("triggered", event, *args)


def call(registry: HandlerRegistry, namespace: str, event: str, *args: Any) -> Any:
    known = registry.find(namespace, event)
    assert known is not None
    (function, is_async), _ = known
    result = function(*args)
    if not is_async:
        return result
    with pytest.raises(StopIteration) as stop:
        result.send(None)
    return stop.value.value


def registry_with(*keys: tuple[str, str]) -> HandlerRegistry:
    registry = HandlerRegistry()
    for namespace, event in keys:
        registry.add(namespace, event, functools.partial(plain, f"{namespace}:{event}"))
    return registry


EVERYTHING = [("/a", "x"), ("/a", "*"), ("*", "x"), ("*", "*")]


def test_precedence_of_function_handlers_and_their_arguments() -> None:
    assert call(registry_with(*EVERYTHING), "/a", "x", "sid", 1) == ("/a:x", "sid", 1)
    assert call(registry_with(*EVERYTHING[1:]), "/a", "x", "sid", 1) == ("/a:*", "x", "sid", 1)
    assert call(registry_with(*EVERYTHING[2:]), "/a", "x", "sid", 1) == ("*:x", "/a", "sid", 1)
    assert call(registry_with(*EVERYTHING[3:]), "/a", "x", "sid", 1) == ("*:*", "x", "/a", "sid", 1)
    assert registry_with(("/a", "x")).find("/b", "x") is None
    assert registry_with(("/a", "x")).find("/a", "y") is None


@pytest.mark.parametrize("namespace", ["/a", "*"])
def test_an_event_that_is_named_like_the_handler_of_all_is_one_of_them(namespace: str) -> None:
    registry = registry_with((namespace, "*"))
    name, *args = call(registry, "/a", "*", "sid", "another's sid")
    assert name == f"{namespace}:*"
    assert args == ["*", *(["/a"] if namespace == "*" else []), "sid", "another's sid"]
    found = registry.find("/a", "*")
    assert found is not None
    assert not found[1]  # it isn't remembered for the name


@pytest.mark.parametrize("keys", [EVERYTHING[:1], EVERYTHING[1:2], EVERYTHING[2:3], EVERYTHING[3:]])
def test_every_function_handler_goes_before_a_class_namespace(keys: list[tuple[str, str]]) -> None:
    registry = registry_with(*keys)
    registry.add_class(Overriding("/a"))
    namespace, event = keys[0]
    assert call(registry, "/a", "x", "sid")[0] == f"{namespace}:{event}"


def test_class_namespaces() -> None:
    registry = HandlerRegistry()
    registry.add_class(Recorder("/a"))
    assert call(registry, "/a", "plain", "sid", 1) == ("plain", "sid", 1)
    assert call(registry, "/a", "later", "sid", 1) == ("later", "sid", 1)
    assert registry.find("/b", "plain") is None


def test_a_class_namespace_answers_events_that_it_has_no_method_for() -> None:
    registry = HandlerRegistry()
    registry.add_class(Recorder("/a"))
    assert call(registry, "/a", "other", "sid", 1) is None


def test_a_class_for_every_namespace_receives_the_namespace() -> None:
    registry = HandlerRegistry()
    registry.add_class(Recorder("*"))
    assert call(registry, "/b", "plain", "sid", 1) == ("plain", "/b", "sid", 1)
    registry.add_class(Overriding("/b"))
    assert call(registry, "/b", "plain", "sid", 1) == ("triggered", "plain", "sid", 1)


def test_an_overridden_trigger_event_receives_every_event() -> None:
    registry = HandlerRegistry()
    registry.add_class(Overriding("*"))
    assert call(registry, "/c", "whatever", "sid", 1) == ("triggered", "whatever", "/c", "sid", 1)


def test_only_what_can_not_change_and_what_no_client_can_name_may_be_remembered() -> None:
    def holds(registry: HandlerRegistry, event: str) -> bool:
        known = registry.find("/a", event)
        assert known is not None
        return known[1]

    assert holds(registry_with(("/a", "x")), "x")
    assert holds(registry_with(("*", "x")), "x")
    assert not holds(registry_with(("/a", "*")), "x")
    assert not holds(registry_with(("*", "*")), "x")
    registry = HandlerRegistry()
    instance = Recorder("/a")
    registry.add_class(instance)
    assert holds(registry, "plain")
    assert not holds(registry, "other")
    instance.on_plain = plain  # type: ignore[method-assign]
    assert not holds(registry, "plain")
    registry.add_class(Overriding("/a"))
    assert not holds(registry, "plain")


def test_connect_and_disconnect_never_go_to_a_catch_all() -> None:
    registry = registry_with(("/a", "*"), ("*", "*"))
    assert registry.find_lifecycle("/a", "connect") is None
    assert registry.find("/a", "disconnect") is None


@pytest.mark.parametrize(
    ("event", "function", "takes_last"),
    [
        ("connect", lambda sid, environ: None, False),
        ("connect", lambda sid, environ, auth: None, True),
        ("connect", lambda sid, environ, auth=None: None, True),
        ("connect", plain, True),
        ("disconnect", lambda sid: None, False),
        ("disconnect", lambda sid, reason: None, True),
        ("disconnect", plain, True),
    ],
)
def test_the_optional_argument_goes_to_handlers_that_take_it(
    event: str, function: Any, takes_last: bool
) -> None:
    registry = HandlerRegistry()
    registry.add("/a", event, function)
    found = registry.find_lifecycle("/a", event)
    assert found is not None
    assert found.takes_last is takes_last


def test_a_connect_handler_for_every_namespace_takes_the_namespace_first() -> None:
    registry = HandlerRegistry()
    registry.add("*", "connect", lambda namespace, sid, environ: (namespace, sid, environ))
    found = registry.find_lifecycle("/any", "connect")
    assert found is not None
    assert not found.takes_last
    assert found.function("sid", {}) == ("/any", "sid", {})
    registry.add("*", "connect", lambda namespace, sid, environ, auth: None)
    found = registry.find_lifecycle("/any", "connect")
    assert found is not None
    assert found.takes_last


class Old(socketio.AsyncNamespace):  # type: ignore[misc]
    async def on_connect(self, sid: str, environ: Any) -> Any:
        return sid, environ

    def on_disconnect(self, sid: str) -> str:
        return sid


class OldOverriding(Old):
    async def trigger_event(self, event: str, *args: Any) -> Any:
        return await super().trigger_event(event, *args)


def test_class_namespaces_with_the_older_forms() -> None:
    registry = HandlerRegistry()
    registry.add_class(Old("/a"))
    for event, is_async in (("connect", True), ("disconnect", False)):
        found = registry.find_lifecycle("/a", event)
        assert found is not None
        assert (found.is_async, found.takes_last) == (is_async, False)
    registry.add_class(OldOverriding("/a"))
    found = registry.find_lifecycle("/a", "connect")
    assert found is not None
    assert (found.is_async, found.takes_last) == (True, False)
    registry.add_class(Overriding("/a"))
    found = registry.find_lifecycle("/a", "connect")
    assert found is not None
    assert found.takes_last


def test_a_class_namespace_without_a_method_accepts() -> None:
    registry = HandlerRegistry()
    registry.add_class(Recorder("/a"))
    assert registry.find_lifecycle("/a", "connect") is None
    assert registry.has_namespace("/a")
    assert not registry.has_namespace("/b")
