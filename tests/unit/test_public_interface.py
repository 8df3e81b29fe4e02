"""The promise that an application of python-socketio moves by changing one import, kept by introspection."""

from __future__ import annotations

import inspect
from typing import Any

import engineio
import pytest
import socketio
from socketio.base_server import BaseServer

import rtserver

ENGINE_ONLY = {"async_handlers", "json", "logger"}
"""Parameters that the Engine.IO server has as well: given to `Server`, they mean the Socket.IO layer."""

METHODS = [
    name
    for name, _ in inspect.getmembers(socketio.AsyncServer, inspect.isfunction)
    if not name.startswith("_")
]


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(function).parameters.values()
        if each.name != "self"
    ]


def test_the_methods_are_known() -> None:
    assert len(METHODS) == 23
    assert {"emit", "instrument", "call", "attach", "on", "session"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_signature_of_python_socketios(name: str) -> None:
    ours = getattr(rtserver.Server, name)
    theirs = getattr(socketio.AsyncServer, name)
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    added = [each for each in parameters(ours) if each[1] is keyword_only and each not in parameters(theirs)]
    assert all(default is not inspect.Parameter.empty for _, _, default in added)
    assert [each for each in parameters(ours) if each not in added] == parameters(theirs)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def defaults(*functions: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for function in functions:
        for name, kind, default in parameters(function):
            if kind is not inspect.Parameter.VAR_KEYWORD:
                found.setdefault(name, default)
    return found


def test_the_constructor_takes_every_parameter_with_the_same_default() -> None:
    theirs = defaults(socketio.AsyncServer.__init__, BaseServer.__init__)
    theirs |= {
        name: default
        for name, default in defaults(engineio.base_server.BaseServer.__init__).items()
        if name not in ENGINE_ONLY
    }
    theirs["engineio_logger"] = None
    ours = defaults(rtserver.Server.__init__)
    assert {name: ours.get(name, "missing") for name in theirs} == theirs


def test_what_may_be_given_by_position_is_the_same() -> None:
    theirs = [
        name for name, kind, _ in parameters(socketio.AsyncServer.__init__) if kind.name != "VAR_KEYWORD"
    ]
    ours = [
        name
        for name, kind, _ in parameters(rtserver.Server.__init__)
        if kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    assert ours == theirs


def test_reasons_and_reserved_events_are_the_same() -> None:
    assert rtserver.Server.reserved_events == socketio.AsyncServer.reserved_events
    for name in (
        "SERVER_DISCONNECT",
        "CLIENT_DISCONNECT",
        "PING_TIMEOUT",
        "TRANSPORT_CLOSE",
        "TRANSPORT_ERROR",
    ):
        assert getattr(rtserver.Server.reason, name) == getattr(socketio.AsyncServer.reason, name)


def test_the_package_exports_exactly_this() -> None:
    assert sorted(rtserver.__all__) == [
        "Answers",
        "ApiError",
        "BackendError",
        "BlockingEmitter",
        "BroadcastOperator",
        "ClusterViolation",
        "ConfigError",
        "ConnectionClosed",
        "ConnectionStateRecovery",
        "DeflateOptions",
        "Drop",
        "DuplicateSuppression",
        "Emitter",
        "EmitterError",
        "EngineRequestError",
        "EngineServer",
        "EngineViolation",
        "EventRefused",
        "Handshake",
        "HandshakeError",
        "History",
        "HistoryEvent",
        "HistoryPage",
        "HttpError",
        "PassageViolation",
        "PlainViolation",
        "Presence",
        "PresencePage",
        "ProtocolError",
        "RedisManager",
        "RedisStatus",
        "RefusedRequest",
        "RemoteSocket",
        "RtserverError",
        "Server",
        "ServerNamespace",
        "SlowClientPolicy",
        "Socket",
        "SocketHandshake",
        "SocketOperator",
        "SocketViolation",
        "Sockets",
        "StartError",
        "TokenError",
        "TooManyRooms",
        "Tracing",
        "WebSocket",
        "WebSocketViolation",
        "__version__",
        "websocket_handler",
    ]
    for name in rtserver.__all__:
        assert getattr(rtserver, name) is not None


def test_the_testing_interface_is_pinned() -> None:
    from rtserver import testing  # noqa: PLC0415

    assert testing.__all__ == ["Event", "TestClient", "TestSocket"]


def test_every_error_is_exported() -> None:
    from rtserver import errors  # noqa: PLC0415

    assert set(errors.__all__) <= set(rtserver.__all__)
