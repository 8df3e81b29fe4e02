from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.cluster.message import Kind, Message
from rtserver.cluster.recovery.taken import Taken, Wanted, describe, shared, taken_of, wanted_of
from rtserver.cluster.wire import decode, encode
from rtserver.engineio.outgoing import Outgoing
from rtserver.errors import ClusterViolation
from rtserver.server.recovery.brought import Missed


def cross(data: dict[str, Any]) -> Any:
    """Let the data of a message cross a bus."""
    return decode(encode(Message("a", "/", Kind.TAKEN, data))).data


@pytest.mark.parametrize("attachments", [(), (b"\x00\xff", b"")])
def test_a_session_crosses_a_bus(attachments: tuple[bytes, ...]) -> None:
    event = Missed("a.7", Outgoing('451-["ä"]'.encode(), attachments))
    taken = Taken("sid", ("room", 12), {"name": "Ada"}, [event], {"a": 7, "b": 1})
    other = taken_of(cross(describe(taken)))
    assert other is not None
    [(offset, outgoing)] = other.missed
    assert (offset, outgoing.text, tuple(outgoing.attachments)) == ("a.7", event.outgoing.text, attachments)
    assert other._replace(missed=[]) == taken._replace(missed=[])


def test_there_may_be_no_session() -> None:
    assert taken_of(cross({"requestId": "1"})) is None


def test_rooms_that_mean_nothing_elsewhere_stay() -> None:
    assert shared(["a", 1, ("x",), None]) == ["a", 1]


GOOD: dict[str, Any] = {"sid": "sid", "rooms": [], "data": None, "events": [], "seen": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sid": 7},
        {"rooms": None},
        {"rooms": [None]},
        {"data": "x"},
        {"events": None},
        {"events": [7]},
        {"events": [["offset"]]},
        {"events": [[7, "text"]]},
        {"events": [["offset", b"text"]]},
        {"events": [["offset", "text", "text"]]},
        {"seen": []},
        {"seen": {"a": "x"}},
        {"seen": {"a": None}},
    ],
)
def test_what_is_no_session_is_refused(wrong: dict[str, Any]) -> None:
    assert taken_of(GOOD) is not None
    with pytest.raises(ClusterViolation):
        taken_of(GOOD | wrong)


def test_a_question_crosses_a_bus() -> None:
    for wanted in (Wanted("/", "pid", "a.7", 100), Wanted("/", "pid")):
        assert wanted_of(cross({**wanted._asdict(), "requestId": "1"})) == wanted


@pytest.mark.parametrize(
    "wrong", [{"namespace": None}, {"pid": 7}, {"offset": 7}, {"limit": None}, {"limit": True}]
)
def test_what_is_no_question_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ClusterViolation):
        wanted_of(Wanted("/", "pid")._asdict() | wrong)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, json)))
def test_anything_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        taken_of(data)
    except ClusterViolation as violation:
        assert len(str(violation)) < 300  # noqa: PT017
