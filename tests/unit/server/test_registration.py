from __future__ import annotations

from typing import Any

import pytest
import socketio

from tests.unit.server.harness import Harness


def test_every_way_to_register_a_handler_returns_what_python_socketio_returns() -> None:
    sio = Harness().sio

    def function(sid: str) -> None:
        pass

    assert sio.on("a", function) is None
    assert sio.on("b")(function) is function
    assert sio.on("c", namespace="/x")(function) is function
    assert sio.event(function) is function
    assert sio.event(namespace="/x")(function) is function
    find = sio._hub.handlers.find
    assert all(find("/", name) for name in ("a", "b", "function"))
    assert all(find("/x", name) for name in ("c", "function"))
    assert find("/", "c") is None


def test_class_namespaces_know_their_server() -> None:
    sio = Harness().sio
    namespace = socketio.AsyncNamespace("/a")
    sio.register_namespace(namespace)
    assert namespace.server is sio


@pytest.mark.parametrize("wrong", [socketio.Namespace("/a"), socketio.AsyncNamespace, object(), None])
def test_anything_else_is_not_a_class_namespace(wrong: Any) -> None:
    with pytest.raises(ValueError, match="AsyncNamespace"):
        Harness().sio.register_namespace(wrong)
