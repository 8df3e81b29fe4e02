from __future__ import annotations

from typing import Any

import pytest

from rtserver.server.interface.backend import event_args, united


def test_an_event_is_its_name_and_its_arguments() -> None:
    assert event_args("move", (1, (2, 3))) == ["move", 1, (2, 3)]
    assert event_args("stop", ()) == ["stop"]


@pytest.mark.parametrize("name", ["connect", "connect_error", "disconnect", "disconnecting"])
def test_names_that_mean_something_else_to_clients_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        event_args(name, ())


@pytest.mark.parametrize("name", [None, 7, b"bytes"])
def test_a_name_is_a_string(name: Any) -> None:
    with pytest.raises(TypeError, match="string"):
        event_args(name, ())


def test_rooms_one_by_one_and_in_lists_are_united() -> None:
    assert united((), ("a", ["b", "a"], ("c",))) == ("a", "b", "c")
    assert united(("a",), ({"a"}, iter("b"))) == ("a", "b")
    assert united((), ([],)) == ()
