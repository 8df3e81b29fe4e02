from __future__ import annotations

from typing import Any

import pytest

from rtserver.cluster.message import (
    answer_of,
    describe,
    describe_answer,
    details_of,
    event_of,
    flags_of,
    options,
    target_of,
)
from rtserver.errors import ClusterViolation
from rtserver.server.answers import SocketDetails
from rtserver.server.target import PLAIN, Flags, Target


def test_what_an_event_is_for_and_how_it_is_delivered() -> None:
    assert options(Target("/")) == {"rooms": [], "except": [], "flags": {}}
    target, flags = Target("/", ("x",), ("y",)), Flags(volatile=True, compress=False, key="k")
    described = options(target, flags, 1.5)
    assert described == {
        "rooms": ["x"],
        "except": ["y"],
        "flags": {"volatile": True, "compress": False, "conflate": "k", "timeout": 1500},
    }
    assert target_of("/", described) == Target("/", ["x"], ["y"])
    assert flags_of(described) == (flags, 1.5)


@pytest.mark.parametrize("described", [{}, {"flags": {}}, {"flags": None}, {"flags": {"compress": True}}])
def test_an_ordinary_event_is_known_as_one(described: dict[str, Any]) -> None:
    assert flags_of(described) == (PLAIN, None)
    assert flags_of(described)[0] is PLAIN


@pytest.mark.parametrize("opts", [None, [], {"rooms": "x"}, {"rooms": [{}]}, {"rooms": [], "except": [None]}])
def test_a_target_that_is_none(opts: Any) -> None:
    with pytest.raises(ClusterViolation, match="of a message: received"):
        target_of("/", opts)


@pytest.mark.parametrize("packet", [None, [], {}, {"data": []}, {"data": [1]}, "event"])
def test_an_event_that_is_none(packet: Any) -> None:
    with pytest.raises(ClusterViolation, match="an event of a message: received"):
        event_of(packet)


def test_events() -> None:
    assert event_of({"type": 2, "data": ["event", 1]}) == ["event", 1]
    assert event_of(("event",)) == ["event"]


def test_sockets() -> None:
    details = SocketDetails("sid", {"url": "/"}, ["sid", "x"], {"user": 1})
    assert describe(details) == {
        "id": "sid",
        "handshake": {"url": "/"},
        "rooms": ["sid", "x"],
        "data": {"user": 1},
    }
    assert details_of(describe(details)) == details
    assert details_of({"id": "sid", "data": None}) == SocketDetails("sid", {}, [], {})


@pytest.mark.parametrize("described", [None, "sid", {}, {"id": 1}])
def test_a_socket_that_is_none(described: Any) -> None:
    with pytest.raises(ClusterViolation, match="a socket of a message: received"):
        details_of(described)


@pytest.mark.parametrize(
    ("answer", "described"),
    [
        (None, {"packet": None}),
        (["a", "b"], {"packet": ["a", "b"]}),
        (("a", ["b"], None), {"packet": "a", "more": [["b"], None]}),
    ],
)
def test_nodes_servers_are_told_the_first_argument_of_an_answer_and_ours_all(
    answer: Any, described: dict[str, Any]
) -> None:
    assert describe_answer(answer) == described
    assert answer_of(described) == answer


@pytest.mark.parametrize("more", [None, [], "b", {"b": 1}])
def test_what_is_no_array_is_no_further_argument(more: Any) -> None:
    assert answer_of({"packet": "a", "more": more}) == "a"
