from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtserver.clock import Clock
from rtserver.cluster.recovery.records import (
    Back,
    Data,
    Event,
    Gone,
    Head,
    Move,
    Session,
    encode_back,
    encode_data,
    encode_event,
    encode_gone,
    encode_head,
    encode_move,
    encode_session,
    read,
)
from rtserver.engineio.outgoing import Outgoing
from rtserver.server.counters import Counters
from rtserver.server.recovery.brought import Brought, Missed
from rtserver.server.recovery.memory import MemoryStore
from rtserver.server.recovery.options import ConnectionStateRecovery
from rtserver.server.recovery.session import RecoverableSession
from rtserver.server.target import Target
from tests.support.loop import FakeLoop

SMALL = [
    (encode_head(1.5, 7, {"a": 3}), Head(1.5, 7, {"a": 3})),
    (encode_move("pid", 7, "room", True), Move("pid", 7, "room", True)),
    (encode_move("pid", 7, 12, False), Move("pid", 7, 12, False)),
    (encode_data("pid", b"\x80"), Data("pid", b"\x80")),
    (encode_back("pid"), Back("pid")),
    (encode_gone("pid"), Gone("pid")),
]


def test_records_follow_one_another() -> None:
    assert list(read(b"".join(body for body, _ in SMALL))) == [record for _, record in SMALL]


@pytest.mark.parametrize("source", [None, ("a", 3)])
@pytest.mark.parametrize("attachments", [(), (b"\x00\xff", b"")])
def test_an_event(source: tuple[str, int] | None, attachments: tuple[bytes, ...]) -> None:
    body = encode_event(7, 1.5, Target("/", ["a", 12], ["x"]), Outgoing(b"text", attachments), source)
    [record] = read(body)
    assert isinstance(record, Event)
    assert (record.position, record.time, record.source) == (7, 1.5, source)
    assert record.target == Target("/", ("a", 12), ("x",))
    assert (record.outgoing.text, tuple(record.outgoing.attachments)) == (b"text", attachments)


def test_an_event_for_a_room_that_has_no_name_elsewhere_is_not_for_everyone() -> None:
    [record] = read(encode_event(7, 1.5, Target("/", [("room", 1)]), Outgoing(b""), None))
    assert isinstance(record, Event)
    assert record.target.rooms == ("",)


def test_a_session() -> None:
    clock = Clock(FakeLoop())
    store = MemoryStore(ConnectionStateRecovery(), 10.0, lambda: clock, Counters())
    session = RecoverableSession("pid", "sid", "/", store)
    session.moved("a", True)
    session.moved(("b",), True)
    expected = Session("pid", "sid", "/", 0, 0, ("a",), ((0, "a", True),), b"\x80", None, None, None)
    assert list(read(encode_session(session, ["a", ("b",)], b"\x80", None, None))) == [expected]
    session.brought = Brought("o.1", [Missed("o.2", Outgoing(b"text", (b"\x00",)))], {"o": 2})
    [record] = read(encode_session(session, ["a"], b"\xc0", 2.5, 1.5))
    assert isinstance(record, Session)
    assert record.brought is not None
    offset, [missed], vector = record.brought
    assert (offset, missed.offset, missed.outgoing.text, vector) == ("o.1", "o.2", b"text", {"o": 2})
    assert (list(missed.outgoing.attachments), record.left_at, record.lost_at) == ([b"\x00"], 2.5, 1.5)


@given(st.integers(0, 200))
def test_what_was_not_written_completely_is_left_out(cut: int) -> None:
    whole = b"".join(body for body, _ in SMALL)
    records = list(read(whole[:cut]))
    assert records == [record for _, record in SMALL][: len(records)]
    lengths = [sum(len(body) for body, _ in SMALL[: count + 1]) for count in range(len(SMALL))]
    assert len(records) == sum(length <= cut for length in lengths)


@given(st.binary(max_size=100))
def test_any_bytes_are_records_or_an_error(body: bytes) -> None:
    with suppress(ValueError):
        list(read(body))
