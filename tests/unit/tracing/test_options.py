from __future__ import annotations

from importlib import util
from typing import Any

import pytest

from rtserver import Server, StartError, Tracing
from rtserver.tracing.options import missing


def test_the_defaults() -> None:
    assert Tracing() == Tracing(traceparent=("headers", "auth"), one_trace=False)


def test_an_unknown_place_is_refused() -> None:
    places: Any = ("query",)
    with pytest.raises(ValueError, match="traceparent: received 'query', expected 'headers' or 'auth'"):
        Tracing(traceparent=places)


def test_it_is_there() -> None:
    assert missing() is None


@pytest.mark.parametrize("is_package_there", [True, False])
def test_it_has_to_be_installed(monkeypatch: pytest.MonkeyPatch, is_package_there: bool) -> None:
    def find(name: str) -> None:
        if not is_package_there:
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(util, "find_spec", find)
    with pytest.raises(
        StartError, match=r"tracing: opentelemetry-api isn't installed: pip install 'rtserver\["
    ):
        Server(tracing=True)
    Server()  # needs it only where spans are wanted


def test_a_server_makes_none_by_itself() -> None:
    assert Server()._hub.spans is None
