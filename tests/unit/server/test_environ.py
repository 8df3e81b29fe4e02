from __future__ import annotations

from collections.abc import Callable

import pytest

from rtserver.server.environ import Environ


class Keeper:
    environ: Environ | None = None


def make(**values: object) -> tuple[Environ, Keeper]:
    keeper = Keeper()
    return Environ({"PATH_INFO": "/", **values}, keeper), keeper


def test_reading_keeps_nothing() -> None:
    environ, keeper = make()
    assert environ["PATH_INFO"] == "/"
    assert environ.get("missing") is None
    assert dict(environ) == {"PATH_INFO": "/"}
    assert keeper.environ is None


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.__setitem__("user", 1),
        lambda e: e.__delitem__("PATH_INFO"),
        lambda e: e.update(user=1),
        lambda e: e.update({"user": 1}),
        lambda e: e.setdefault("user", 1),
        lambda e: e.pop("PATH_INFO"),
        lambda e: e.popitem(),
        lambda e: e.clear(),
        lambda e: e.__ior__({"user": 1}),
    ],
)
def test_any_change_keeps_it(change: Callable[[Environ], object]) -> None:
    environ, keeper = make()
    change(environ)
    assert keeper.environ is environ


def test_of_two_that_were_handed_out_neither_change_is_lost() -> None:
    first, keeper = make()
    second = Environ(first, keeper)
    first["a"] = 1
    second["b"] = 2
    assert keeper.environ is first
    assert first["a"] == 1
    assert first["b"] == 2


def test_the_request_is_let_go_without_counting_as_a_change() -> None:
    environ, keeper = make(**{"aiohttp.request": object()})
    environ.release_request()
    assert "aiohttp.request" not in environ
    assert keeper.environ is None
