"""Which namespaces are listened for, and when one is shut."""

from __future__ import annotations

from typing import Any, cast

import pytest

from rtserver.cluster import namespaces as module
from rtserver.cluster.bus import MEETING, Bus
from rtserver.cluster.namespaces import Namespaces


class Noted:
    """A bus that only takes note of what it is to listen for."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.shut_again: list[str] = []

    def open(self, namespace: str) -> None:
        self.opened.add(namespace)

    def shut(self, namespace: str) -> None:
        self.opened.remove(namespace)
        self.shut_again.append(namespace)


class Ends:
    def __init__(self) -> None:
        self.bus = Noted()
        self.awaited: set[str] = set()
        self.namespaces = Namespaces(cast(Bus, self.bus), self.awaited.__contains__)

    def use(self, *names: str) -> None:
        for name in names:
            self.namespaces.open(name)
            self.namespaces.shut(name)


@pytest.fixture(autouse=True)
def two_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IDLE", 2)


def test_those_that_are_idle_for_longest_are_shut() -> None:
    ends = Ends()
    ends.namespaces.open("/stays")
    ends.use("/a", "/b", "/a", "/c")
    assert ends.bus.shut_again == ["/b"]
    assert ends.bus.opened == {"/stays", "/a", "/c"}


def test_one_that_is_opened_again_is_idle_no_more() -> None:
    ends = Ends()
    ends.use("/a")
    ends.namespaces.open("/a")
    ends.use("/b", "/c", "/d")
    assert ends.bus.opened == {"/a", "/c", "/d"}


def test_the_one_where_servers_meet_is_never_shut() -> None:
    ends = Ends()
    ends.use(MEETING, "/a", "/b", "/c")
    assert ends.bus.opened == {MEETING, "/b", "/c"}


def test_what_was_never_opened_may_be_shut() -> None:
    ends = Ends()
    for name in ("/a", "/b", "/c"):
        ends.namespaces.shut(name)
    assert ends.bus.opened == set()
    assert ends.bus.shut_again == []


def test_one_to_which_a_client_may_come_back_is_listened_for() -> None:
    ends = Ends()
    ends.awaited.add("/a")
    ends.use("/a", "/b", "/c", "/d")
    assert ends.bus.opened == {"/a", "/c", "/d"}
    ends.awaited.clear()
    ends.namespaces.expect("/a")
    assert ends.bus.opened == {"/a", "/d"}
    ends.use("/e", "/f")
    assert ends.bus.opened == {"/e", "/f"}


def test_one_that_somebody_may_come_to_is_listened_for_and_not_for_ever() -> None:
    ends = Ends()
    ends.namespaces.expect("/a")
    assert ends.bus.opened == {"/a"}
    ends.use("/b", "/c")
    assert ends.bus.opened == {"/b", "/c"}


def test_a_question_keeps_its_namespace_open_until_it_ends() -> None:
    ends = Ends()
    with ends.namespaces.listening("/a"):
        with ends.namespaces.listening("/a"):
            ends.use("/b", "/a", "/c", "/d")
            assert ends.bus.opened == {"/a", "/c", "/d"}
        ends.use("/e")
        assert ends.bus.opened == {"/a", "/d", "/e"}
    assert ends.bus.opened == {"/a", "/e"}


def test_a_question_in_a_namespace_that_is_open_changes_nothing() -> None:
    ends = Ends()
    ends.namespaces.open("/a")
    with ends.namespaces.listening("/a"):
        pass
    ends.use("/b", "/c", "/d")
    assert ends.bus.opened == {"/a", "/c", "/d"}


def test_a_question_that_fails_ends_too() -> None:
    ends = Ends()

    def fail() -> Any:
        with ends.namespaces.listening("/a"):
            raise ValueError("of a test")

    with pytest.raises(ValueError, match="of a test"):
        fail()
    ends.use("/b", "/c")
    assert ends.bus.opened == {"/b", "/c"}
